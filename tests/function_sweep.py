"""Calls of NumPy's array functions and of ndarray's methods, with each option of their signatures.

Each function has calls that stand for its use; each option that its signature names is given every
value of :data:`VALUES`, of a right kind or a wrong one, and each function odd operands besides.
`tests/test_odd_arguments.py` makes these calls under the transforms, with NumPy as the oracle.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Call = Callable[[Any], Any]

MASK = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1]], bool)
_AXES = [0, -1, 5, None, (), (0, 1), (0, 0), [0], [0, 1], 1.0, "0", np.int64(1), True]
_FLAGS = [True, False, 1, None, "x"]
_COUNTS = [0, 1, -1, 2.0, "1", None, [1], (1, 2), np.int64(1)]

VALUES: dict[str, list[Any]] = {
    "axis": _AXES,
    "axes": [*_AXES, (1, 0), [1, 0], (0, 5)],
    "axis1": [0, 1, 5, 1.0, "0", None],
    "axis2": [0, 1, 5, 1.0, "0", None],
    "source": _AXES,
    "destination": _AXES,
    "start": _COUNTS,
    "stop": _COUNTS,
    "step": [*_COUNTS, 0.5],
    "dtype": ["?", "i1", "f4", "c16", None, float, "U3", "O", "none such", 3],
    "casting": ["no", "safe", "same_kind", "unsafe", "bogus", None, 3],
    "order": ["C", "F", "A", "K", "Z", None, 1],
    "keepdims": _FLAGS,
    "subok": _FLAGS,
    "copy": _FLAGS,
    "sparse": _FLAGS,
    "increasing": _FLAGS,
    "equal_nan": _FLAGS,
    "endpoint": _FLAGS,
    "retstep": _FLAGS,
    "writeable": _FLAGS,
    "wrap": _FLAGS,
    "include_initial": _FLAGS,
    "initial": [0, 1.5, np.float32(2), [1.0], 1j, "x", None],
    "where": [
        MASK,
        MASK[0],
        MASK.tolist(),
        MASK.astype(int),
        1,
        "x",
        None,
        np.ones((2, 3, 4), bool),
    ],
    "ddof": [1, 1.5, 5, "1", None],
    "correction": [1, 1.5, "1", None],
    "mean": [1.0, np.ones((1, 4)), "x", None],
    "mode": ["raise", "wrap", "clip", "bogus", None, 1],
    "device": ["cpu", "cuda", None, 1],
    "like": [np.ones(2), None, 1],
    "shape": [(3, 4), (4, 3), 12, -1, (2, -1), (-1, -1), (5,), [12], 2.0, (2.0, 6), "3", None],
    "new_shape": [(2, 3), 5, 0, -1, [2, 2], 2.0, "3", None],
    "window_shape": [(2, 2), 2, (1,), 9, 2.0, "2", -1],
    "ndmin": [0, 3, -1, 2.0, "1", 99],
    "k": [*_COUNTS, 5, 1.5],
    "pad_width": [0, 1, (1, 2), ((1, 2), (0, 1)), -1, 1.0, "1", None, [[1]], {0: 1}, (1, 2, 3)],
    "offset": [*_COUNTS, 5, 1.5],
    "N": _COUNTS,
    "M": _COUNTS,
    "num": [*_COUNTS, 5],
    "base": [2, 2.5, "2", None, -1.0],
    "shift": [0, 1, -1, (1, 2), 1.5, "1", None, [1], np.array([1])],
    "reps": [0, 2, (2, 1), -1, 1.5, "1", None, [2], ()],
    "repeats": [0, 2, (2, 1), -1, 1.5, "1", None, [2], [1, 0, 2], (1, 2, 3)],
    "decimals": [0, 1, -1, 1.5, "1", None, [1], np.array([1, 2, 0, 1])],
    "a_min": [0.5, None, "x", [1.0, 1, 1, 1], np.ones(3), 2 + 1j, np.float32(1)],
    "a_max": [1.5, None, "x", [1.0, 1, 1, 1], np.ones(3), 2 + 1j, np.float32(1)],
    "min": [0.5, None, "x", np.ones(3)],
    "max": [1.5, None, "x", np.ones(3)],
    "indices": [0, -1, 9, [0, 1], [[0], [1]], 1.0, [1.0], "0", None, True, np.array([True]), ()],
    "indices_or_sections": [
        1,
        2,
        3,
        0,
        -1,
        5,
        [1],
        (1, 2),
        [1.0],
        2.0,
        "1",
        None,
        np.array([1, 2]),
    ],
    "obj": [
        0,
        -1,
        9,
        [0, 1],
        [],
        1.0,
        [1.0],
        "0",
        None,
        True,
        np.array([True, False, True]),
        slice(0, 2),
        slice(None, None, -1),
        (0,),
    ],
    "values": [0.5, [1.0], np.ones((3, 4)), np.ones(5), "x", None, 1j],
    "condition": [
        [True, False, True],
        [1, 0, 2],
        MASK,
        True,
        [True] * 9,
        "x",
        None,
        [0.5, 0.0, 1.0],
    ],
    "mask": [MASK, MASK[0], True, [1], "x", None, MASK.astype(int), MASK.astype(float)],
    "vals": [1.0, [1.0, 2], [], "x", None, 1j],
    "val": [1.0, [1.0, 2], [], "x", None, 1j],
    "v": [1.0, [1.0, 2], [], "x", None, 1j],
    "value": [1.0, [1.0], [1.0, 2], "x", None, 1j],
    "ind": [0, -1, 99, [0, 1], [[0], [1]], 1.0, [1.0], "0", None, True],
    "fill_value": [1, 1.5, "x", None, [1.0, 2, 3, 4], np.ones(3), 1j],
    "trim": ["fb", "f", "b", "F", "", "x", None, 1],
    "rtol": [1e-3, 1, "x", None, [1.0], np.ones(4)],
    "atol": [1e-3, 1, "x", None, [1.0], np.ones(4)],
    "indexing": ["xy", "ij", "x", None],
    "nan": [1.0, None, "x", [1.0], np.ones(4), 1j],
    "posinf": [1.0, None, "x", [1.0], np.ones(4)],
    "neginf": [1.0, None, "x", [1.0], np.ones(4)],
    "deg": _FLAGS,
    "tol": [100, 1e-3, "x", None],
    "period": [2.0, 0, -1, "x", None],
    "discont": [1.0, None, "x"],
    "left": [0.0, None, "x"],
    "right": [0.0, None, "x"],
    "n": [*_COUNTS, 2],
    "prepend": [0, [1.0], np.ones((3, 1)), "x", None],
    "append": [0, [1.0], np.ones((3, 1)), "x", None],
    "to_begin": [0, [1.0, 2], "x", None],
    "to_end": [0, [1.0, 2], "x", None],
    "edge_order": [1, 2, 3, "1", None],
    "dx": [1, 0.5, "x", None, [1.0, 2]],
    "requirements": ["C", ["F", "W"], "Z", None, "O"],
    "out": ["?", "i1", "f4", "f8", "c16"],
}
"""The values that an option is tried with, by its name."""

OUT_SHAPES = ((), (1,), (0, 0), "more")

T = lambda x: x.astype(int) * 0  # noqa: E731  # traced whole numbers

FUNCTIONS: dict[str, list[Call]] = {}


def _enter(names: str, *calls: Callable[..., Any]) -> None:
    for name in names.split():
        FUNCTIONS[name] = [lambda x, c=c, n=name, **kw: c(getattr(np, n), x, **kw) for c in calls]


_first = lambda f, x, **kw: f(x, **kw)  # noqa: E731
_enter(
    "sum prod max min mean std var any all ptp cumsum cumprod argmax argmin count_nonzero "
    "nansum nanprod nanmax nanmin nanmean nanvar nanstd nancumsum nancumprod nanargmax nanargmin "
    "cumulative_sum cumulative_prod amax amin",
    _first,
)
_enter(
    "ravel transpose matrix_transpose squeeze atleast_1d atleast_2d atleast_3d flip flipud fliplr "
    "rot90 copy around round fix real imag angle sinc i0 isposinf isneginf iscomplex isreal "
    "iscomplexobj isrealobj real_if_close nan_to_num nonzero flatnonzero argwhere diag diagflat "
    "tril triu tril_indices_from triu_indices_from diagonal trace zeros_like ones_like "
    "array asarray asanyarray ascontiguousarray asfortranarray require min_scalar_type ndim size "
    "shape unstack permute_dims array_repr array_str array2string asarray_chkfinite isfortran "
    "isscalar iterable unwrap diff ediff1d gradient trapezoid diag_indices_from common_type "
    "result_type meshgrid broadcast_arrays mask_indices",
    _first,
)
_enter("pad", lambda f, x, **kw: f(x, **{"pad_width": 1, **kw}))
_enter("empty_like", lambda f, x, **kw: np.zeros_like(f(x, **kw)))
_enter("trim_zeros vander ix_", lambda f, x, **kw: f(x[0], **kw))
_enter("reshape", lambda f, x, **kw: f(x, **{"shape": (4, 3), **kw}))
_enter("resize", lambda f, x, **kw: f(x, **{"new_shape": (2, 3), **kw}))
_enter("swapaxes", lambda f, x, **kw: f(x, **{"axis1": 0, "axis2": 1, **kw}))
_enter("moveaxis", lambda f, x, **kw: f(x, **{"source": 0, "destination": 1, **kw}))
_enter("rollaxis", lambda f, x, **kw: f(x, **{"axis": 1, **kw}))
_enter("expand_dims", lambda f, x, **kw: f(x, **{"axis": 1, **kw}))
_enter("broadcast_to", lambda f, x, **kw: f(x[0], **{"shape": (3, 4), **kw}))
_enter("roll", lambda f, x, **kw: f(x, **{"shift": 1, **kw}))
_enter("tile", lambda f, x, **kw: f(x, **{"reps": 2, **kw}))
_enter("repeat", lambda f, x, **kw: f(x, **{"repeats": 2, **kw}))
_enter(
    "concatenate concat stack vstack hstack dstack column_stack block",
    lambda f, x, **kw: f([x, x], **kw),
    lambda f, x, **kw: f((x[0], np.ones(4)), **kw),
)
_enter("append", lambda f, x, **kw: f(x, **{"values": x, **kw}))
_enter(
    "delete",
    lambda f, x, **kw: f(x, **{"obj": 1, **kw}),
    lambda f, x, **kw: f(x, **{"obj": 1, "axis": 0, **kw}),
)
_enter(
    "insert",
    lambda f, x, **kw: f(x, **{"obj": 1, "values": 2.0, **kw}),
    lambda f, x, **kw: f(x, **{"obj": 1, "values": 2.0, "axis": 0, **kw}),
)
_enter("split array_split", lambda f, x, **kw: f(x, **{"indices_or_sections": 3, **kw}))
_enter("vsplit hsplit", lambda f, x, **kw: f(x, **{"indices_or_sections": 1, **kw}))
_enter("dsplit", lambda f, x, **kw: f(x.reshape(3, 2, 2), **{"indices_or_sections": 2, **kw}))
_enter(
    "take",
    lambda f, x, **kw: f(x, **{"indices": [0, 2], **kw}),
    lambda f, x, **kw: f(x, **{"indices": T(x)[0], "axis": 0, **kw}),
)
_enter("take_along_axis", lambda f, x, **kw: f(x, **{"indices": T(x), "axis": 0, **kw}))
_enter("compress", lambda f, x, **kw: f(a=x, **{"condition": [True, False, True], **kw}))
_enter("extract", lambda f, x, **kw: f(arr=x, **{"condition": MASK, **kw}))
_enter(
    "choose",
    lambda f, x, **kw: f([0, 1, 1, 0], [x[0], x[1]], **kw),
    lambda f, x, **kw: f(T(x), [x, 2.0], **kw),
)
_enter("select", lambda f, x, **kw: f([x > 1, MASK], [x, 2 * x], **kw))
_enter("piecewise", lambda f, x, **kw: f(x, [MASK], [lambda y: y, 1.0], **kw))
_enter(
    "where",
    lambda f, x, **kw: f(MASK, x, 1.0),
    lambda f, x, **kw: f(x > 1),
    lambda f, x, **kw: f(x > 1, 1, 2),
)
_enter("unravel_index", lambda f, x, **kw: f(T(x), **{"shape": (3, 4), **kw}))
_enter("ravel_multi_index", lambda f, x, **kw: f((T(x), T(x)), **{"dims": (3, 4), **kw}))
_enter("fill_diagonal", lambda f, x, **kw: _written(f, x, **{"val": 1.0, **kw}))
_enter("put", lambda f, x, **kw: _written(f, x, **{"ind": [0, 1], "v": 1.0, **kw}))
_enter("place", lambda f, x, **kw: _written(f, x, **{"mask": MASK, "vals": 1.0, **kw}))
_enter("putmask", lambda f, x, **kw: _written(f, x, **{"mask": MASK, "values": 1.0, **kw}))
_enter(
    "copyto",
    lambda f, x, **kw: _written(f, x, **{"src": 1.0, **kw}),
    lambda f, x, **kw: _written(f, x.astype(int), **{"src": x, **kw}),
)
_enter(
    "put_along_axis",
    lambda f, x, **kw: _written(
        f, x, **{"indices": np.zeros((1, 4), int), "values": 1.0, "axis": 0, **kw}
    ),
)
_enter("full_like", lambda f, x, **kw: f(x, **{"fill_value": 2.0, **kw}))
_enter("full", lambda f, x, **kw: f(like=x, **{"shape": (2, 3), "fill_value": 1.5, **kw}))
_enter("zeros ones empty", lambda f, x, **kw: 0 * f(like=x, **{"shape": (2, 3), **kw}))
_enter("arange", lambda f, x, **kw: f(3, like=x, **kw))
_enter("eye identity tri", lambda f, x, **kw: f(3, like=x, **kw))
_enter(
    "linspace logspace geomspace",
    lambda f, x, **kw: f(**{"start": x, "stop": 2.0, **kw}),
    lambda f, x, **kw: f(**{"start": x[0, 0], "stop": 2.0, "num": 5, **kw}),
)
_enter("astype", lambda f, x, **kw: f(x, **{"dtype": "f4", **kw}))
_enter(
    "clip",
    lambda f, x, **kw: f(x, **{"a_min": 0.5, "a_max": 1.5, **kw}),
    lambda f, x, **kw: f(x, **{"min": 0.5, "max": 1.5, **kw}),
)
_enter(
    "isclose allclose array_equal array_equiv",
    lambda f, x, **kw: f(x, x + 1e-9, **kw),
    lambda f, x, **kw: f(x[0, 0], 1, **kw),
)
_enter("can_cast", lambda f, x, **kw: f(x.dtype, "f4", **kw))
_enter("apply_along_axis", lambda f, x, **kw: f(lambda r: r * 2, **{"axis": 0, "arr": x, **kw}))
_enter("apply_over_axes", lambda f, x, **kw: f(np.sum, x, **{"axes": (0,), **kw}))
_enter("interp", lambda f, x, **kw: f(x, [0.0, 1, 3], [1.0, 2, 0], **kw))
FUNCTIONS["sliding_window_view"] = [
    lambda x, **kw: np.lib.stride_tricks.sliding_window_view(x, **{"window_shape": (2, 2), **kw})
]


def _written(f: Any, x: Any, **kw: Any) -> Any:
    y = x.copy()
    return f(y, **kw), y


def _method(name: str, *args: Any) -> Call:
    return lambda x, **kw: getattr(x, name)(*args, **kw)


_METHOD_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "reshape": ((4, 3),),
    "swapaxes": (0, 1),
    "repeat": (2,),
    "take": ([0, 2],),
    "compress": ([True, False, True],),
    "astype": ("f4",),
    "clip": (0.5, 1.5),
    "dot": (np.ones(4),),
    "to_device": ("cpu",),
}
for _name in [
    "all",
    "any",
    "argmax",
    "argmin",
    "sum",
    "prod",
    "max",
    "min",
    "mean",
    "std",
    "var",
    "cumsum",
    "cumprod",
    "ravel",
    "flatten",
    "transpose",
    "squeeze",
    "round",
    "conj",
    "conjugate",
    "copy",
    "diagonal",
    "trace",
    "nonzero",
    "view",
    "reshape",
    "swapaxes",
    "repeat",
    "take",
    "compress",
    "astype",
    "clip",
    "dot",
    "to_device",
]:
    FUNCTIONS[f"ndarray.{_name}"] = [_method(_name, *_METHOD_ARGUMENTS.get(_name, ()))]


def _written_method(name: str, *args: Any) -> Call:
    def call(x: Any, **kw: Any) -> Any:
        y = x.copy()
        return getattr(y, name)(*args, **kw), y

    return call


FUNCTIONS["ndarray.put"] = [_written_method("put", [0, 1], 1.0)]
FUNCTIONS["ndarray.fill"] = [_written_method("fill", 1.0)]

METHOD_OPTIONS = {
    "ndarray." + name: options.split()
    for name, options in {
        "all": "axis out keepdims where",
        "any": "axis out keepdims where",
        "argmax": "axis out keepdims",
        "argmin": "axis out keepdims",
        "sum": "axis dtype out keepdims initial where",
        "prod": "axis dtype out keepdims initial where",
        "max": "axis out keepdims initial where",
        "min": "axis out keepdims initial where",
        "mean": "axis dtype out keepdims where",
        "std": "axis dtype out ddof keepdims where mean correction",
        "var": "axis dtype out ddof keepdims where mean",
        "cumsum": "axis dtype out",
        "cumprod": "axis dtype out",
        "ravel": "order",
        "flatten": "order",
        "squeeze": "axis",
        "round": "decimals out",
        "copy": "order",
        "diagonal": "offset axis1 axis2",
        "trace": "offset axis1 axis2 dtype out",
        "view": "dtype",
        "reshape": "order copy",
        "repeat": "axis",
        "take": "axis out mode",
        "compress": "axis out",
        "astype": "order casting subok copy",
        "clip": "out dtype casting",
        "dot": "out",
        "transpose": "axes",
        "swapaxes": "axis1",
        "put": "mode",
        "conj": "",
        "nonzero": "",
        "to_device": "stream",
        "fill": "",
    }.items()
}

OPERANDS: dict[str, Call] = {
    "integers": lambda x: x.astype(int),
    "bools": lambda x: x > 1,
    "complex": lambda x: x + 0j,
    "float32": lambda x: x.astype("f4"),
    "a vector": lambda x: x[0],
    "a scalar": lambda x: x[0, 0],
    "no axes": lambda x: x[0, 0, ...],
    "empty": lambda x: x[:0],
    "three axes": lambda x: x[None],
    "a list": lambda x: [x[0], x[1]],
    "a list with text": lambda x: [x[0, 0], "x"],
    "a ragged list": lambda x: [x[0], x[1, 1:]],
}
"""What stands in place of the array."""


def _options(name: str) -> list[str]:
    if name.startswith("ndarray."):
        return METHOD_OPTIONS.get(name, [])
    function = getattr(np, name, None) or np.lib.stride_tricks.sliding_window_view
    try:
        found = list(inspect.signature(function).parameters)
    except ValueError:
        found = []
    extra = {
        "clip": ["dtype", "casting", "where"],
        "concatenate": ["axis", "out", "dtype", "casting"],
        "array": ["dtype", "copy", "order", "subok", "ndmin"],
        "asarray": ["dtype", "order", "copy", "device"],
    }
    extra["concat"] = extra["concatenate"]
    return list(dict.fromkeys([*found, *extra.get(name, [])]))


def calls(names: Any = None) -> Iterator[tuple[str, str, Call]]:
    """Every call: the function, a name for what is particular, and the call of an array."""
    for name in names or FUNCTIONS:
        for i, call in enumerate(FUNCTIONS[name]):
            yield name, f"{i}", call
            for option in _options(name):
                if option == "out":
                    yield from _outs(name, i, call)
                    continue
                for value in VALUES.get(option, []):
                    yield (
                        name,
                        f"{i} {option}={value!r}",
                        lambda x, c=call, o=option, v=value: c(x, **{o: v}),
                    )
            yield name, f"{i} unknown=1", lambda x, c=call: c(x, unknown=1)
            if i == 0:
                for label, operand in OPERANDS.items():
                    yield name, f"{i} {label}", lambda x, c=call, o=operand: c(o(x))


def _outs(name: str, i: int, call: Call) -> Iterator[tuple[str, str, Call]]:
    def shape_of(x: Any) -> Any:
        try:
            return np.shape(call(np.ones((3, 4))))
        except Exception:
            return (3, 4)

    for dtype in VALUES["out"]:
        yield (
            name,
            f"{i} out={dtype}",
            lambda x, d=dtype: _into(call, np.zeros_like(x, dtype=d, shape=shape_of(x)), x),
        )
    # NumPy itself crashes where the result of an accumulation goes into an array without axes.
    for shape in () if "cum" in name else OUT_SHAPES:
        yield (
            name,
            f"{i} out shape {shape}",
            lambda x, s=shape: _into(
                call, np.zeros_like(x, shape=(2, *shape_of(x)) if s == "more" else s), x
            ),
        )
    yield name, f"{i} out=list", lambda x: call(x, out=[1.0])
    yield name, f"{i} out=1.0", lambda x: call(x, out=1.0)
    yield name, f"{i} out=None", lambda x: call(x, out=None)
    yield name, f"{i} out=tuple", lambda x: call(x, out=(np.zeros_like(x, shape=shape_of(x)),))


def _into(call: Call, out: Any, x: Any) -> Any:
    result = call(x, out=out)
    return result, out, np.float64(result is out)
