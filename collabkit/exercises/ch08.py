"""Checks for chapter 8, *The neural net*."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from collabkit.exercises import Answer, came_back, check, one_number
from collabkit.models import sigmoid_range
from collabkit.movielens import load_movielens
from collabkit.recipe import QUICK
from collabkit.results.bands import band
from collabkit.splits import random_split
from collabkit.training.fit import fit_recipe

PARTS = ("user_factors", "item_factors", "user_tower", "item_tower")


@check("8.1", praise="Nearly all of them are in the tables, as usual.")
def check_1(count: Answer) -> str | None:
    """Parameters of ``EmbeddingNet(1000, 500, (8, 12), layers=(16, 4), embedding_dropout=0.5)``."""
    count = one_number(count)
    if count is None:
        return "give one number."
    tables = 1000 * 8 + 500 * 12
    weights, biases = 20 * 16 + 16 * 4 + 4 * 1, 16 + 4 + 1
    mistakes: dict[object, str] = {
        tables: "those are the tables. The layers have weights and biases too.",
        weights + biases: "those are the layers. The two tables are parameters as well.",
        tables + weights: "each linear layer also has a bias for each of its outputs.",
        tables + weights + biases - 5: "the last layer, from 4 units to the score, is missing.",
        tables + weights + biases - 1: "nearly: the last layer has a bias too.",
        (tables + weights + biases) // 2: "dropout hides values while training. It removes no parameters.",
        1000 * 12 + 500 * 8 + weights + biases: "the sizes are swapped: 8 numbers for a user, 12 for a film.",
        tables + weights + biases + 8 * 16: "the first layer gets 8 + 12 numbers.",
        tables + 8 * 12 * 16 + 16 * 4 + 4 + biases: "the embeddings are laid end to end: 8 + 12 inputs, not 8 · 12.",
        tables + weights + biases + 1500: "there are no user and film biases in this net.",
    }
    if count == tables + weights + biases:
        return None
    return mistakes.get(
        count,
        "two tables; then 20 → 16, 16 → 4 and 4 → 1. A linear layer from n to m has n · m weights and m biases.",
    )


@check("8.2", praise="With the film tower run once for all films, a user costs one small product.")
def check_2(build: Answer) -> str | None:
    """A class of two towers, as in the chapter, whose ``forward`` is the student's."""
    if not isinstance(build, type) or not issubclass(build, nn.Module):
        return "pass the class itself, not a model made from it: check_2(my_two_towers)."
    with torch.random.fork_rng(devices=[]):  # a check must not change the random numbers of the next cell
        for y_range in (None, (0, 5.5), (1, 10)):
            if hint := _tower_hint(build, y_range):
                return hint
    return None


def _tower_hint(build: Answer, y_range: tuple[float, float] | None) -> str | None:
    """What is wrong with the scores of a two-tower model, if anything."""
    torch.manual_seed(82)
    model = build(7, 7, 6, y_range)  # as many films as users: swapped columns then give a hint, not an IndexError
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.5)
    x = torch.tensor([[0, 0], [6, 4], [3, 1], [3, 2]])  # (B, 2)
    try:
        stars = came_back(model(x), type(model).forward)
    except TypeError as error:
        if y_range is not None:
            raise
        return (
            f"with y_range=None your forward raises {type(error).__name__}: {error}. Without a range the score comes "
            "back as it is: return score if self.y_range is None else sigmoid_range(score, *self.y_range)."
        )
    missing = [name for name in PARTS if not hasattr(model, name)]
    if missing:
        return f"your model has no {missing[0]}. Keep the __init__ of the chapter, and write forward alone."
    p, q = model.user_factors(x[:, 0]), model.item_factors(x[:, 1])  # (B, K), (B, K)
    user, item = model.user_tower(p), model.item_tower(q)  # (B, 20), (B, 20)
    score = (user * item).sum(dim=1, keepdim=True)  # (B, 1)
    if not isinstance(stars, Tensor):
        return f"forward returns a {type(stars).__name__}. Return a tensor."
    if stars.shape == user.shape:
        return "those are the products one by one. Add them up along each row, with keepdim=True."
    if stars.shape == (len(x),):
        return "right number, wrong shape: (B,) should be (B, 1). Sum with dim=1, keepdim=True."
    if stars.shape == (len(x), len(x)):
        return "that is every user of the batch with every film of it. Multiply row by row, and sum along each row."
    if stars.shape != (len(x), 1):
        return f"pairs of shape (B, 2) gave predictions of shape {tuple(stars.shape)}. It should be (B, 1)."

    def ranged(score: Tensor) -> Tensor:
        return score if y_range is None else sigmoid_range(score, *y_range)

    flat = (p * q).sum(dim=1, keepdim=True)  # (B, 1)
    crossed = (model.user_tower(q) * model.item_tower(p)).sum(dim=1, keepdim=True)
    one = (model.user_tower(p) * model.user_tower(q)).sum(dim=1, keepdim=True)
    mistakes = [
        (score, "that is the score. When there is a y_range, squeeze it with sigmoid_range(score, *self.y_range)."),
        (ranged(flat), "that is the dot product of the embeddings. Send each side through its tower first."),
        (ranged(crossed), "each side went through the other's tower."),
        (ranged(one), "both sides went through the user tower."),
        (ranged((user + item).sum(dim=1, keepdim=True)), "multiply the two outputs before you sum, do not add them."),
        (ranged(score / user.shape[1]), "that is the mean of the products. A dot product is their sum."),
        (torch.sigmoid(score), "it still ends between 0 and 1: use sigmoid_range with self.y_range."),
    ]
    if not torch.allclose(stars, ranged(score), atol=1e-5):
        fallback = "the scores differ from user tower · film tower. Look at the two lookups: column 0 is the user."
        return next((hint for value, hint in mistakes if torch.allclose(stars, value, atol=1e-5)), fallback)
    if not stars.requires_grad:
        return "right, but no gradient flows: is there a .detach(), .item() or torch.no_grad()?"
    stars.sum().backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    if still:
        return f"right, but no gradient reaches {still[0]}, so it would never be trained."
    if model(x[:1]).shape != (1, 1):
        return "right for a batch of four, wrong for a batch of one: is there a .squeeze()?"
    return None


@check("8.3", praise="A net can use a product. It only could not make one.")
def check_3(build: Answer) -> str | None:
    """A class with a hidden layer and products that closes half of the gap between net and dot product."""
    if not isinstance(build, type) or not issubclass(build, nn.Module):
        return "pass a class of modules, not a model made from it: check_3(my_net)."
    with torch.random.fork_rng(devices=[]):
        if hint := _shape_hint(build(7, 5, 4, (0, 5.5))):
            return hint
        score = _train(build)
    net, dot = _known("net"), _known("bias")
    share = (net - score) / (net - dot)
    print(f"EmbeddingNet {net:.4f}, yours {score:.4f}, DotProductBias {dot:.4f}: {share:.0%} of the gap closed.")
    if share >= 0.5:
        return None
    if share < -0.05:
        return (
            "it is behind the net without products. Does it overfit? Look at the dropout, and at what the hidden "
            "layer can do with a product that is never hidden from it."
        )
    if share < 0.2:
        return (
            "hardly better. As inputs of the hidden layer, products of two small numbers have a long way to go. Add "
            "their sum to the score instead, past the hidden layer."
        )
    return (
        "on the way. One table now serves the net and the product, and the two want different things of it. Give the "
        "product tables of its own, and add its sum to the score as it is."
    )


def _shape_hint(model: nn.Module) -> str | None:
    """What is wrong with a small model ``(7, 5, 4, (0, 5.5))`` before any training, if anything."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    if not any(layer.out_features > 1 for layer in linear):
        return "where is the hidden layer? The model should have a net as well as products."
    x = torch.tensor([[0, 0], [6, 4], [3, 1], [3, 2]])  # (B, 2)
    stars = came_back(model(x), type(model).forward)
    if not isinstance(stars, Tensor):
        return f"forward returns a {type(stars).__name__}. Return a tensor."
    if stars.shape != (len(x), 1):
        return f"pairs of shape (B, 2) gave predictions of shape {tuple(stars.shape)}. It should be (B, 1)."
    stars.sum().backward()
    still = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    if still:
        return f"no gradient reaches {still[0]}, so it would never be trained. Is it used in forward?"
    model.eval()
    with torch.no_grad():
        many = x.repeat(16, 1)  # a few values may be dropped twice alike
        if not torch.equal(model(many), model(many)):
            return "in evaluation it answers differently each time. Use nn.Dropout, which knows when to stop."
        for parameter in model.parameters():
            parameter.fill_(9.0)
        if model(x).max() > 5.5:
            return "it can leave the range: squeeze the score with sigmoid_range(score, *y_range)."
    return None


def _train(build: Answer) -> float:
    """Validation RMSE of one fit by the quick recipe, on the split and from the seed of the chapter."""
    learn = fit_recipe(random_split(load_movielens(), seed=0), lambda *sizes: build(*sizes, (0, 5.5)), QUICK)
    return learn.recorder.values[-1][2]


def _known(model: str) -> float:
    """RMSE of a measured run on that split from that seed: the first of its band."""
    return band(f"small-2016/quick/{model}").scores[0]
