"""The functions of functrans.numpy that NumPy does not have, or does not hand over."""

from __future__ import annotations

import types
from typing import Any

from tests.coverage.rows import Row, apart, works, zero

ROWS: dict[str, Row] = {
    "array": works(
        {
            "fnp.array([x, [1.0, 2.0, 3.0], x * x])": "u",
            "fnp.array([[x, 1.0], [2.0, np.sin(x)]], ndmin=3)": "s",
            "fnp.array([[x, 2], [3, x]], dtype=np.float32)": "s",
        }
    ),
    "asanyarray": works({"fnp.asanyarray([x, 2.0])": "s"}),
    "asarray": works({"fnp.asarray(x)": "v", "fnp.asarray([x, 2.0], dtype=np.float32)": "s"}),
    "full": works({"fnp.full((2, 3), x)": "s u", "fnp.full(2, x, dtype=np.float32)": "s"}),
    "full_like": works({"fnp.full_like(np.ones(3), x)": "s u"}),
    "index_update": works(
        {
            "fnp.index_update(x, (slice(None), 1), y)": "A u",
            "fnp.index_update(np.zeros(5), [0, 3], x)": "s",
        }
    ),
    "index_add": works({"fnp.index_add(x, [0, 2, 0], y)": "v u"}),
    "interp": works({"fnp.interp(0.3, x, y)": "S S", "fnp.interp(0.3, [-1.0, 1.0], x)": "v[:2]"}),
    "lexsort": zero("positions", {"fnp.lexsort([x, np.ones(5)])": "v"}),
    "logsumexp": works(
        {"fnp.logsumexp(x, axis=0)": "A", "fnp.logsumexp(x, keepdims=True, where=x > 0)": "A"}
    ),
    "pad": works({"fnp.pad(x, (1, 2), constant_values=y)": "v t"}),
    "piecewise": works({"fnp.piecewise(np.ones(5), x > 0, [x[0], 2.0])": "v"}),
    "polyint": works({"fnp.polyint([1.0, 2.0], 1, k=x)": "t"}),
    "select": works({"fnp.select([x > 1, x < -1], [1.0, x], y)": "v w"}),
    "take": works({"fnp.take(np.arange(9.0), x) * y": "n v"}),
    "argsort": zero("positions", {"fnp.argsort(x, descending=True)": "A"}),
    "sort": works({"fnp.sort(x, descending=True)": "A", "fnp.sort(x, axis=0)": "A"}),
    "clip": works({"fnp.clip(x, -1.0, y)": "v w", "fnp.clip(x, max=0.5)": "v"}),
    "zeros": works({"after(fnp.zeros(3) + 0 * x[0], 'b[1] = y', y=y)": "v t"}),
    "ones": works({"after(fnp.ones(5), 'b *= y', y=x)": "v"}),
    "empty": works({"after(fnp.empty(5), 'b[:] = y', y=x)": "v"}),
    "zeros_like": works({"after(fnp.zeros_like(x), 'b += y', y=y)": "v w"}),
    "ones_like": works({"after(fnp.ones_like(x), 'b *= y', y=y)": "v w"}),
    "empty_like": works({"after(fnp.empty_like(x), 'b[:] = y', y=y)": "v w"}),
    "copy": works({"after(fnp.copy(x), 'b[0] = y', y=y)": "v t"}),
    "astype": works({"fnp.astype(x, np.float32)": "v"}),
    "finfo": apart("a question about dtypes", {"fnp.finfo(x.dtype).eps": "v"}),
    "iinfo": apart("a question about dtypes", {"fnp.iinfo(np.int8).max + 0 * len(x)": "v"}),
}

LINALG_ROWS: dict[str, Row] = {
    "eigh_function": works({"fnp.linalg.eigh_function(np.exp, x)": "K T"}),
}


def own(module: Any, theirs: Any, rows: dict[str, Row]) -> tuple[str, ...]:
    """The public names of a module that are not NumPy's own objects, nor have a row as these."""
    return tuple(
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and name not in ("TYPE_CHECKING", *rows)
        and not isinstance(value, types.ModuleType)
        and getattr(theirs, name, None) is not value
    )
