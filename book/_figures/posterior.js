/* Chapter 12: what is known of a film's bias, as its ratings arrive one by one. */
moving("posterior", (kit) => {
  const { number } = kit, { mu, alpha, lambda, films } = kit.data;
  let film = 1, n = kit.still ? films[1].stars.length : 0;
  const count = () => films[film].stars.length;
  const go = (to) => slider.set((n = Math.max(0, Math.min(count(), to))));
  kit.name("A posterior that narrows", "The bell curve of a film's bias. The slider lets its ratings arrive one by one.");
  const slider = kit.slider("ratings so far", [0, count(), 1], n, (v) => `${v} of ${count()}`, (v) => { stop(); n = v; });
  const stop = kit.player("Play", () => { go(n + Math.ceil((n + 1) / 25)); return n < count(); }, () => { if (n === count()) go(0); }, 220);
  kit.button("One more rating", () => { stop(); go(n + 1); });
  const buttons = films.map(({ title, stars }, i) => kit.button(`${title} (${stars.length})`, () => { stop(); choose(i); }));
  const choose = (i) => {
    film = i;
    slider.input.max = count();
    go(kit.still ? n : 0);
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", i === film));
  };
  choose(film);

  return (pen, width) => {
    const height = 320, left = 8, right = width - 8, bottom = height - 92, low = -3.2, high = 2;
    const x = (b) => left + ((b - low) / (high - low)) * (right - left);
    const stars = films[film].stars.slice(0, n), y = stars.map((r) => r - mu), sum = y.reduce((a, b) => a + b, 0);
    const precision = n * alpha + lambda, mean = (alpha * sum) / precision, sd = precision ** -0.5;
    const bell = (b, mean, sd) => Math.exp(-(((b - mean) / sd) ** 2) / 2) / (sd * Math.sqrt(2 * Math.PI));
    const tallest = bell(mean, mean, sd), tall = (value) => bottom - (value / tallest) * (bottom - 62);
    const curve = (mean, sd) => {
      const points = [];
      for (let b = low; b <= high + 1e-9; b += 0.02) points.push([x(b), tall(bell(b, mean, sd))]);
      return points;
    };
    const area = (points) => [[x(low), bottom], ...points, [x(high), bottom]].map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L");
    const prior = curve(0, lambda ** -0.5);
    pen("path", { class: "fill quiet", d: `M${area(prior)}Z`, "fill-opacity": "0.22" });
    pen.line([[x(0), tall(0)], [x(0), 62]], "quiet dashed");
    pen.line(curve(mean, sd), "blue");
    pen.line([[left, bottom], [right, bottom]], "quiet");
    for (const b of [-3, -2, -1, 0, 1, 2])
      pen("text", { class: "quiet", x: Math.min(x(b), right - 4), y: height - 24, "text-anchor": "middle" }, (b > 0 ? "+" : "") + number(b, 0));
    pen("text", { x: (left + right) / 2, y: height - 5, "text-anchor": "middle" }, "bias of the film, in stars; below the line its ratings");
    pen("text", { class: "quiet", x: x(-0.62), y: Math.min(bottom - 8, tall(bell(0.62, 0, lambda ** -0.5)) - 6), "text-anchor": "end" }, "prior");
    pen("text", { x: left, y: 16 }, `precision = nα + λ = ${n} · ${alpha} + ${lambda} = ${precision}`);
    pen("text", { x: left, y: 36 }, `mean = α Σ y / (nα + λ) = ${number(sum)} / ${precision} = ${number(mean)}`);

    const piles = {}, all = films[film].stars, most = Math.max(8, ...all.map((r) => all.filter((other) => other === r).length));
    y.forEach((value, j) => {
      const place = (piles[stars[j]] = (piles[stars[j]] || 0) + 1);
      pen("circle", { class: `fill ${j === n - 1 ? "gold" : "red"}`, cx: x(value), cy: bottom + 4 + place * Math.min(6, 42 / most), r: j === n - 1 ? 4.5 : 2.6 });
    });
    return {
      height,
      numbers: { mean, sd },
      says: (n ? `After ${n} rating${n > 1 ? "s" : ""} of ${films[film].title}: ` : `${films[film].title}, before any rating: `) +
        `bias ${number(mean)} ± ${number(sd)} stars.` + (n ? ` The last one gave ${stars[n - 1]} stars, ${number(y[n - 1])} above the mean.`.replace(/−([\d.]+) above/, "$1 below") : ""),
    };
  };
});
