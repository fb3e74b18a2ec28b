// Starts a deck: formulas first, then reveal.js, then letters as large as each slide allows.
const LARGEST = 34, SMALLEST = 22; // px of code and tables, on a slide of 1280 x 720
const ROOM = { right: 1280 - 56, bottom: 720 - 58 }; // below that stands the slide's number
const FIGURE = 400; // px: how high a picture is at the least

// Where a part ends, in px of the slide: reveal.js scales the whole of it to the window.
const end = (part, slide) => {
  const box = part.getBoundingClientRect(), whole = slide.getBoundingClientRect(), scale = whole.width / 1280;
  const right = Math.max(box.right, box.left + part.scrollWidth * scale);
  return { right: (right - whole.left) / scale, bottom: (box.bottom - whole.top) / scale };
};

const fits = (slide) => [...slide.querySelectorAll(".jp-Cell, pre, table, mjx-container")]
  .filter((part) => !part.closest(".notes"))
  .map((part) => end(part, slide))
  .every(({ right, bottom }) => right <= ROOM.right + 1 && bottom <= ROOM.bottom + 1)
  && [...slide.querySelectorAll("img")].every((img) => img.clientHeight >= FIGURE);

const fit = (slide) => {
  for (let size = LARGEST; size >= SMALLEST; size--) {
    slide.style.setProperty("--small", `${size}px`);
    if (fits(slide)) return;
  }
  slide.classList.add("wraps"); // a table of long titles
  if (!fits(slide)) slide.dataset.full = "yes"; // the tests say which
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
