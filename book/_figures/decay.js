/* Chapter 6: the same model trained with several decays: errors by epoch, and how long the factors of films become. */
moving("decay", (kit) => {
  const { number } = kit, { popularity, decays } = kit.data;
  const lambdas = Object.keys(decays).sort((a, b) => a - b), epochs = decays[lambdas[0]].training.length;
  let at = kit.still ? lambdas.indexOf("0.5") : 0;
  kit.name("Weight decay", "Training and validation error after each epoch, and the length of films' factors by their number of ratings. The slider changes the decay.");
  kit.slider("decay λ", [0, lambdas.length - 1, 1], at, (v) => lambdas[v], (v) => (at = v));
  const groups = popularity.map((from, n) => {
    const to = popularity[n + 1] - 1;
    return n === popularity.length - 1 ? `${from}+` : to > from ? `${from}–${to}` : `${from}`;
  });

  const scales = {
    training: { colour: "blue", from: 0.4, to: 1, ticks: [0.4, 0.6, 0.8, 1] },
    validation: { colour: "red", from: 0.85, to: 1, ticks: [0.85, 0.9, 0.95, 1] },
  };

  return (pen, width) => {
    const wide = width > 560, high = wide ? 190 : 120, row = decays[lambdas[at]], none = decays[lambdas[0]];
    const least = row.validation.indexOf(Math.min(...row.validation));
    const panel = (n) => {
      const left = wide ? (n * width) / 3 + 34 : 34, top = wide ? 28 : 28 + n * (high + 72);
      return { left, right: wide ? ((n + 1) * width) / 3 - 8 : width - 4, top, bottom: top + high };
    };
    Object.entries(scales).forEach(([part, { colour, from, to, ticks }], n) => {
      const { left, right, top, bottom } = panel(n);
      const x = (epoch) => left + 10 + ((epoch - 1) / (epochs - 1)) * (right - left - 20);
      const y = (error) => bottom - ((error - from) / (to - from)) * (bottom - top);
      const path = (errors) => errors.map((error, n) => [x(n + 1), y(error)]);
      pen("text", { class: `${colour} bold`, x: left - 30, y: top - 13 }, `${part} error`);
      for (const tick of ticks) {
        pen.line([[left, y(tick)], [right, y(tick)]], "faint");
        pen("text", { class: "quiet", x: left - 6, y: y(tick) + 4.5, "text-anchor": "end" }, String(tick));
      }
      for (let epoch = 1; epoch <= epochs; epoch++)
        pen("text", { class: "quiet", x: x(epoch), y: bottom + 17, "text-anchor": "middle" }, epoch);
      pen("text", { x: (left + right) / 2, y: bottom + 35, "text-anchor": "middle" }, "epoch");
      for (const other of lambdas)
        if (other !== lambdas[at]) pen.line(path(decays[other][part]), `${colour} thin`, { opacity: 0.35 });
      pen.line(path(row[part]), colour);
      path(row[part]).forEach(([cx, cy]) => pen("circle", { class: `fill ${colour}`, cx, cy, r: 4 }));
      if (part === "validation") pen("circle", { class: "lit", cx: x(least + 1), cy: y(row[part][least]), r: 9 });
    });

    // Lengths: what is left of them, on what they were without decay.
    const bars = panel(2), top = Math.max(...none.lengths);
    bars.left -= 24;
    const w = (bars.right - bars.left) / groups.length;
    const tall = (length) => bars.bottom - (length / top) * (bars.bottom - bars.top);
    pen("text", { class: "quiet", x: bars.left, y: bars.top - 13 }, "length of films' factors");
    groups.forEach((group, n) => {
      const place = { x: bars.left + n * w + 2, width: w - 4 };
      pen("rect", { class: "fill cool", ...place, y: tall(none.lengths[n]), height: bars.bottom - tall(none.lengths[n]) });
      pen("rect", { class: "fill blue", ...place, y: tall(row.lengths[n]), height: bars.bottom - tall(row.lengths[n]) });
      if (!wide || n % 2 === 0) pen("text", { class: "quiet", x: bars.left + (n + 0.5) * w, y: bars.bottom + 17, "text-anchor": "middle" }, group);
    });
    pen.line([[bars.left, bars.bottom], [bars.right, bars.bottom]], "quiet");
    pen("text", { x: (bars.left + bars.right) / 2, y: bars.bottom + 35, "text-anchor": "middle" }, "training ratings");
    return {
      height: bars.bottom + 40,
      says: `λ = ${lambdas[at]}: training error ${number(row.training.at(-1), 3)}, validation error ${number(row.validation.at(-1), 3)} stars; ` +
        `validation was lowest after epoch ${least + 1}. Films with one rating have factors of length ${number(row.lengths[0])}, those with ${groups.at(-1)} of ${number(row.lengths.at(-1))}.`,
    };
  };
});
