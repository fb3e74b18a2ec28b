// What checks.py asks of a page. Each function gives its faults, a line for each.
window.checks = (() => {
  const all = (selector) => [...document.body.querySelectorAll(selector)];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (element) => element.cloneNode(false).outerHTML.slice(0, 160);
  const clips = (style) => /auto|scroll|hidden|clip/.test(style.overflowX);
  const page = () => document.scrollingElement;

  const inABox = (element) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
      if (clips(getComputedStyle(box))) return true;
    return false;
  };

  // What fades from one look to the next would be read halfway.
  document.head.appendChild(document.createElement("style")).textContent = "* { transition: none !important }";

  function sideways() {
    if (page().scrollWidth <= innerWidth) return [];
    const wide = all("*").filter((e) => seen(e) && e.getBoundingClientRect().right > innerWidth + 1 && !inABox(e));
    const last = wide.filter((e) => !wide.some((other) => other !== e && e.contains(other)));
    return [`the page is ${page().scrollWidth} wide in a window of ${innerWidth}`, ...last.slice(0, 5).map(name)];
  }

  // An empty alt says that a picture adds nothing to the words beside it: so with the logo, not within the text.
  const pictures = () =>
    all("img").filter((e) => !(e.closest("article") ? e.alt.trim() : e.hasAttribute("alt"))).map(name);

  const LOOKS = ["outlineStyle", "outlineWidth", "outlineColor", "boxShadow", "borderColor", "backgroundColor", "textDecoration"];
  const looks = (element) => {
    const style = getComputedStyle(element);
    const outline = style.outlineStyle === "none" || style.outlineWidth === "0px" ? "none" : style.outline;
    return LOOKS.slice(3).map((one) => style[one]).concat(outline).join("|");
  };

  function focus() {
    const kinds = new Map();
    for (const e of all("a[href], button, input, select, textarea, summary, [tabindex='0']"))
      if (!e.disabled && e.tabIndex >= 0 && seen(e)) {
        const kind = [e.tagName, e.type, e.className, e.parentElement.className].join("|");
        if (!kinds.has(kind)) kinds.set(kind, e);
      }
    const faults = [];
    for (const e of kinds.values()) {
      const before = looks(e);
      e.focus({ focusVisible: true, preventScroll: true });
      if (document.activeElement === e && looks(e) === before) faults.push(`no focus to be seen: ${name(e)}`);
      e.blur();
    }
    return faults;
  }

  const copies = () => all(".cell_output .copybtn").map((e) => `a copy button on an output: ${name(e.parentElement)}`);


  function inks() {
    const found = new Map();
    for (const e of all("*")) {
      if (![...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim())) continue;
      if (e.closest("mjx-container, svg, script, style") || !seen(e)) continue;
      const style = getComputedStyle(e);
      const ink = [style.color, style.fontSize, style.fontWeight];
      for (let ground = e; ground; ground = ground.parentElement) {
        const { backgroundColor, backgroundImage, opacity } = getComputedStyle(ground);
        ink.push(backgroundColor === "rgba(0, 0, 0, 0)" ? "" : backgroundColor, backgroundImage === "none" ? "" : backgroundImage, opacity === "1" ? "" : opacity);
      }
      const key = ink.filter(Boolean).join("|");
      if (!found.has(key)) found.set(key, e);
    }
    return [...found.values()];
  }

  return { sideways, pictures, focus, copies, inks };
})();
