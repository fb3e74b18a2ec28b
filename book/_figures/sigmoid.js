/* Chapter 3: any score becomes stars. Drag the two ends of the range, and the score. */
moving("sigmoid", (kit) => {
  const { number } = kit, state = { lo: 0, hi: 5.5, score: 1 };
  const inside = (value, [min, max]) => Math.max(min, Math.min(max, Math.round(value * 10) / 10));
  const limits = { lo: [-1, 0.5], hi: [5, 7], score: [-6, 6] };
  const stars = (score) => state.lo + (state.hi - state.lo) / (1 + Math.exp(-score));
  const slope = (r) => ((r - state.lo) * (state.hi - r)) / (state.hi - state.lo);
  const needs = (r) => Math.log((r - state.lo) / (state.hi - r));  // the score that gives r stars
  kit.name("The range of a sigmoid", "Curve from scores to stars. The sliders below move its ends and the score.");
  const names = { lo: "low end", hi: "high end", score: "score" };
  const sliders = {};
  for (const key of ["lo", "hi", "score"])
    sliders[key] = kit.slider(names[key], [...limits[key], 0.1], state[key],
      (v) => number(v, 1) + (key === "score" ? "" : " stars"), (v) => (state[key] = v));

  let held = "", place;
  kit.svg.addEventListener("pointerdown", (event) => {
    held = event.target.dataset.handle || "";
    if (held) kit.svg.setPointerCapture(event.pointerId);
  });
  kit.svg.addEventListener("pointerup", () => (held = ""));
  kit.svg.addEventListener("pointermove", (event) => {
    if (!held) return;
    const box = kit.svg.getBoundingClientRect();
    const to = held === "score" ? place.score(event.clientX - box.left) : place.stars(event.clientY - box.top);
    state[held] = inside(to, limits[held]);
    sliders[held].set(state[held]);
    kit.redraw();
  });

  return (pen, width) => {
    const height = Math.min(340, width * 0.75), left = 34, right = width - 8, top = 10, bottom = height - 40;
    const x = (score) => left + ((score + 6) / 12) * (right - left);
    const y = (r) => bottom - ((r + 1) / 8) * (bottom - top);
    place = { score: (px) => ((px - left) / (right - left)) * 12 - 6, stars: (py) => ((bottom - py) / (bottom - top)) * 8 - 1 };

    pen("rect", { class: "fill cool", x: left, y: y(5), width: right - left, height: y(0.5) - y(5) });
    pen("text", { class: "blue", x: left + 8, y: y(5) + 20 }, "the scale, ½ to 5 stars");
    for (const r of [0, 1, 2, 3, 4, 5, 6])
      pen("text", { class: "quiet", x: left - 8, y: y(r) + 4, "text-anchor": "end" }, r);
    for (const s of [-6, -4, -2, 0, 2, 4, 6])
      pen("text", { class: "quiet", x: Math.min(x(s), right - 6), y: bottom + 17, "text-anchor": "middle" }, number(s, 0));
    pen("text", { x: (left + right) / 2, y: bottom + 35, "text-anchor": "middle" }, "score");
    pen.line([[left, bottom], [right, bottom]], "quiet");
    for (const [key, sign] of [["lo", 1], ["hi", -1]])
      pen.line([[left, y(state[key])], [right, y(state[key])]], "quiet dashed");

    const curve = [];
    for (let s = -6; s <= 6.001; s += 0.1) curve.push([x(s), y(stars(s))]);
    pen.line(curve, "blue");
    for (const r of [0.5, 5]) {
      const s = needs(r);
      if (Math.abs(s) > 6) continue;
      pen.line([[x(s), y(r)], [x(s), bottom]], "red dashed");
      pen("circle", { class: "fill red", cx: x(s), cy: y(r), r: 4 });
      pen("text", { class: "red bold", x: x(s) + (r < 1 ? -6 : 6), y: bottom - 8, "text-anchor": r < 1 ? "end" : "start" }, number(s));
    }
    const r = stars(state.score), m = slope(r);
    const run = Math.min(1.6, 1.3 / Math.max(m, 0.5));
    pen.line([-run, run].map((d) => [x(state.score + d), y(r + d * m)]), "");
    pen("circle", { class: "fill gold handle", "data-handle": "score", cx: x(state.score), cy: y(r), r: 9 });
    for (const key of ["lo", "hi"])
      pen("circle", { class: "fill blue handle", "data-handle": key, cx: right - 12, cy: y(state[key]), r: 9 });

    const five = needs(5), half = needs(0.5);
    const end = (r, s) => Number.isFinite(s) ? `${number(s)}, where a unit of score is worth ${number(slope(r))} stars` : "no score that there is";
    return {
      height,
      numbers: { five, half, stars: r, slope: m },
      says: `Range (${String(state.lo).replace("-", "−")}, ${state.hi}): 5 stars need ${Number.isFinite(five) ? "a score of " : ""}${end(5, five)}; ` +
        `half a star needs ${Number.isFinite(half) ? number(half) : "no score that there is"}. ` +
        `A score of ${number(state.score, 1)} gives ${number(r)} stars, slope ${number(m)}.`,
    };
  };
});
