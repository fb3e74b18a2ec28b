"""Wrong answers to lab 1, as students give them. Each runs in the place of one solution."""

# %% q1 test_a_single_five_is_no_classic: the highest mean wins, whoever gave it


def best_films(ratings, k, at_least):
    mean = ratings.frame.groupby("item")["rating"].mean()
    return mean.sort_values(ascending=False).index[:k]


# %% q2 test_the_error_is_in_stars: the mean squared error for its root


def rmse_by(code, actual, predicted, n):
    square = (np.ravel(actual) - np.ravel(predicted)) ** 2
    return pd.Series(square).groupby(code).mean().reindex(range(n)).to_numpy()


# %% q3 test_a_pair_is_one_user_and_one_film: a user and a film that training knows are taken for a leak


def leaked(train, valid):
    return np.isin(valid.user, train.user) & np.isin(valid.item, train.item)


# %% q4 test_films_take_their_credit_first: users get the credit of their films once more


def fair_offsets(train, k):
    mu = train.rating.mean(dtype="float64")
    residual = train.rating - mu

    def offsets(code, n):
        return np.bincount(code, residual, minlength=n) / np.maximum(np.bincount(code, minlength=n) + k, 1e-9)

    return mu, offsets(train.item, train.n_items), offsets(train.user, train.n_users)


# %% q4 test_only_train_is_learnt_from: validation rows in training, by way of the notebook's own table


def fair_offsets(train, k):
    mu = ratings.rating.mean(dtype="float64")
    count = np.bincount(ratings.item, minlength=train.n_items)
    film = np.bincount(ratings.item, ratings.rating - mu, minlength=train.n_items) / (count + k)
    count = np.bincount(ratings.user, minlength=train.n_users)
    user = np.bincount(ratings.user, ratings.rating - mu - film[ratings.item], minlength=train.n_users) / (count + k)
    return mu, film, user


# %% q5 test_a_stranger_counts_as_average: -1 is the last row


def guess(mu, film_offset, user_offset, user, item):
    return np.clip(mu + user_offset[user] + film_offset[item], 0.5, 5)


# %% q5 test_users_and_films_are_not_mixed_up: the wrong axis, users look up films


def guess(mu, film_offset, user_offset, user, item):
    of_user = np.where(user >= 0, film_offset[user], 0)
    of_film = np.where(item >= 0, user_offset[item % len(user_offset)], 0)
    return np.clip(mu + of_user + of_film, 0.5, 5)


# %% q6 test_only_valid_chooses: the training error chooses


def choose_damping(split, dampings):
    def error(k, part):
        model = MeanBaseline(damping=k).fit(split.train)
        return rmse(part.rating, model.predict(part.frame["user"], part.frame["item"]))

    best = min(dampings, key=lambda k: error(k, split.train))
    return best, error(best, split.test)
