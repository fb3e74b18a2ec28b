"""The optimizer by itself; tests/test_learner.py has it in a fit, beside PyTorch's own."""

import pytest
import torch
from torch import nn

from collabkit import DotProductBias
from collabkit.training.optimizer import GroupedAdamW, can_fuse, split_biases


def test_biases_are_told_by_name():
    model = nn.ModuleDict(
        {"user_factors": nn.Embedding(4, 3), "item_bias": nn.Embedding(6, 1), "layers": nn.Linear(3, 1)}
    )
    factors, biases = split_biases(model)
    assert [id(p) for p in factors] == [id(model["user_factors"].weight), id(model["layers"].weight)]
    assert [id(p) for p in biases] == [id(model["item_bias"].weight), id(model["layers"].bias)]


@pytest.mark.parametrize("fused", [True, False])
def test_tables_without_a_gradient_are_passed_over_and_empty_ones_do_no_harm(fused):
    model = DotProductBias(3, 4, n_factors=0)
    before = model.user_bias.weight.detach().clone()
    optimizer = GroupedAdamW(split_biases(model), lr=0.1, decays=(True, False), fused=fused)
    model.item_bias.weight.grad = torch.ones(4, 1)
    model.item_factors.weight.grad = torch.ones(4, 0)
    start = model.item_bias.weight.detach().clone()
    optimizer.step()
    assert torch.allclose(model.item_bias.weight, start - 0.1, atol=1e-4)  # Adam's first step is the rate
    assert torch.equal(model.user_bias.weight, before)
    assert model.user_bias.weight not in optimizer.state


def test_devices_with_a_fused_kernel():
    assert [can_fuse(device) for device in ("cpu", "cuda:1", "mps", "meta")] == [True, True, False, False]
