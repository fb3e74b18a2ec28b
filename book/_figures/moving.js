/* What all figures that move share. `moving(name, setup)` puts the live figure into the place of its still picture.
   setup(kit) makes the controls and returns draw(pen, width), which draws one state and returns its height, the
   sentence that says what is shown, and its numbers in full (for tests). */
const moving = (name, setup) => {
  const card = document.querySelector(`.moving-${name}`);
  const given = card.querySelector("script[type='application/json']");
  const make = (tag, attributes = {}, ...inside) => {
    const node = document.createElement(tag);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    node.append(...inside);
    return node;
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const out = make("output", { "aria-live": "polite" });
  const controls = make("div", { class: "controls" });
  const live = make("div", { class: "live", role: "group" }, svg, out, controls);
  const round = (value) => (typeof value === "number" ? Math.round(value * 10) / 10 : value);

  const pen = (tag, attributes = {}, text) => {
    const node = document.createElementNS(svg.namespaceURI, tag);
    for (const key in attributes) node.setAttribute(key, round(attributes[key]));
    if (text !== undefined) node.textContent = text;
    return svg.appendChild(node);
  };
  pen.line = (points, kind, attributes) =>
    pen("path", { d: "M" + points.map((p) => p.map(round).join(" ")).join("L"), class: `line ${kind}`, ...attributes });

  let draw, wide;
  const kit = {
    svg,
    data: given && JSON.parse(given.textContent),
    still: "still" in card.dataset,  // to be drawn for paper: not at its start, but where it leads
    calm: matchMedia("(prefers-reduced-motion: reduce)"),
    number: (value, digits = 2) => value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−"),
    name(group, picture) {
      live.setAttribute("aria-label", group);
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", picture);
    },
    redraw() {
      if (!wide) return;
      svg.replaceChildren();
      const { height, says, numbers } = draw(pen, wide);
      for (const [key, value] of [["width", wide], ["height", Math.ceil(height)], ["viewBox", `0 0 ${wide} ${Math.ceil(height)}`]])
        svg.setAttribute(key, value);
      if (out.textContent !== says) out.textContent = says;
      live.numbers = numbers;
    },
    slider(label, [min, max, step], value, says, change) {
      const shown = make("span", { "aria-hidden": "true" }), text = make("b", {}, label);
      text.style.fontWeight = "inherit";
      const input = make("input", { type: "range", min, max, step, value, "aria-label": label });
      const show = () => {
        shown.textContent = says(+input.value);
        input.setAttribute("aria-valuetext", shown.textContent);
      };
      input.addEventListener("input", () => { change(+input.value); show(); kit.redraw(); });
      controls.append(make("label", { class: "control" }, shown, text, input));
      show();
      return {
        input,
        set(value, label) {
          input.value = value;
          if (label) input.setAttribute("aria-label", (text.textContent = label));
          show();
        },
      };
    },
    button(label, press) {
      const node = make("button", { type: "button" }, label);
      node.addEventListener("click", () => { press(node); kit.redraw(); });
      controls.append(node);
      return node;
    },
    /* A button that plays step() until it answers false; where motion is unwelcome, all steps at once. */
    player(label, step, restart, pause = 60) {
      let timer = 0;
      const stop = () => {
        clearInterval(timer);
        timer = 0;
        node.textContent = label;
        out.setAttribute("aria-live", "polite");
      };
      const node = kit.button(label, () => {
        if (timer) return stop();
        restart();
        if (kit.calm.matches) {
          while (step());
          return;
        }
        node.textContent = "Pause";
        out.setAttribute("aria-live", "off");
        timer = setInterval(() => { if (!step()) stop(); kit.redraw(); }, pause);
      });
      return stop;
    },
    /* A picture of cells: a finger, the mouse or the arrow keys choose one. Cells carry data-row and data-column. */
    cells(rows, columns, at, change) {
      svg.setAttribute("tabindex", "0");
      svg.setAttribute("role", "application");
      const choose = (row, column) => {
        if (row === at.row && column === at.column) return;
        Object.assign(at, { row, column });
        change?.();
        kit.redraw();
      };
      for (const kind of ["pointerdown", "pointermove"])
        svg.addEventListener(kind, ({ target }) => {
          if (target.dataset.row) choose(+target.dataset.row, +target.dataset.column);
        });
      svg.addEventListener("keydown", (event) => {
        const [down, right] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] || [];
        if (down === undefined) return;
        event.preventDefault();
        const within = (value, n) => Math.max(0, Math.min(n - 1, value));
        choose(within(at.row + down, rows), within(at.column + right, columns));
      });
    },
  };
  draw = setup(kit);
  card.prepend(live);
  new ResizeObserver(() => {
    const style = getComputedStyle(live);
    const now = Math.floor(live.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    if (now > 0 && now !== wide) { wide = now; kit.redraw(); }
  }).observe(live);
};
