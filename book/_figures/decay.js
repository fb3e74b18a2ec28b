/* Chapter 6: the same model trained with seven decays: errors by epoch, and how long the factors of films become. */
moving("decay", (kit) => {
  const { number } = kit, { popularity, decays } = kit.data;
  const lambdas = Object.keys(decays).sort((a, b) => a - b), epochs = decays[lambdas[0]].training.length;
  let at = kit.still ? lambdas.indexOf("0.5") : 0;
  kit.name("Weight decay", "Left, training and validation error after each epoch; right, the length of the films' factors by their number of ratings. The slider changes the decay.");
  kit.slider("decay λ", [0, lambdas.length - 1, 1], at, (v) => lambdas[v], (v) => (at = v));
  const groups = popularity.map((from, n) => {
    const to = popularity[n + 1] - 1;
    return n === popularity.length - 1 ? `${from}+` : to > from ? `${from}–${to}` : `${from}`;
  });

  return (pen, width) => {
    const wide = width > 560, high = 250, row = decays[lambdas[at]], none = decays[lambdas[0]];
    const curves = { left: 34, right: wide ? width * 0.55 : width - 4, top: 28, bottom: high - 40 };
    const bars = { left: wide ? width * 0.55 + 50 : 34, right: width, top: wide ? 28 : high + 34, bottom: wide ? high - 40 : high + 150 };
    const x = (epoch) => curves.left + 14 + ((epoch - 1) / (epochs - 1)) * (curves.right - curves.left - 24);
    const y = (error) => curves.bottom - ((error - 0.4) / 0.65) * (curves.bottom - curves.top);
    pen("text", { class: "quiet", x: 0, y: 14 }, "error in stars");
    for (const error of [0.4, 0.6, 0.8, 1]) {
      pen.line([[curves.left, y(error)], [curves.right, y(error)]], "faint");
      pen("text", { class: "quiet", x: curves.left - 6, y: y(error) + 4.5, "text-anchor": "end" }, number(error, 1));
    }
    for (let epoch = 1; epoch <= epochs; epoch++)
      pen("text", { class: "quiet", x: x(epoch), y: curves.bottom + 17, "text-anchor": "middle" }, epoch);
    pen("text", { x: (curves.left + curves.right) / 2, y: curves.bottom + 35, "text-anchor": "middle" }, "epoch");
    const path = (errors) => errors.map((error, n) => [x(n + 1), y(error)]);
    for (const [part, colour] of [["training", "blue"], ["validation", "red"]]) {
      for (const other of lambdas)
        if (other !== lambdas[at]) pen.line(path(decays[other][part]), colour, { "stroke-width": 1, opacity: 0.25 });
      pen.line(path(row[part]), colour);
      row[part].forEach((error, n) => pen("circle", { class: `fill ${colour}`, cx: x(n + 1), cy: y(error), r: 4 }));
    }
    const least = row.validation.indexOf(Math.min(...row.validation));
    pen("circle", { class: "lit", cx: x(least + 1), cy: y(row.validation[least]), r: 9 });
    pen("text", { class: "red halo bold", x: curves.right - 4, y: y(row.validation.at(-1)) - 14, "text-anchor": "end" }, "validation");
    pen("text", { class: "blue halo bold", x: curves.left + 12, y: y(row.training[0]) + (at === lambdas.length - 1 ? 34 : 30) }, "training");

    // Lengths: what is left of them, on what they were without decay.
    const top = Math.max(...none.lengths), w = (bars.right - bars.left) / groups.length;
    const tall = (length) => bars.bottom - (length / top) * (bars.bottom - bars.top);
    pen("text", { class: "quiet", x: bars.left, y: bars.top - 14 }, "length of a film's factors");
    groups.forEach((group, n) => {
      const place = { x: bars.left + n * w + 2, width: w - 4 };
      pen("rect", { class: "fill cool", ...place, y: tall(none.lengths[n]), height: bars.bottom - tall(none.lengths[n]) });
      pen("rect", { class: "fill blue", ...place, y: tall(row.lengths[n]), height: bars.bottom - tall(row.lengths[n]) });
      pen("text", { class: "quiet small", x: bars.left + (n + 0.5) * w, y: bars.bottom + 17, "text-anchor": "middle" }, group);
    });
    pen.line([[bars.left, bars.bottom], [bars.right, bars.bottom]], "quiet");
    pen("text", { x: (bars.left + bars.right) / 2, y: bars.bottom + 35, "text-anchor": "middle" }, "training ratings of the film");
    return {
      height: bars.bottom + 40,
      says: `λ = ${lambdas[at]}: training error ${number(row.training.at(-1), 3)}, validation error ${number(row.validation.at(-1), 3)} stars; ` +
        `validation was lowest after epoch ${least + 1}. Films with one rating have factors of length ${number(row.lengths[0])}, those with ${groups.at(-1)} of ${number(row.lengths.at(-1))}.`,
    };
  };
});
