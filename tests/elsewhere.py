"""A device that is not the CPU, for machines without a GPU: tensors that say ``elsewhere`` and compute on the CPU.

Importing it registers the device with PyTorch. It is as strict as a GPU, and stricter where a GPU is only slow:

- operations take tensors of one device (constants without dimensions apart), and so do random numbers their generator;
- a tensor becomes a NumPy array through ``.cpu()`` alone;
- sums and products round in another way than on the CPU;
- the gradient of an embedding without columns crashes, as CUDA's does.

``Traffic`` counts what is launched there, and how often the processor waits for a value.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import fastai.torch_core
import pytest
import torch

import collabkit.learner
import collabkit.loaders

try:
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend as _register
except ImportError:  # before PyTorch 2.9
    _register = None
if torch.cuda.is_available() or torch.backends.mps.is_available():
    _register = None  # the one that PyTorch finds first would be this one, and tests run on that GPU anyway

NAME = "elsewhere"
aten = torch.ops.aten
ROUNDS = {aten.sum.dim_IntList, aten.sum.default, aten.mean.default, aten.mean.dim, aten.mm.default, aten.bmm.default}
ROUNDS |= {aten.addmm.default, aten.dot.default}
WAITS = {aten._local_scalar_dense.default, aten.nonzero.default, aten.equal.default, aten.masked_select.default}
MOVES = {aten._to_copy.default, aten.copy_.default}
PICKS = {aten.index.Tensor, aten.index_put.default, aten.index_put_.default}
DRAWS = ("rand", "randint", "randn", "randperm", "_standard_gamma")
FACTORIES = (
    "empty.memory_format empty_strided zeros ones full arange arange.start arange.start_step eye eye.m linspace "
    "randn randn.generator rand rand.generator randint randint.generator randint.low randint.low_generator "
    "randperm randperm.generator scalar_tensor"
)


class WrongDevice(Exception):
    """What would fail, or read wrong memory, on a GPU. No ``except RuntimeError`` hides it."""


class Far(torch.Tensor):
    """A tensor that lives elsewhere; ``near`` holds its numbers."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> Far:
        layout = {"strides": near.stride(), "storage_offset": near.storage_offset(), "dtype": near.dtype}
        far = torch.Tensor._make_wrapper_subclass(cls, near.shape, **layout, device=f"{NAME}:0")
        far.near = near
        return far

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, *args, **(kwargs or {}))

    def __reduce_ex__(self, protocol):  # files are read on a machine without a GPU; torch.load moves what it should
        return self.near.detach().__reduce_ex__(protocol)

    def numpy(self, *args, **kwargs):
        raise WrongDevice(f"can't convert a tensor on {NAME} to numpy: write .cpu() first")

    def __array__(self, *args, **kwargs):
        return self.numpy()

    def tolist(self):
        Traffic.note("tolist", waits=True)
        return self.near.tolist()

    def __format__(self, spec):
        return format(self.near.detach(), spec)

    def __repr__(self, **kwargs):
        return f"{self.near!r} on {NAME}"


class FarGenerator(torch.Generator):
    """Random numbers for one device."""

    def __new__(cls, device="cpu"):
        generator = super().__new__(cls, "cpu")
        generator.lives = torch.device(f"{NAME}:0" if is_far(device) else device)
        return generator

    @property
    def device(self):
        return self.lives

    def manual_seed(self, seed):
        super().manual_seed(seed)
        return self


class Traffic:
    """Operations launched elsewhere, and values that the processor waited for, while it is open."""

    running: ClassVar[list[Traffic]] = []

    def __init__(self):
        self.launched, self.waited = Counter(), Counter()

    @classmethod
    def note(cls, what, waits: bool) -> None:
        for one in cls.running:
            (one.waited if waits else one.launched)[str(what)] += 1

    def __enter__(self) -> Traffic:
        self.running.append(self)
        return self

    def __exit__(self, *error) -> None:
        self.running.remove(self)


def is_far(device) -> bool:
    return device is not None and torch.device(device).type == NAME


# Arguments are tuples, lists and dicts of tensors and numbers. With PyTorch's own functions of trees, which know many
# more kinds, an operation here spent most of its time in them.


def leaves_of(*trees) -> list:
    found = []
    for one in trees:
        if isinstance(one, tuple | list):
            found += leaves_of(*one)
        elif isinstance(one, dict):
            found += leaves_of(*one.values())
        else:
            found.append(one)
    return found


def mapped(change, tree):
    """The same tree, of changed leaves."""
    if isinstance(tree, tuple | list):
        return type(tree)([mapped(change, one) for one in tree])
    if isinstance(tree, dict):
        return type(tree)((key, mapped(change, one)) for key, one in tree.items())
    return change(tree)


def near_of(one):
    return one.near if isinstance(one, Far) else one


crashes: list[str] = []  # of backward passes, in a thread of PyTorch's own, which an exception would abort


def refuse(why: str) -> None:
    """At once, or else with the next operation, as CUDA does."""
    if threading.current_thread() is not threading.main_thread():
        crashes.append(why)
        return
    crashes.clear()
    raise WrongDevice(why)


def _run(func, *args, **kwargs):
    """One operation: refused unless all of it is on one device, then computed here."""
    if crashes:
        refuse(crashes[0])
    leaves = leaves_of(args, kwargs)
    far = [one for one in leaves if isinstance(one, Far)]
    operands = leaves_of(args[:1], args[2:]) if func in PICKS else leaves  # indices may come from the CPU
    near = [one for one in operands if isinstance(one, torch.Tensor) and not isinstance(one, Far) and one.dim()]
    told = kwargs.get("device")
    result_is_far = bool(far) if told is None else is_far(told)
    if far and near and func not in MOVES:
        refuse(f"{func} takes tensors on {NAME} and on the CPU")
    if func is aten.embedding_dense_backward.default and not args[0].numel():
        refuse(f"{func}: an illegal memory access, in a table without columns")
    Traffic.note(func, waits=func in WAITS or (func in MOVES and bool(far) and not result_is_far))
    if told is not None and result_is_far:
        kwargs["device"] = torch.device("cpu")
    args, kwargs = mapped(near_of, (args, kwargs))
    out = _rounded(func, args, kwargs) if result_is_far and func in ROUNDS else func(*args, **kwargs)
    if not result_is_far:
        return out
    known = {id(one.near): one for one in far}  # an operation in place returns the tensor that it was given

    def wrapped(one):
        if not isinstance(one, torch.Tensor):
            return one
        return known[id(one)] if id(one) in known else Far(one)

    return mapped(wrapped, out)


def _rounded(func, args, kwargs):
    """float32 by way of float64: the last bit often differs, as it does between processors and GPUs."""
    single = [one for one in leaves_of(args, kwargs) if isinstance(one, torch.Tensor)]
    if any(one.dtype != torch.float32 for one in single) or "dtype" in kwargs:
        return func(*args, **kwargs)
    args = mapped(lambda one: one.double() if isinstance(one, torch.Tensor) else one, args)
    return func(*args, **kwargs).float()


class Backend:
    """What PyTorch asks of a device as a whole. Its random numbers are the CPU's."""

    def is_available(self) -> bool:
        return True

    is_initialized = is_available

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def _is_in_bad_fork(self) -> bool:
        return False

    def manual_seed_all(self, seed) -> None:
        pass

    def get_rng_state(self, device=NAME):
        return torch.get_rng_state()

    def set_rng_state(self, state, device=NAME) -> None:
        pass


def _start() -> list:
    _register(NAME, Backend())
    anything, known = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    anything.fallback(_run, "PrivateUse1")
    for name in FACTORIES.split():
        packet, _, overload = name.partition(".")
        operation = getattr(getattr(aten, packet), overload or "default")
        known.impl(name, lambda *args, _op=operation, **kwargs: _run(_op, *args, **kwargs), "PrivateUse1")
    return [anything, known]  # they hold while somebody refers to them


_LIBRARIES = _start() if _register else []


@contextlib.contextmanager
def everything_elsewhere() -> Iterator[torch.device]:
    """Make that device the one that is found by default, and mend what PyTorch's C++ cannot do for it."""
    if not _register:
        pytest.skip("there is a GPU, or this PyTorch cannot register a device from Python")
    device = torch.device(NAME, 0)
    tensor, as_tensor, as_subclass, load = torch.tensor, torch.as_tensor, torch.as_subclass, torch.load

    def moved(make):
        def made(data, *args, device=None, **kwargs):
            return make(data, *args, **kwargs) if device is None else make(data, *args, **kwargs).to(device)

        return made

    def fed(draw):
        def drawn(*args, generator=None, **kwargs):
            there = isinstance(args[0], Far) or is_far(kwargs.get("device"))
            if generator is not None and is_far(generator.device) != there:
                raise WrongDevice(f"{draw.__name__} takes its random numbers from another device")
            return draw(*args, generator=generator, **kwargs)

        return drawn

    def loaded(file, map_location=None, **kwargs):
        there = is_far(map_location) if isinstance(map_location, str | torch.device | None) else False
        found = load(file, map_location="cpu" if there else map_location, **kwargs)
        return mapped(lambda one: one.to(device) if there and isinstance(one, torch.Tensor) else one, found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.__future__, "get_swap_module_params_on_conversion", lambda: True)  # moved, not replaced
        patch.setattr(torch, "tensor", moved(tensor))
        patch.setattr(torch, "as_tensor", moved(as_tensor))
        patch.setattr(torch, "load", loaded)
        for owner, name in [(torch, one) for one in DRAWS] + [(Far, "normal_")]:
            patch.setattr(owner, name, fed(getattr(owner, name)))
        patch.setattr(torch, "Generator", FarGenerator)
        keep = lambda one, cls: one if isinstance(one, Far) or issubclass(cls, Far) else as_subclass(one, cls)  # noqa: E731
        patch.setattr(torch, "as_subclass", keep)  # fastai's types of tensors
        patch.setattr(fastai.torch_core, "default_device", lambda use=-1: device)
        patch.setattr(collabkit.loaders, "default_device", lambda use=-1: device)
        patch.setattr(collabkit.learner, "can_fuse", lambda device: True)  # as on a GPU
        yield device
        if crashes:
            refuse(crashes[0])
