// The model of a page: what collabkit.recommend.fold_in.FoldIn computes in Python, on the same numbers of 64 bits.
// n films in the order of their ids, K factors. Vectors are arrays; a matrix is an array of its rows.
const ratingModel = ({ table, mean, precision, range }) => {
  const columns = mean.length; // 1 + K

  // The table comes in half precision: 1 bit of sign, 5 of exponent, 10 of fraction.
  const half = bits => {
    const sign = bits >> 15 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = (bits & 1023) / 1024;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction) : 2 ** -14 * fraction);
  };
  const bytes = new DataView(Uint8Array.from(atob(table), letter => letter.charCodeAt(0)).buffer);
  const films = []; // (n, 1 + K), rows [bias, factors]
  for (let at = 0; at < bytes.byteLength; at += 2 * columns)
    films.push(mean.map((_, k) => half(bytes.getUint16(at + 2 * k, true))));

  const dot = (a, b) => a.reduce((sum, x, k) => sum + x * b[k], 0);
  const design = film => [1, ...film.slice(1)]; // x = [1, factors] (1 + K,)
  const score = (w, film) => film[0] + dot(w, design(film));
  const sigmoid = s => 1 / (1 + Math.exp(-s));
  const stars = s => range ? range[0] + (range[1] - range[0]) * sigmoid(s) : s;
  const slope = s => range ? (range[1] - range[0]) * sigmoid(s) * sigmoid(-s) : 1; // stars a unit of score

  // The lower triangle L (m, m) with L Lᵀ = M, row by row, for a symmetric and positive definite M.
  const cholesky = M => {
    const L = M.map(row => row.map(() => 0));
    for (let i = 0; i < M.length; i++)
      for (let j = 0; j <= i; j++) {
        let rest = M[i][j];
        for (let k = 0; k < j; k++) rest -= L[i][k] * L[j][k];
        L[i][j] = i === j ? Math.sqrt(rest) : rest / L[j][j];
      }
    return L;
  };

  // The x (m,) with L Lᵀ x = b: first L y = b from the top, then Lᵀ x = y from the bottom.
  const solve = (L, b) => {
    const x = [...b];
    for (let i = 0; i < x.length; i++) {
      for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k];
      x[i] /= L[i][i];
    }
    for (let i = x.length - 1; i >= 0; i--) {
      for (let k = i + 1; k < x.length; k++) x[i] -= L[k][i] * x[k];
      x[i] /= L[i][i];
    }
    return x;
  };

  // From your ratings (pairs of a film's row and the stars given) to your w = [bias, factors], by one ridge regression
  // around the average user: mean (1 + K,) and precision (1 + K, 1 + K) are of the users that were trained.
  // Returns the stars of every film (n,), and a function that names the rating which speaks most for a film.
  const foldIn = rated => {
    const rows = rated.map(([row, given]) => {
      const s = score(mean, films[row]), g = slope(s);
      return { row, a: design(films[row]).map(x => g * x), miss: given - stars(s) }; // a (1 + K,)
    });
    const M = precision.map((line, j) => line.map((p, k) => rows.reduce((sum, { a }) => sum + a[j] * a[k], p)));
    const b = mean.map((_, j) => rows.reduce((sum, { a, miss }) => sum + a[j] * miss, 0));
    const L = cholesky(M), step = solve(L, b); // M step = b
    const w = mean.map((m, k) => m + step[k]);
    // A score moves by x · step, which is a sum with one part for each rating: (x · M⁻¹ a) miss.
    const because = film => {
      const z = solve(L, design(films[film]));
      const parts = rows.map(({ row, a, miss }) => ({ row, part: dot(a, z) * miss }));
      return parts.reduce((most, one) => one.part > most.part ? one : most, { row: null, part: 0 }).row;
    };
    return { predicted: films.map(film => stars(score(w, film))), because };
  };

  // How nearly the factors of each film point the way of this one's: cosines (n,).
  const units = films.map(([, ...q]) => q.map(x => x / Math.max(Math.sqrt(dot(q, q)), 1e-12)));
  const similarity = row => units.map(unit => dot(unit, units[row]));

  return { foldIn, similarity };
};
