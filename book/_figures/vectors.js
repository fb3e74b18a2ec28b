/* Chapter 2: two random tables learn twelve ratings. The same rule as the chapter's `descend`, epoch by epoch. */
moving("vectors", (kit) => {
  const { number } = kit, { people, titles, toy, P, Q, learning_rate, epochs } = kit.data;
  const dot = (p, q) => p[0] * q[0] + p[1] * q[1];

  // One epoch of gradient descent, one rating at a time: both steps are taken from where the rows were.
  const descend = ({ P, Q }) => {
    [P, Q] = [P, Q].map((table) => table.map((row) => [...row]));
    let squared = 0;
    for (const [u, i, stars] of toy) {
      const error = dot(P[u], Q[i]) - stars, p = P[u], q = Q[i];
      P[u] = p.map((value, k) => value - learning_rate * (2 * error * q[k]));
      Q[i] = q.map((value, k) => value - learning_rate * (2 * error * p[k]));
      squared += error ** 2;
    }
    return { P, Q, loss: squared / toy.length };
  };
  const states = [{ P, Q, loss: NaN }];
  while (states.length <= epochs) states.push(descend(states.at(-1)));
  states[0].loss = states[1].loss;  // measured on the way through the first epoch

  const said = Object.fromEntries(toy.map(([u, i, stars]) => [[u, i], stars]));
  const at = { row: 1, column: 1 };
  let epoch = kit.still ? epochs : 0;
  const reach = (k) => {
    const all = states.flatMap(({ P, Q }) => [...P, ...Q]).map((row) => row[k]);
    return [Math.min(...all), Math.max(...all)];
  };
  const [[west, east], [south, north]] = [reach(0), reach(1)];
  const go = (to) => slider.set((epoch = Math.max(0, Math.min(epochs, to))));
  kit.name("Vectors that learn ratings", "Left, the factors of four people and four films as arrows; right, the table of ratings. The arrow keys choose a cell of the table.");
  const slider = kit.slider("epoch", [0, epochs, 1], epoch, (v) => `${v} of ${epochs}`, (v) => { stop(); epoch = v; });
  const stop = kit.player("Play", () => { go(epoch + 1); return epoch < epochs; }, () => { if (epoch === epochs) go(0); });
  kit.button("Step", () => { stop(); go(epoch + 1); });
  kit.button("Reset", () => { stop(); go(0); });
  kit.cells(people.length, titles.length, at);

  return (pen, width) => {
    const { P, Q, loss } = states[epoch], wide = width > 560;
    const size = wide ? Math.min(330, width * 0.5) : Math.min(width, 340), middle = size / 2, ox = wide ? 0 : (width - size) / 2;
    const unit = (size - 70) / Math.max(east - west, north - south);
    const x = (v) => ox + middle + (v - (west + east) / 2) * unit, y = (v) => middle - (v - (south + north) / 2) * unit;
    pen.line([[ox, y(0)], [ox + size, y(0)]], "faint");
    pen.line([[x(0), 0], [x(0), size]], "faint");
    pen("text", { class: "quiet", x: ox + size, y: y(0) + 17, "text-anchor": "end" }, "factor 1");
    pen("text", { class: "quiet", x: x(0) + 6, y: size - 4 }, "factor 2");

    const taken = [];
    const arrow = (row, kind, name, lit) => {
      const [a, b] = [x(row[0]), y(row[1])], length = Math.hypot(row[0], row[1]) * unit || 1;
      const [dx, dy] = [(row[0] * unit) / length, (-row[1] * unit) / length];
      pen.line([[x(0), y(0)], [a, b]], lit ? `${kind} thick` : kind, { opacity: lit ? 1 : 0.75 });
      const head = Math.min(11, length);
      const tip = [[a, b], [a - head * dx - head * 0.5 * dy, b - head * dy + head * 0.5 * dx], [a - head * dx + head * 0.5 * dy, b - head * dy - head * 0.5 * dx]];
      pen("path", { class: `fill ${kind}`, d: "M" + tip.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L") + "Z" });
      if (length < 24) return;  // at the start there is no room for names
      const text = pen("text", { class: `halo ${kind}${lit ? " bold" : ""}` }, name), w = text.getComputedTextLength();
      const place = { x: Math.max(ox, Math.min(ox + size - w, a + (dx < -0.3 ? -w - 5 : 6))), y: Math.max(12, Math.min(size - 4, b + 12 * dy + 4)) };
      for (let tries = 0; tries < 16; tries++) {
        const hit = taken.find((t) => t.x < place.x + w && place.x < t.x + t.w && Math.abs(t.y - place.y) < 14);
        if (!hit) break;
        place.y = hit.y + (dy <= 0 ? -14.5 : 14.5);
      }
      taken.push({ ...place, w });
      text.setAttribute("x", place.x.toFixed(1));
      text.setAttribute("y", place.y.toFixed(1));
    };
    Q.forEach((row, i) => arrow(row, "red", titles[i], i === at.column));
    P.forEach((row, u) => arrow(row, "blue", people[u], u === at.row));

    // The table: what they said, and what the factors say of the gaps.
    const left = wide ? size + 66 : 40, top = wide ? 100 : size + 100, w = Math.min(54, (width - left - 40) / 4), h = 34;
    titles.forEach((title, i) => pen("text", {
      class: i === at.column ? "red bold" : "red", transform: `translate(${(left + (i + 0.5) * w + 2).toFixed(1)} ${top - 8}) rotate(-50)` }, title));
    people.forEach((person, u) => {
      pen("text", { class: u === at.row ? "blue bold" : "blue", x: left - 7, y: top + (u + 0.5) * h + 4.5, "text-anchor": "end" }, person);
      titles.forEach((_, i) => {
        const stars = said[[u, i]], guess = dot(P[u], Q[i]), share = Math.max(0, Math.min(1, guess / 5));
        pen("rect", { class: "fill cool cell", x: left + i * w + 1, y: top + u * h + 1, width: w - 2, height: h - 2, rx: 3, "fill-opacity": (0.15 + 0.85 * share).toFixed(2), "data-row": u, "data-column": i });
        pen("text", { class: stars ? "" : "bold", x: left + (i + 0.5) * w, y: top + (u + 0.5) * h + 4.5, "text-anchor": "middle", "pointer-events": "none" },
          number(guess, 1) + (stars ? "" : " ?"));
      });
    });
    pen("rect", { class: "lit", x: left + at.column * w, y: top + at.row * h, width: w, height: h, rx: 4, "pointer-events": "none" });

    // The loss so far, under the table.
    const floor = top + 4 * h + (wide ? 72 : 66), high = 46, across = 4 * w;
    const place = (s, e) => [left + (e / epochs) * across, floor - (s.loss / states[1].loss) * high];
    pen.line([[left, floor], [left + across, floor]], "quiet");
    pen.line(states.slice(0, epoch + 1).map(place), "");
    const [cx, cy] = place(states[epoch], epoch);
    pen("circle", { class: "fill gold", cx, cy, r: 5 });
    pen("text", { class: "quiet", x: left + across, y: floor - high - 4, "text-anchor": "end" }, `squared error ${number(loss)}`);

    const stars = said[[at.row, at.column]], guess = number(dot(P[at.row], Q[at.column]));
    return {
      height: Math.max(size, floor + 6),
      numbers: states[epoch],
      says: `Epoch ${epoch}: mean squared error ${number(loss, loss < 1 ? 4 : 2)}. ${people[at.row]} and ${titles[at.column]}: predicted ${guess}, ` +
        (stars ? `said ${stars}.` : "not rated: a gap."),
    };
  };
});
