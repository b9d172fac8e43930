"""Every function and method of functrans.torch beside PyTorch's: values, dtypes and shapes, first
and second derivatives, at ordinary and at hard points, in each kind of dtype."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from functrans.torch import fft, inplace, linalg, special
from tests.shim import deviations
from tests.shim.points import POINTS
from tests.shim.rows import LINES, in_place_lines
from tests.shim.test_creation import REFUSED, SHOWN

IN_PLACE = in_place_lines(set(inplace.METHODS))
ALL_LINES = LINES + list(IN_PLACE)

TOLERANCES = {"float64": 1e-8, "complex128": 1e-8, "float32": 2e-5, "complex64": 2e-5}
"""By the coarsest dtype of the results; PyTorch's polygamma is good to eight digits only."""


class Outcome:
    """What a call gave: plain results, values, and derivatives by order and input."""

    def __init__(self, torch: Any, line: str, kind: str) -> None:
        tensors = [
            torch.tensor(v, requires_grad=np.asarray(v).dtype.kind in "fc") for v in POINTS[kind]
        ]
        names = dict(zip("xym", tensors, strict=True))
        self.values: list[Any] = []
        self.derivatives: list[Any] | None = None
        outs = list(leaves(eval(line, {"torch": torch, **names})))
        smooth = []
        for o in outs:
            if not isinstance(o, torch.Tensor):
                self.values.append(str(o) if type(o).__name__ == "dtype" else o)
                continue
            self.values.append((array(o), str(o.dtype)))
            if o.requires_grad and (o.dtype.is_floating_point or o.dtype.is_complex):
                smooth.append(o)
        if smooth and "empty" not in line:
            inputs = [t for t in tensors if t.requires_grad]
            self.derivatives = list(derivatives(torch, smooth, inputs))


def leaves(out: Any) -> Iterator[Any]:
    if isinstance(out, tuple | list):
        for part in out:
            yield from leaves(part)
    else:
        yield out


def array(t: Any) -> Any:
    t = t.detach()
    if type(t).__module__.startswith("functrans"):
        return np.array(t.numpy())
    return t.resolve_conj().resolve_neg().numpy(force=True).copy()


def derivatives(torch: Any, outs: list[Any], inputs: list[Any]) -> Iterator[Any]:
    """The gradients of a sum with weights, then those of the sum of their squares."""
    total = 0
    for o in outs:
        weights = torch.tensor(np.cos(np.arange(o.numel())).reshape(tuple(o.shape)))
        if o.dtype.is_complex:
            total = total + ((o.real * weights).sum() + (o.imag * weights).sum() * 0.5).double()
        else:
            total = total + (o.double() * weights).sum()
    grads = torch.autograd.grad(total, inputs, create_graph=True, allow_unused=True)
    for g, x in zip(grads, inputs, strict=True):
        yield np.zeros(tuple(x.shape)) if g is None else array(g)
    parts = [torch.view_as_real(g) if g.dtype.is_complex else g for g in grads if g is not None]
    square = sum(((g.double() * g.double()).sum() for g in parts if g.requires_grad), start=0)
    again: Any = [None] * len(inputs)
    if isinstance(square, torch.Tensor) and square.requires_grad:
        again = torch.autograd.grad(square, inputs, allow_unused=True)
    for g, x in zip(again, inputs, strict=True):
        yield np.zeros(tuple(x.shape)) if g is None else array(g)


def outcome(torch: Any, line: str, kind: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Outcome(torch, line, kind)
        except Exception as error:
            return error


def difference(line: str, kind: str) -> str | None:
    """What differs, or None. Where PyTorch raises, functrans may know an answer."""
    import torch

    expected = outcome(torch, line, kind)
    if isinstance(expected, Exception):
        return None
    given = outcome(ours, line, kind)
    if isinstance(given, Exception):
        return f"raises {type(given).__name__}: {given}"
    tolerance = 1e-8
    if len(expected.values) != len(given.values):
        return f"{len(given.values)} results, expected {len(expected.values)}"
    for a, b in zip(expected.values, given.values, strict=True):
        if not isinstance(a, tuple):
            if a != b:
                return f"{b!r}, expected {a!r}"
            continue
        if a[1] != b[1] or a[0].shape != b[0].shape:
            return f"{b[1]} {b[0].shape}, expected {a[1]} {a[0].shape}"
        tolerance = max(tolerance, TOLERANCES.get(a[1].removeprefix("torch."), 0.0))
        if "float16" in a[1]:
            tolerance = 2e-3
        if not np.allclose(b[0], a[0], tolerance, tolerance, equal_nan=True):
            return f"value {b[0]}, expected {a[0]}"
    if expected.derivatives is None:  # of some functions PyTorch has none
        return None
    if kind == "float32":
        tolerance = 2e-4  # second derivatives
    zeros = [np.zeros(a.shape) for a in expected.derivatives]
    for a, b in zip(expected.derivatives, given.derivatives or zeros, strict=True):
        wrong = ~np.isclose(b, a, tolerance, tolerance, equal_nan=True)
        if kind in ("hard", "ties"):
            wrong &= np.isfinite(a)  # see tests/shim/deviations.py
        if np.any(wrong):
            return f"derivative {b}, expected {a}"
    return None


FIRST = ("float64", "int64", "hard")
"""The kinds of the tests that always run; the others take longer."""


@pytest.mark.oracle("torch", "scipy")
@pytest.mark.parametrize("line", ALL_LINES)
def test_as_pytorch(line: str) -> None:
    check(line, FIRST)


@pytest.mark.slow
@pytest.mark.oracle("torch", "scipy")
@pytest.mark.parametrize("line", ALL_LINES)
def test_as_pytorch_in_every_kind(line: str) -> None:
    check(line, [kind for kind in POINTS if kind not in FIRST])


def check(line: str, kinds: Sequence[str]) -> None:
    problems = []
    for kind in kinds:
        found = difference(line, kind)
        reason = deviations.REASONS.get((line, kind))
        if line in IN_PLACE and not reason:
            reason = found and deviations.REASONS.get((IN_PLACE[line], kind))
        if found and not reason:
            problems.append(f"{kind}: {found}")
        if reason and not found and (line, kind) not in deviations.UNSTEADY:
            problems.append(f"{kind}: no difference, though one is stated: {reason}")
    assert not problems, "\n".join(problems)


def test_stated_differences_are_about_lines() -> None:
    assert {line for line, _ in deviations.REASONS} <= set(ALL_LINES)
    assert {kind for _, kind in deviations.REASONS} <= set(POINTS)


ELSEWHERE = """
cauchy_ cuda frombuffer geometric_ log_normal_
UnsupportedError __init__ arange are_deterministic_algorithms_enabled array array_or_value
as_tensor asarray attribute backward bartlett_window bernoulli bernoulli_ blackman_window can_cast
data data_ptr default_generator detach_ device dtype element_size empty empty_like enable_grad
exponential_ eye finfo fork_rng from_dlpack from_numpy full functional_call gather_
get_default_device get_default_dtype get_device get_float32_matmul_precision get_num_threads
get_rng_state grad grad_fn hamming_window hann_window iinfo index inference_mode initial_seed
is_anomaly_check_nan_enabled is_anomaly_enabled is_conj is_cpu is_cuda is_grad_enabled
is_inference is_inference_mode_enabled is_leaf is_meta is_mps is_neg is_quantized is_sparse
is_tensor is_xpu item itemsize kaiser_window layout linspace load logspace manual_seed multinomial
nbytes newaxis no_grad normal normal_ numpy numpy_memory ones pin_memory poisson rand rand_like
randint randint_like randn randn_like random_ randperm register_hook
register_post_accumulate_grad_hook requires_grad requires_grad_ retain_grad retains_grad save seed
set_default_device set_default_dtype set_float32_matmul_precision set_grad_enabled set_num_threads
set_printoptions set_rng_state share_memory_ tensor uniform_ use_deterministic_algorithms vmap
where_ zeros zeta
"""
"""What makes tensors, draws numbers, sets modes and shows attributes: other tests have it."""


def public_names() -> Iterator[str]:
    for name, x in vars(ours).items():
        if name[0] != "_" and inspect.isroutine(x):
            yield name
    for module in (linalg, special, fft):
        yield from set(module.__all__) - {"LinAlgError"}
    for name in dir(ours.Tensor):
        if name[0] != "_":
            yield name


@pytest.mark.parametrize("name", sorted(set(public_names()) - set(ELSEWHERE.split())))
def test_every_function_has_a_line(name: str) -> None:
    assert any(re.search(rf"\.{name}\b", line) for line in (*ALL_LINES, *SHOWN, *REFUSED))


def test_a_function_without_a_line_is_found() -> None:
    assert not any(re.search(r"\.nowhere\b", line) for line in ALL_LINES)
