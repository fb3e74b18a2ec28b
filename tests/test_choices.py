"""What chapters 3, 6, 8, 9 and 11 show and do not fit: it comes out again, and is as their words have it."""

import numpy as np
import pytest
import torch

import collabkit.loaders
from benchmarks import choices
from collabkit.results import load

STORED = load("choices")


def means(table, score):
    return {name: np.mean(row[score]) for name, row in STORED[table].items()}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("batches", "QUICK"),
        ("starts", "at the mean, 1 epochs"),
        ("ranges", "dot product, decay, (0.5, 5.5)"),
        ("decays", "L2 in Adam"),
        ("products", "given the products, noisy, 50 factors"),
        ("ends", "30"),
        ("seeds", "the course recipe"),
    ],
)
def test_what_is_measured_again_comes_out_again(table, name, monkeypatch):
    monkeypatch.setattr(collabkit.loaders, "default_device", lambda: torch.device("cpu"))  # a GPU draws other batches
    measure, rows = choices.TABLES[table]
    for score, value in measure(0, **rows[name]).items():
        assert value == pytest.approx(STORED[table][name][score][0], rel=2e-3), score


def behind(kind, ends, score="validation RMSE"):
    """By how much a range is behind (0, 5.5), split by split."""
    return np.subtract(STORED["ranges"][f"{kind}, {ends}"][score], STORED["ranges"][f"{kind}, (0, 5.5)"][score])


def test_room_above_five_stars_pays_once_decay_is_on_and_not_before():
    narrow = "dot product, no decay"
    assert (behind(narrow, "(0.5, 5)") < 0).all()
    assert (behind(narrow, "(0.5, 5)", "cold left out") < 0).all()
    assert (behind(narrow, "(0, 5)", "cold left out") < 0).all()
    for kind in ("dot product, decay", "with biases, decay"):
        assert (behind(kind, "(0, 5)") > 0).all()
        assert (behind(kind, "(0.5, 5)") > behind(kind, "(0.5, 5.5)")).all()


def test_the_best_range_is_ahead_of_the_courses_by_a_thousandth_once_there_are_biases():
    assert 0.0005 < -behind("with biases, decay", "(0.5, 5.5)").mean() < 0.002
    assert (behind("with biases, decay", "(0.5, 5.5)") < 0).all()
    assert -behind("dot product, decay", "(0.5, 5.5)").mean() > 0.004
    assert -behind("dot product, decay", "(0.5, 5.5)", "cold left out").mean() < 0.002


def test_a_decay_has_a_best_value_and_leaves_factors_shorter():
    last, length = means("decays", "validation RMSE, epoch 5"), means("decays", "median length")
    none, *some = [f"λ = {wd:g}" for wd in (0, 0.2, 0.5, 1, 2, 5)]
    assert min(some, key=last.__getitem__) == "λ = 0.5"
    assert [length[row] for row in (none, *some)] == sorted((length[row] for row in (none, *some)), reverse=True)
    by_epoch = [means("decays", f"validation RMSE, epoch {n}") for n in range(1, 6)]
    assert min(range(5), key=lambda n: by_epoch[n][none]) == 1
    assert all(min(range(5), key=lambda n: by_epoch[n][row]) == 4 for row in ("λ = 0.5", "λ = 5"))
    assert last["λ = 0.5"] < min(epoch[none] for epoch in by_epoch) - 0.01


def test_l2_in_adam_is_harshest_on_rare_films_and_shortens_all():
    def kept(row, count):
        score = f"median length, {count}+"
        return means("decays", score)[row] / means("decays", score)["λ = 0"]

    assert kept("L2 in Adam", 1) < 0.2 < 0.6 < kept("λ = 0.5", 1)
    assert 0.5 < kept("L2 in Adam", 64) < kept("λ = 0.5", 64) < 0.7
    last = means("decays", "validation RMSE, epoch 5")
    assert abs(last["L2 in Adam"] - last["λ = 0.5"]) < 0.002


def test_a_net_multiplies_worse_with_more_factors_and_better_with_more_pairs():
    missed = {name: np.median(row["missed"]) for name, row in STORED["products"].items()}
    for kind in ("net, exact", "net, noisy"):
        by_factors = [missed[f"{kind}, {k} factors"] for k in (1, 5, 20, 50)]
        assert by_factors == sorted(by_factors) and by_factors[0] < 0.02
    assert max(missed[f"given the products, noisy, {k} factors"] for k in (1, 5, 20, 50)) < 0.01
    more = [missed[f"net, noisy, 20 factors{pairs}"] for pairs in (", 20,000 pairs", ", 40,000 pairs", "")]
    assert more[0] > 1.3 * more[1] > 1.69 * more[2]


def test_in_fastai_dropout_decides_between_net_and_dot_product():
    error = means("fastai", "validation RMSE")
    assert error["net with dropout"] < error["dot product"] - 0.01 < error["net as it comes"] - 0.03


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
