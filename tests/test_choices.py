"""What chapters 6, 8, 9 and 11 show and do not fit: it comes out again, and is as their words have it."""

import numpy as np
import pytest

from benchmarks import choices
from collabkit.results import load

STORED = load("choices")


def means(table, score):
    return {name: np.mean(row[score]) for name, row in STORED[table].items()}


@pytest.mark.parametrize(
    ("table", "name"),
    [("batches", "QUICK"), ("starts", "at the mean, 1 epochs"), ("ends", "30"), ("seeds", "the course recipe")],
)
def test_what_is_measured_again_comes_out_again(table, name):
    measure, rows = choices.TABLES[table]
    for score, value in measure(0, **rows[name]).items():
        assert value == pytest.approx(STORED[table][name][score][0], rel=2e-3), score


def test_larger_batches_want_a_higher_rate_and_that_a_stronger_decay():
    learnt, held_out = means("batches", "training RMSE"), means("batches", "validation RMSE")
    recipe, batch, rate, decay, quick = choices.BATCHES
    assert learnt[batch] > learnt[recipe] > learnt[rate]
    assert min(held_out[batch], held_out[rate]) > held_out[decay] + 0.008
    assert held_out[recipe] < held_out[decay] < held_out[recipe] + 0.004
    assert abs(held_out[quick] - held_out[decay]) < 0.003


def test_a_start_at_the_mean_saves_no_time_in_a_race_of_full_length():
    error = means("starts", "validation RMSE")
    ahead = [error[f"at 0, {n} epochs"] - error[f"at the mean, {n} epochs"] for n in (1, 2, 4)]
    assert min(ahead[:2]) > 0.005
    assert abs(ahead[2]) < 0.002


def test_the_net_of_chapter_8_is_the_best_of_those_tried():
    error, loss = means("nets", "RMSE to choose by"), means("nets", "training loss")
    none, decay, hidden, embeddings, most, by_rule = choices.NETS
    assert error[none] > error[decay] > error[hidden] > error[embeddings] + 0.005
    assert error[embeddings] < min(error[most], error[by_rule])
    assert loss[most] == max(loss.values())


def test_the_penalties_of_als_are_at_the_bottom_of_a_valley():
    error, learnt = means("penalties", "held out RMSE"), means("penalties", "training RMSE")
    for rows in (list(error)[:5], list(error)[5:]):  # one λ for all; 4 on the biases
        assert min(rows, key=error.__getitem__) == rows[2]
        assert [learnt[row] for row in rows] == sorted(learnt[row] for row in rows)
    assert all(error[f"{lam} and 4"] < error[f"{lam} and {lam}"] for lam in (7, 10, 14, 20, 28))


def test_the_weaker_the_penalty_the_further_apart_the_ends():
    apart = [max(row["objective"]) / min(row["objective"]) - 1 for row in STORED["ends"].values()]
    assert apart[0] > 5 * apart[1] > 1e-4
    assert apart[2] < 5e-7  # none of the digits that the chapter shows
    assert [set(row["directions"]) for row in STORED["ends"].values()] == [{8}, {8}, {4}]


def test_seeds_differ_little_and_their_mean_is_better_than_any():
    row = STORED["seeds"]["the course recipe"]
    alone, together = np.array(row["validation RMSE"]), row["RMSE of the mean so far"]
    assert together[0] == alone[0]
    assert 0.0003 < alone.std(ddof=1) < 0.002
    assert together[1] < min(alone[:2])
    assert together[-1] < min(together[1], alone.mean() - 3 * alone.std(ddof=1))
