// What scrolls sideways can be reached and scrolled by keys. The theme sees to code alone; no box that fits is a stop.
function stops() {
  for (const box of document.querySelectorAll(".data-table, mjx-container[display]"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
}

addEventListener("resize", stops);
addEventListener("load", async () => {
  stops();
  await window.MathJax?.startup?.promise; // formulas take their width when they are set
  await window.formulas;
  stops();
});
