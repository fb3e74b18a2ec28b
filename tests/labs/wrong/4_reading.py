"""Wrong answers to lab 4, as students give them. Each runs in the place of one solution."""

# %% q1 test_generous_raters: takes the mean of all ratings off instead of each user's own


def above_own_mean(user, item, stars, n_items):
    count = np.bincount(item, minlength=n_items)
    with np.errstate(invalid="ignore"):
        return np.bincount(item, stars - stars.mean(), n_items) / count


# %% q2 test_average_user: leaves out what the average user's factors say


def stars_of_the_average(user_bias, item_bias, user_factors, item_factors, y_range):
    lo, hi = y_range
    return lo + (hi - lo) / (1 + np.exp(-(user_bias.mean() + item_bias)))


# %% q3 test_centred: centres each film instead of each factor


def components(factors, n):
    U, S, _ = np.linalg.svd(factors - factors.mean(axis=1, keepdims=True), full_matrices=False)
    return (U * S)[:, :n], (S**2 / np.sum(S**2))[:n]


# %% q3 test_shares_of_variance: shares of singular values, which are not variances


def components(factors, n):
    U, S, _ = np.linalg.svd(factors - factors.mean(axis=0), full_matrices=False)
    return (U * S)[:, :n], (S / np.sum(S))[:n]


# %% q4 test_turned: drops the sign of every film instead of turning a component


def turn(coordinates, guides):
    return np.abs(coordinates)


# %% q5 test_angles_not_lengths: ranks by dot products, so that long factors win


def goes_with_all(factors, liked, codes, k):
    others = codes[~np.isin(codes, liked)]
    return others[np.argsort(-(factors[others] @ factors[liked].sum(axis=0)), kind="stable")[:k]]


# %% q5 test_both_count_the_same: averages the liked films before it takes their lengths off


def goes_with_all(factors, liked, codes, k):
    unit = factors / np.linalg.norm(factors, axis=1, keepdims=True)
    others = codes[~np.isin(codes, liked)]
    return others[np.argsort(-(unit[others] @ factors[liked].mean(axis=0)), kind="stable")[:k]]


# %% q6 test_axes_of_their_own: averages the tables of seeds, whose axes differ


def votes(factor_tables, item, codes, k):
    factors = np.mean(factor_tables, axis=0)
    unit = factors / np.linalg.norm(factors, axis=1, keepdims=True)
    cosine = unit[codes] @ unit[item]
    cosine[codes == item] = -np.inf
    total = np.zeros(len(codes), dtype=int)
    total[np.argsort(-cosine, kind="stable")[:k]] = len(factor_tables)
    return total


# %% q7 test_everybody_differs: ranks the users of each film


def different_films(scores, k):
    return len(np.unique(np.argsort(-scores, axis=0)[:k]))
