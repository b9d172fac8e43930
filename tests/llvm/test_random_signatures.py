"""Random signatures: what fits is computed with, whatever is changed about it is handed on."""

import copy
import ctypes
import random
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("llvmlite")

from functrans.compile.llvm.calling import entry
from functrans.compile.llvm.calling.signature import Array, Number, Same, Structure
from functrans.core import tree

DTYPES = "?bhilBHILefdFD"


class Two(NamedTuple):
    """A container of a class of its own."""

    one: Any
    other: Any


def leaf(rng: random.Random, sizes: dict[str, int]) -> tuple[Any, Any]:
    """A leaf and a value of it."""
    kind = rng.randrange(6)
    if kind == 0:
        x = rng.choice([1.5, 7, True, 2 - 1j])
        return Number(type(x)), x
    if kind == 1:
        return None, None
    dtype = np.dtype(rng.choice(DTYPES))
    if kind == 2:
        return Array((), dtype), dtype.type(1)
    dims = [rng.choice([0, 1, 3, "n", "m"]) for _ in range(rng.randrange(4))]
    shape = [sizes[d] if isinstance(d, str) else d for d in dims]
    x = np.array(np.random.default_rng(rng.randrange(99)).integers(0, 2, shape)).astype(dtype)
    return Array(tuple(dims), dtype), x


def pair(rng: random.Random, sizes: dict[str, int], depth: int) -> tuple[Any, Any]:
    """A signature and a value of it."""
    kind = rng.randrange(5) if depth else 4
    if kind == 4:
        return leaf(rng, sizes)
    parts = [pair(rng, sizes, depth - 1) for _ in range(2 if kind == 3 else rng.randrange(4))]
    signature, value = [x for x, _ in parts], [x for _, x in parts]
    if kind == 0:
        return tuple(signature), tuple(value)
    if kind == 1:
        return signature, value
    if kind == 3:
        return Two(*signature), Two(*value)
    keys = rng.sample(["a", "b", "c", "d"], len(parts))
    back = list(zip(keys, value, strict=True))[::-1]
    return dict(zip(keys, signature, strict=True)), dict(back)


def changed(rng: random.Random, x: Any) -> Any:
    """A value that is no longer of the signature, by one leaf or container."""
    leaves, structure = tree.flatten(x)
    if not leaves or rng.randrange(4) == 0:
        return [x] if rng.randrange(2) else (x, None)
    i = rng.randrange(len(leaves))
    y = leaves[i]
    if isinstance(y, np.ndarray):
        wrong = [
            y[None],
            np.zeros(y.shape, np.int16 if y.dtype == np.int8 else np.int8),
            y.tolist() if y.ndim else "text",
            None,
        ]
        leaves[i] = rng.choice(wrong)
    else:
        leaves[i] = rng.choice([np.zeros(3), "text", np.datetime64(1, "s")])
    return tree.unflatten(structure, leaves)


def body_of(leaves: list[Any], sizes: dict[str, int], names: list[str]) -> Any:
    """A body in Python that copies each argument's data, and looks at the sizes."""
    counts = []
    for x in leaves:
        shape = x.shape if isinstance(x, Array) else ()
        counts.append(x.dtype.itemsize * int(np.prod([sizes.get(d, d) for d in shape], dtype=int)))

    @ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 4)
    def body(inputs: int, outputs: int, arena: int, told: int) -> int:
        for i, count in enumerate(counts):
            source, to = [ctypes.c_void_p.from_address(p + 8 * i).value for p in (inputs, outputs)]
            assert to is not None
            ctypes.memmove(to, source, count)
        return int(told is None or any(
            ctypes.c_int64.from_address(told + 8 * i).value != sizes[name]
            for i, name in enumerate(names)
        ))  # fmt: skip

    return body


def same(x: Any, y: Any) -> bool:
    """Whether two structures have equal arrays, numbers and classes of scalars."""
    xs, ys = tree.leaves(x), tree.leaves(y)
    return tree.structure(x) == tree.structure(y) and all(
        type(a) is type(b) and np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype
        for a, b in zip(xs, ys, strict=True)
    )


def refused(*args: Any, **options: Any) -> str:
    return "refused"


@pytest.mark.parametrize("way", ["native", "foreign"])
def test_random_signatures(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "foreign":
        monkeypatch.setattr(entry, "layouts", lambda: None)
    for seed in range(150):
        rng = random.Random(seed)
        sizes = {"n": rng.randrange(4), "m": rng.randrange(1, 5)}
        parts = [pair(rng, sizes, 3) for _ in range(rng.randrange(4))]
        signature, values = [x for x, _ in parts], [x for _, x in parts]
        structure = Structure(signature)
        leaves = [node.content for node in structure.leaves]
        body = body_of(leaves, sizes, structure.sizes())
        address = ctypes.cast(body, ctypes.c_void_p).value
        assert address is not None
        f = entry.builtin(
            "f", address, signature, signature, refused, status=True, long=seed % 2 == 0, kept=body
        )
        result = f(*values)
        scalars = [
            x[()] if isinstance(x, np.ndarray) and not x.ndim else x for x in tree.leaves(values)
        ]
        assert same(result, tree.unflatten(tree.structure(values), scalars)), seed
        if values:
            i = rng.randrange(len(values))
            wrong = copy.copy(values)
            wrong[i] = changed(rng, values[i])
            assert f(*wrong) == "refused", (seed, signature[i], wrong[i])
        assert f(*values, 1) == "refused"


def test_leaves_in_the_order_of_trees() -> None:
    """Leaves count as those of pytrees do."""
    for seed in range(50):
        signature, value = pair(random.Random(seed), {"n": 2, "m": 3}, 4)
        kinds = [type(x) for x in tree.leaves(value)]
        numbered = Structure([signature]).leaves
        told = [x.content.kind if isinstance(x.content, Number) else x.content for x in numbered]
        assert len(told) == len(kinds)
        assert not any(isinstance(x, Same) for x in told)
        for one, other in zip(told, kinds, strict=True):
            assert other in (np.ndarray, one.dtype.type) if isinstance(one, Array) else one is other
