"""Wrong answers to lab 3, as students give them. Each runs in the place of one solution."""

# %% q1 test_every_table_is_trained: no bias term


class MeanStart(nn.Module):
    def __init__(self, n_users, n_items, n_factors, mean, y_range):
        super().__init__()
        self.user_factors = create_params([n_users, n_factors])
        self.item_factors = create_params([n_items, n_factors])
        self.start = math.log((mean - y_range[0]) / (y_range[1] - mean))
        self.y_range = y_range

    def forward(self, x):
        users, items = self.user_factors.index_select(0, x[:, 0]), self.item_factors.index_select(0, x[:, 1])
        return sigmoid_range(self.start + (users * items).sum(dim=1, keepdim=True), *self.y_range)


# %% q1 test_every_table_is_trained: tables that nobody trains


class MeanStart(nn.Module):
    def __init__(self, n_users, n_items, n_factors, mean, y_range):
        super().__init__()
        self.user_factors = torch.randn(n_users, n_factors) * 0.01  # not an nn.Parameter
        self.item_factors = torch.randn(n_items, n_factors) * 0.01
        self.user_bias, self.item_bias = create_params([n_users, 1]), create_params([n_items, 1])
        self.start = math.log((mean - y_range[0]) / (y_range[1] - mean))
        self.y_range = y_range

    def forward(self, x):
        users, items = self.user_factors.index_select(0, x[:, 0]), self.item_factors.index_select(0, x[:, 1])
        bias = self.user_bias.index_select(0, x[:, 0]) + self.item_bias.index_select(0, x[:, 1])
        return sigmoid_range(self.start + (users * items).sum(dim=1, keepdim=True) + bias, *self.y_range)


# %% q1 test_no_score_leaves_the_range: the mean is added behind the sigmoid


class MeanStart(DotProductBiasParams):
    def __init__(self, n_users, n_items, n_factors, mean, y_range):
        super().__init__(n_users, n_items, n_factors, y_range)
        self.shift = mean - sum(y_range) / 2

    def forward(self, x):
        return super().forward(x) + self.shift  # the right start, and then off the scale


# %% q2 test_factors_are_decayed_biases_left_alone: everything decays


def decay_groups(model, wd):
    return [{"params": list(model.parameters()), "weight_decay": wd}]


# %% q2 test_a_single_factor_is_no_bias: whatever is one column wide is taken for a bias


def decay_groups(model, wd):
    biases = [parameter for parameter in model.parameters() if parameter.shape[1] == 1]
    others = [parameter for parameter in model.parameters() if parameter.shape[1] > 1]
    return [{"params": others, "weight_decay": wd}, {"params": biases, "weight_decay": 0}]


# %% q3 test_shares_of_what_is_left: the shares are added up


def kept(rates, wd):
    return 1 - np.sum(np.asarray(rates) * wd)


# %% q4 test_names_prove_nothing: by its name


def is_decoupled(make):
    return type(make([nn.Parameter(torch.ones(1))], 0.1, 0.5)).__name__ == "AdamW"


# %% q5 test_the_turn_is_where_validation_is_lowest: the epoch with the lowest training loss


def read_curves(losses):
    train_rmse, valid_rmse = np.sqrt(losses).T
    turn = train_rmse.argmin()
    return turn + 1, valid_rmse[-1] - train_rmse[-1], valid_rmse[-1] - valid_rmse[turn]


# %% q5 test_gap_and_cost_are_in_stars: MSE for RMSE


def read_curves(losses):
    training, validation = np.asarray(losses).T
    turn = validation.argmin()
    return turn + 1, validation[-1] - training[-1], validation[-1] - validation[turn]


# %% q6 test_validation_ratings_are_asked_once: chosen by the rows that judge


def choose_decay(split, decays, fit):
    scores = {wd: fit(split, wd) for wd in decays}
    best = min(scores, key=scores.get)
    return best, scores[best]


# %% q6 test_nothing_held_out_is_trained_on: all ratings are cut, validation rows among them


def choose_decay(split, decays, fit):
    inner = random_split(ratings, valid=0.2, seed=0)  # the notebook's whole table
    best = min(decays, key=lambda wd: fit(inner, wd))
    return best, fit(split, best)
