"""docs/conventions.md holds: each row of its tables is run, in both modes, and by the peers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft

PAGE = Path(__file__).parent.parent / "docs" / "conventions.md"
HEADER = ["case", "point", "functrans", "functrans.torch", "PyTorch", "JAX", "reason"]
PLAIN = {"nan": np.nan, "inf": np.inf, "complex": complex}

RTOL = 1e-15
"""Rounding of the page's 16 digits; zeros, infinities and NaN have to be exact."""
PEER_RTOL = 1e-13
"""The peers' libraries of functions are not NumPy's: their last digits differ."""


class Row(NamedTuple):
    case: str
    point: dict[str, Any]
    ours: tuple[Any, ...]
    tensors: tuple[Any, ...] | None
    torch: tuple[Any, ...] | None
    jax: tuple[Any, ...] | None

    def function(self, **names: Any) -> Callable[..., Any]:
        """The case as a function of the point, with `np` and `ft` standing for what is given."""
        found = eval(f"lambda {', '.join(self.point)}: {self.case}", names)
        assert callable(found)
        return found


def value(text: str) -> Any:
    found = eval(text, dict(PLAIN))
    return np.array(found) if isinstance(found, list) else found


def derivative(cell: str) -> tuple[Any, ...]:
    found = eval(f"({cell.strip('`')},)", dict(PLAIN))
    assert isinstance(found, tuple)
    return found


def table_rows() -> Iterator[Row]:
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == len(HEADER), line
        if cells == HEADER or set(line) == set("|-"):
            continue
        case, point, ours = cells[0].strip("`"), cells[1].strip("`"), derivative(cells[2])
        names = re.findall(r"([xyz]) = ", point)
        parts = re.split(r",? ?[xyz] = ", point)[1:]
        given = {name: value(part) for name, part in zip(names, parts, strict=True)}
        tensors, torch, jax = (
            ours if c == "same" else None if c == "–" else derivative(c) for c in cells[3:6]
        )
        yield Row(case, given, ours, tensors, torch, jax)


ROWS = list(table_rows())
IDS = [f"{row.case} at {row.point}" for row in ROWS]


def check(found: Any, wanted: tuple[Any, ...], rtol: float) -> None:
    assert len(found) == len(wanted)
    for part, expected in zip(found, wanted, strict=True):
        assert np.shape(part) == np.shape(expected)
        np.testing.assert_allclose(part, expected, rtol=rtol, atol=0)


def pushed(f: Callable[..., Any], point: list[Any]) -> list[Any]:
    """The derivative by forward mode, an element of an argument at a time, as vjp would give it.

    The cotangent of 1 pairs with every tangent as ``Re(sum(g * t))``: the tangent 1 gives its real
    part, the tangent 1j its imaginary part with the sign turned.
    """
    found = []
    for i, argument in enumerate(map(np.asarray, point)):
        gradient = np.zeros(argument.shape, argument.dtype)
        for place in np.ndindex(argument.shape):
            parts = []
            for step in (1.0, 1j) if argument.dtype.kind == "c" else (1.0,):
                tangent = np.zeros_like(argument)
                tangent[place] = step
                tangents: list[Any] = [None] * len(point)
                tangents[i] = tangent[()]
                parts.append(np.real(ft.jvp(f, point, tangents)[1]))
            gradient[place] = parts[0] if len(parts) == 1 else complex(parts[0], -parts[1])
        found.append(gradient)
    return found


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy warns of the values at poles
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("namespace", [np, ft.numpy], ids=["numpy", "functrans.numpy"])
@pytest.mark.parametrize("row", ROWS, ids=IDS)
def test_functrans(row: Row, namespace: Any) -> None:
    f = row.function(np=namespace, ft=ft)
    point = list(row.point.values())
    out, pullback = ft.vjp(f, *point)
    check(pullback(np.ones((), np.asarray(out).dtype)[()]), row.ours, RTOL)
    check(pushed(f, point), row.ours, RTOL)


def test_the_tables_are_read() -> None:
    assert len(ROWS) > 100
    for library in ("tensors", "torch", "jax"):
        assert sum(getattr(row, library) is not None for row in ROWS) > 80
        assert any(getattr(row, library) not in (None, row.ours) for row in ROWS)


def test_a_wrong_row_is_found() -> None:
    row = Row("np.abs(x)", {"x": 0.0}, (1,), None, None, None)
    with pytest.raises(AssertionError, match="Mismatched elements"):
        test_functrans(row, np)


def skip_unless_version(library: Any, name: str) -> None:
    """The page speaks of one version of each library."""
    stated = re.search(rf"{name} (\d+(?:\.\d+)+)", PAGE.read_text(encoding="utf-8"))
    assert stated is not None
    if not library.__version__.startswith(stated.group(1)):
        pytest.skip(f"the page is about {name} {stated.group(1)}, found {library.__version__}")


@pytest.mark.oracle("jax")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("row", [r for r in ROWS if r.jax is not None], ids=lambda r: r.case)
def test_jax(row: Row) -> None:
    import jax

    skip_unless_version(jax, "JAX")
    jnp = jax.numpy

    class Ft:
        grad = staticmethod(jax.grad)

        class numpy:
            logsumexp = staticmethod(jax.scipy.special.logsumexp)

    assert row.jax is not None
    f = row.function(np=jnp, ft=Ft)
    with jax.enable_x64(True):
        out, pullback = jax.vjp(lambda *xs: f(*xs) * 1.0, *map(jnp.asarray, row.point.values()))
        check([np.asarray(g) for g in pullback(jnp.ones((), out.dtype))], row.jax, PEER_RTOL)


@pytest.mark.oracle("torch")
@pytest.mark.parametrize("row", [r for r in ROWS if r.torch is not None], ids=lambda r: r.case)
def test_torch(row: Row) -> None:
    import torch

    skip_unless_version(torch, "PyTorch")
    assert row.torch is not None
    check(pulled(row, torch), row.torch, PEER_RTOL)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy warns of the values at poles
@pytest.mark.filterwarnings("ignore::functrans.core.errors.DegenerateWarning")
@pytest.mark.parametrize("row", [r for r in ROWS if r.tensors is not None], ids=lambda r: r.case)
def test_functrans_torch(row: Row) -> None:
    import functrans.torch

    assert row.tensors is not None
    check(pulled(row, functrans.torch), row.tensors, PEER_RTOL)


def pulled(row: Row, torch: Any) -> list[Any]:
    """The derivatives by ``.backward()``."""
    from tests.oracles.torch_names import names_over

    namespace, transforms = names_over(torch)
    point = [
        torch.tensor(x, dtype=torch.complex128 if np.iscomplexobj(x) else torch.float64)
        for x in row.point.values()
    ]
    for x in point:
        x.requires_grad_()
    out = row.function(np=namespace, ft=transforms)(*point)
    out.backward(torch.ones((), dtype=out.dtype))
    grads = [torch.zeros_like(x) if x.grad is None else x.grad for x in point]
    return [np.array(g.resolve_conj().clone().numpy()) for g in grads]
