// Starts a deck: formulas first, then reveal.js, then letters as large as each slide allows.
const LARGEST = 34, SMALLEST = 22; // px of code and tables, on a slide of 1280 x 720

const fits = (slide) => slide.scrollHeight <= slide.clientHeight
  && [...slide.querySelectorAll("pre, table, mjx-container")].every((part) => part.scrollWidth <= slide.clientWidth - 112)
  && [...slide.querySelectorAll("pre")].every((part) => part.scrollWidth <= part.clientWidth);

const fit = (slide) => {
  for (let size = LARGEST; size >= SMALLEST; size--) {
    slide.style.setProperty("--small", `${size}px`);
    if (fits(slide)) return;
  }
};

window.MathJax = {
  tex: { inlineMath: [["$", "$"]] },
  svg: { fontCache: "local" }, // whole formulas: the speaker's window copies them one by one
  options: { enableMenu: false },
  startup: {
    async pageReady() {
      await MathJax.startup.defaultPageReady();
      await Reveal.initialize({
        width: 1280, height: 720, margin: 0, center: false, display: "flex", hash: true, slideNumber: "c/t",
        transition: "none", viewDistance: 1000, mobileViewDistance: 1000, // all are laid out, so that all can be measured
        plugins: [RevealNotes],
      });
      document.querySelectorAll(".slides section section").forEach(fit);
      document.documentElement.dataset.ready = "yes";
    },
  },
};
