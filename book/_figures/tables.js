/* Chapter 2: two thin tables make the big one. Each cell is the dot product of its row and its column. */
moving("tables", (kit) => {
  const { number } = kit;
  const factors = ["sci-fi", "romance"];
  const people = ["Ada", "Bo", "Cleo", "Dan", "Eve"];
  const titles = ["Alien", "Blade Runner", "Amélie", "Notting Hill", "Heat"];
  const P = [[0.9, -0.4], [0.7, 0.1], [-0.5, 0.9], [-0.2, 0.7], [0.6, 0.8]];  // (U, K)
  const Q = [[0.9, -0.6], [0.9, 0.3], [0.1, 0.9], [-0.7, 1.0], [-0.1, -0.2]];  // (I, K)
  const score = (u, i) => P[u].reduce((sum, p, k) => sum + p * Q[i][k], 0);
  const at = { row: 0, column: 1 };
  kit.name("Two thin tables make the big one", "A table of people and a table of films, two factors each, and the table of their products. The arrow keys move the lit cell.");
  const sliders = factors.map((factor, k) =>
    kit.slider("", [-1, 1, 0.1], 0, (v) => number(v, 1), (v) => (P[at.row][k] = v)));
  const follow = () => sliders.forEach((slider, k) => slider.set(P[at.row][k], `${people[at.row]}: ${factors[k]}`));
  follow();
  kit.cells(people.length, titles.length, at, follow);

  return (pen, width) => {
    const names = 42, gap = 10, top = 104;
    const w = Math.min(72, (width - names - gap - 2) / (2 + titles.length)), h = Math.min(36, Math.max(30, w * 0.8));
    const left = names + 2 * w + gap, below = top + 2 * h + gap;
    const put = (x, y, value, on, attributes = {}) => {
      const strength = Math.min(1, Math.abs(value));
      pen("rect", { class: `fill ${value < 0 ? "warm" : "cool"}`, x: x + 1, y: y + 1, width: w - 2, height: h - 2, rx: 3, "fill-opacity": (0.25 + 0.75 * strength).toFixed(2), ...attributes });
      pen("text", { x: x + w / 2, y: y + h / 2 + 4.5, "text-anchor": "middle", "pointer-events": "none", class: on ? "bold" : "" }, number(value, attributes.class && w > 46 ? 2 : 1));
    };
    titles.forEach((title, i) => {
      const x = left + (i + 0.5) * w + 4;
      pen("text", { class: i === at.column ? "bold" : "quiet", transform: `translate(${x.toFixed(1)} ${top - 8}) rotate(-55)` }, title);
      factors.forEach((_, k) => put(left + i * w, top + k * h, Q[i][k], i === at.column));
    });
    factors.forEach((factor, k) => {
      pen("text", { class: "quiet", x: left - gap, y: top + (k + 0.5) * h + 4.5, "text-anchor": "end" }, factor);
      pen("text", { class: "quiet", transform: `translate(${(names + (k + 0.5) * w + 4).toFixed(1)} ${below + people.length * h + 12}) rotate(35)` }, factor);
    });
    people.forEach((person, u) => {
      const y = below + u * h;
      pen("text", { class: u === at.row ? "bold" : "quiet", x: names - 6, y: y + h / 2 + 4.5, "text-anchor": "end" }, person);
      factors.forEach((_, k) => put(names + k * w, y, P[u][k], u === at.row));
      titles.forEach((_, i) => {
        const value = score(u, i);
        put(left + i * w, y, value, u === at.row && i === at.column, { class: `fill cell ${value < 0 ? "warm" : "cool"}`, "data-row": u, "data-column": i });
      });
    });
    const lit = (x, y, wide, high) => pen("rect", { class: "lit", x, y, width: wide, height: high, rx: 4, "pointer-events": "none" });
    lit(names, below + at.row * h, 2 * w, h);
    lit(left + at.column * w, top, w, 2 * h);
    lit(left + at.column * w, below + at.row * h, w, h);

    const [p, q] = [P[at.row], Q[at.column]];
    const signed = (v) => (v < 0 ? `(${number(v, 1)})` : number(v, 1));
    const products = p.map((_, k) => `${signed(p[k])} × ${signed(q[k])}`).join(" + ");
    const terms = p.map((_, k) => (p[k] * q[k] < 0 ? `(${number(p[k] * q[k])})` : number(p[k] * q[k]))).join(" + ");
    return {
      height: below + people.length * h + 60,
      says: `${people[at.row]} and ${titles[at.column]}: ${products} = ${terms} = ${number(score(at.row, at.column))}.`,
    };
  };
});
