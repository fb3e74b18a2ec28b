"""Wrong answers to lab 2, as students give them. Each runs in the place of one solution."""

# %% q1 test_one_score_for_each_pair: wrong axis


def score_pairs(P, Q, user, film):
    return (P[user] * Q[film]).sum(axis=0)  # adds up over the letters


# %% q2 test_a_user_who_comes_twice: the last rating of a user overwrites the others


def batch_gradient(P, Q, user, film, stars):
    error = (P[user] * Q[film]).sum(axis=1) - stars
    step = 2 * error[:, None] / len(error)
    grad_P, grad_Q = np.zeros_like(P), np.zeros_like(Q)
    grad_P[user] += step * Q[film]  # a row that comes twice is written twice, not added twice
    grad_Q[film] += step * P[user]
    return np.mean(error**2), grad_P, grad_Q


# %% q3 test_each_step_has_the_gradient_of_its_own_batch: gradients that add up


def train_epoch(model, batches, optimizer):
    squared, n = 0.0, 0
    for x, y in batches:
        error = model(x) - y
        error.square().mean().backward()  # on top of the gradient that is there
        optimizer.step()
        squared, n = squared + error.square().sum().item(), n + len(y)
    return squared / n


# %% q3 test_each_step_has_the_gradient_of_its_own_batch: a row minus a column


def train_epoch(model, batches, optimizer):
    squared, n = 0.0, 0
    for x, y in batches:
        error = model(x).flatten() - y  # (B,) - (B, 1) is (B, B)
        optimizer.zero_grad()
        error.square().mean().backward()
        optimizer.step()
        squared, n = squared + error.square().mean().item() * len(y), n + len(y)
    return squared / n


# %% q4 test_in_stars_over_all_validation_rows: MSE for RMSE


def train_and_score(split, y_range=None):
    torch.manual_seed(0)
    model = DotProduct(split.train.n_users, split.train.n_items, RECIPE.n_factors, y_range)
    learn = rating_learner(collab_dataloaders(split), model, wd=0)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs)
    return learn.model, learn.recorder.values[-1][1]  # the loss, not its root


# %% q4 test_validation_ratings_are_never_trained_on: validation rows in training


def train_and_score(split, y_range=None):
    torch.manual_seed(0)
    both = pd.concat([split.train.frame, split.valid.frame])
    everything = Ratings.from_frame(both)  # the more the better?
    model = DotProduct(everything.n_users, everything.n_items, RECIPE.n_factors, y_range)
    codes = everything.users.index(split.valid.frame["user"]), everything.items.index(split.valid.frame["item"])
    held = np.isin(everything.user * everything.n_items + everything.item, codes[0] * everything.n_items + codes[1])
    learn = rating_learner(collab_dataloaders(Split(everything, everything.take(held))), model, wd=0)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(RECIPE.epochs)
        predicted, actual = learn.get_preds()
    return learn.model, rmse(actual, predicted)


# %% q5 test_five_stars_from_a_fresh_start: the slope is forgotten


def score_gradient(score, stars, lo, hi):
    said = (hi - lo) / (1 + np.exp(-score)) + lo
    return 2 * (said - stars)  # the derivative for the prediction


# %% q6 test_counted_in_the_training_ratings: counted over all ratings


def where_gain(split, before, after):
    actual = split.valid.rating
    gain = (actual - before) ** 2 - (actual - after) ** 2
    items = np.concatenate([split.train.item, split.valid.item])  # held-out ratings count as known
    count = np.bincount(items)[split.valid.item]
    groups = {"none": count == 0, "few": (count > 0) & (count < 10), "many": count >= 10}
    return {name: gain[rows].sum() / gain.sum() for name, rows in groups.items()}


# %% q6 test_counted_in_the_training_ratings: users for films


def where_gain(split, before, after):
    actual = split.valid.rating
    gain = (actual - before) ** 2 - (actual - after) ** 2
    count = np.bincount(split.train.user, minlength=split.train.n_users)[split.valid.user]  # the wrong side
    groups = {"none": count == 0, "few": (count > 0) & (count < 10), "many": count >= 10}
    return {name: gain[rows].sum() / gain.sum() for name, rows in groups.items()}
