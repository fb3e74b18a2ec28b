"""Wrong answers to lab 5, as students give them. Each runs in the place of one solution."""

# %% q1 test_nobody_is_sent_what_they_have_seen: seen films are not excluded


def top_unseen(scores, seen_user, seen_item, k):
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


# %% q1 test_nobody_is_sent_what_they_have_seen: what one reader has seen is dropped for everybody


def top_unseen(scores, seen_user, seen_item, k):
    left = scores.astype(float)
    left[:, seen_item] = -np.inf
    return np.argsort(-left, axis=1, kind="stable")[:, :k]


# %% q2 test_nothing_is_told_twice: the reader is known by the very rating that is asked about


def left_out_errors(recommender, stars):
    reader = recommender.fold_in(stars)
    return {item: given - reader.predict([item])[0] for item, given in stars.items()}


# %% q3 test_every_reader_counts_once: hits of all users over liked films of all users


def mean_recall(lists, liked, k):
    hits = sum(len(films & set(lists.get(user, [])[:k])) for user, films in liked.items())
    return hits / sum(len(films) for films in liked.values())


# %% q3 test_every_reader_counts_once: precision for recall


def mean_recall(lists, liked, k):
    return np.mean([len(films & set(lists.get(user, [])[:k])) / k for user, films in liked.items() if films])


# %% q4 test_best_list_is_the_best_of_all_films: the best list is made of the films of this list


def ndcg(ranked, gains, k):
    found = np.array([gains.get(film, 0) for film in ranked[:k]])
    discount = np.log2(np.arange(2, len(found) + 2))
    best = (np.sort(found)[::-1] / discount).sum()
    return (found / discount).sum() / best if best else 0.0


# %% q5 test_the_shelf_has_not_seen_the_future: held-out ratings are counted, too


def liked_counts(split):
    parts = [split.train, split.valid]
    return sum(np.bincount(part.item[part.rating >= 4], minlength=part.n_items) for part in parts)


# %% q5 test_the_shelf_forgets_no_rating: counts the notebook's own table of all ratings


def liked_counts(split):
    return np.bincount(ratings.item[ratings.rating >= 4], minlength=ratings.n_items)


# %% q6 test_nobody_learns_from_the_future: trains on everything outside the span, the future included


def rolling_splits(ratings, cuts):
    time = ratings.timestamp
    held = [(time >= start) & (time < end) for start, end in pairwise(cuts)]
    return [Split(ratings.take(~rows), ratings.take(rows)) for rows in held]


# %% q7 test_each_reader_is_compared_with_herself: the standard error of two groups of different people


def paired(a, b):
    both = a.index.intersection(b.index)
    a, b = a[both], b[both]
    return b.mean() - a.mean(), np.sqrt(a.var() / len(a) + b.var() / len(b)), len(both)


# %% q7 test_each_reader_is_compared_with_herself: readers are matched by their place


def paired(a, b):
    n = min(len(a), len(b))
    difference = b.to_numpy()[:n] - a.to_numpy()[:n]
    return difference.mean(), difference.std(ddof=1) / np.sqrt(n), n
