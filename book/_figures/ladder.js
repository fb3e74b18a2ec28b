/* The front page: what each chapter adds, and how far the predictions are off then. */
moving("ladder", (kit) => {
  const { number, data } = kit, first = data[0][2];
  let step = data.length - 1;  // the whole way; *Play* goes it again
  const go = (to) => slider.set((step = Math.max(0, Math.min(data.length - 1, to))));
  const name = (at) => (data[at] ? data[at][0] : "");
  kit.name("What the chapters add", "The error of each chapter's model, in stars, from the top down. The slider goes from one to the next.");
  const slider = kit.slider("step", [0, data.length - 1, 1], step, name, (v) => { stop(); step = v; });
  const stop = kit.player("Play", () => { go(step + 1); return step < data.length - 1; }, () => { if (step === data.length - 1) go(0); }, 700);

  return (pen, width) => {
    const high = 34, top = 30, names = Math.min(230, width * 0.56), right = width - 56;
    const errors = data.map((row) => row[2]), least = Math.floor(Math.min(...errors) * 20 - 0.5) / 20, most = Math.max(...errors);
    const x = (error) => names + ((error - least) / (most - least)) * (right - names), y = (n) => top + n * high;
    pen("text", { class: "quiet", x: width, y: 12, "text-anchor": "end" }, "error in stars: less is better");
    pen.line([[x(first), top], [x(first), y(data.length - 1) + 14]], "faint");
    data.forEach(([what, chapter, error], n) => {
      const now = n === step, done = n <= step;
      pen("text", { class: now ? "bold" : done ? "" : "quiet", x: names - 14, y: y(n) + 4.5, "text-anchor": "end" }, width > 460 ? `${chapter} · ${what}` : what);
      if (n && done) pen.line([[x(errors[n - 1]), y(n - 1)], [x(error), y(n - 1)], [x(error), y(n)]], "blue");
      pen("circle", { class: `fill ${now ? "gold" : done ? "blue" : "quiet"}`, cx: x(error), cy: y(n), r: now ? 8 : 5, opacity: done ? 1 : 0.35 });
      const side = done && !now && errors[n + 1] > error ? -12 : 12;  // where no line goes
      if (done) pen("text", { class: now ? "bold" : "", x: x(error) + side, y: y(n) + 4.5, "text-anchor": side < 0 ? "end" : "start" }, number(error, 3));
    });
    const [what, chapter, error] = data[step], less = 100 * (1 - error / first);
    return {
      height: y(data.length - 1) + 18,
      says: `Chapter ${chapter}, ${what}: the predictions are off by ${number(error, 3)} stars (RMSE)` +
        (step ? `, ${number(Math.abs(less), 0)} % ${less > 0 ? "less" : "more"} than one mean for all.` : "."),
    };
  };
});
