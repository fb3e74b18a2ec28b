"""Wrong answers to lab 6, as students give them. Each runs in the place of one solution."""

# %% q1 test_an_id_keeps_its_zeros: pandas decides what is a number


def read_raw(path, sep, encoding, names, date_format):
    raw = pd.read_csv(path, sep=sep, encoding=encoding).rename(columns=names)
    raw["timestamp"] = pd.to_datetime(raw["timestamp"], format=date_format)
    return raw[["user", "item", "rating", "timestamp"]]


# %% q1 test_the_day_stands_before_the_month: pandas decides what is a month


def read_raw(path, sep, encoding, names, date_format):
    raw = pd.read_csv(path, sep=sep, encoding=encoding, dtype=str).rename(columns=names)
    raw["user"], raw["item"] = raw["user"].str.strip(), raw["item"].str.strip()
    raw["rating"] = pd.to_numeric(raw["rating"])
    raw["timestamp"] = pd.to_datetime(raw["timestamp"], format="mixed")
    return raw[["user", "item", "rating", "timestamp"]]


# %% q2 test_silence_is_no_opinion: who said nothing found it average


def clean(table, not_rated):
    code = table["rating"].isin(not_rated)
    filled = table.assign(rating=table["rating"].where(~code, table["rating"][~code].mean()))
    return filled.sort_values("timestamp").drop_duplicates(["user", "item"], keep="last").sort_index()


# %% q2 test_the_last_word_counts: the last row of the file, which is in no order


def clean(table, not_rated):
    rated = table[~table["rating"].isin(not_rated)]
    return rated.drop_duplicates(["user", "item"], keep="last").reset_index(drop=True)


# %% q3 test_one_stranger_is_enough_to_be_cold: cold when both are strangers


def how_warm(split):
    users, items = np.unique(split.train.user), np.unique(split.train.item)
    cold = ~np.isin(split.valid.user, users) & ~np.isin(split.valid.item, items)
    return len(split.train) / (len(users) + len(items)), cold.mean()


# %% q3 test_rows_without_ratings_are_no_rows: every id of the table counts as a row


def how_warm(split):
    return len(split.train) / (split.train.n_users + split.train.n_items), split.cold().mean()


# %% q4 test_the_unit_makes_no_difference: the default penalty, whatever the scale


def als_points(train, users, items):
    return np.clip(ALS().fit(train).predict(users, items), *(train.scale or (-np.inf, np.inf)))


# %% q5 test_differences_are_taken_fold_by_fold: two spreads in place of the spread of the difference


def compare(ratings, models, k, seed):
    folds = pd.DataFrame({name: cross_validate(make, ratings, k=k, seed=seed)["rmse"] for name, make in models.items()})
    ahead = folds.rsub(folds.iloc[:, 0], axis=0)
    error = np.hypot(folds.std(), folds.iloc[:, 0].std()) / np.sqrt(k)
    return pd.DataFrame({"rmse": folds.mean(), "ahead": ahead.mean(), "error": error})


# %% q5 test_ahead_is_less_error: the mean squared error for its root


def compare(ratings, models, k, seed):
    folds = pd.DataFrame(
        {name: cross_validate(make, ratings, k=k, seed=seed)["rmse"] ** 2 for name, make in models.items()}
    )
    ahead = folds.rsub(folds.iloc[:, 0], axis=0)
    error = ahead.std() * np.sqrt(1 / k + 1 / (k - 1))
    return pd.DataFrame({"rmse": folds.mean(), "ahead": ahead.mean(), "error": error})


# %% q6 test_a_lucky_model_stays_outside: the smallest number wins


def decide(comparison):
    return comparison["rmse"].idxmin()


# %% q7 test_the_card_has_what_was_held_out: validation rows in training


def publish(model, split, path, terms):
    everything = Ratings.from_frame(pd.concat([split.train.frame, split.valid.frame]), scale=split.train.scale)
    model.fit(everything)
    scores = {"RMSE, held out": round(evaluate(model, split)["rmse"], 4)}
    scores["RMSE, damped means"] = round(evaluate(MeanBaseline(damping=4).fit(split.train), split)["rmse"], 4)
    Recommender(model, everything).save(path, scores=scores, terms=terms)
    return Path(path).with_suffix(".md").read_text("utf8")


# %% q7 test_the_card_names_the_baseline_and_the_terms: MovieLens' terms for the library's ratings


def publish(model, split, path, terms):
    fitted = {"held out": model.fit(split.train), "damped means": MeanBaseline(damping=4).fit(split.train)}
    scores = {f"RMSE, {name}": round(evaluate(one, split)["rmse"], 4) for name, one in fitted.items()}
    Recommender(model, split.train).save(path, scores=scores)
    return Path(path).with_suffix(".md").read_text("utf8")
