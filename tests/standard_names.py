"""The names and signatures of the Python array API standard, version 2024.12, and a call of each.

A signature is written as in the standard. A call is written with ``xp`` for the namespace; the
arguments are arrays of `ARRAYS`, in this order: ``x``, ``y``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

CONSTANTS = ("e", "inf", "nan", "newaxis", "pi")

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float32", "float64", "complex64", "complex128"),
)

_UNARY = "x, /"
_BINARY = "x1, x2, /"
_ELEMENTWISE = {
    _UNARY: "abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 "
    "floor imag isfinite isinf isnan log log1p log2 log10 logical_not negative positive real "
    "reciprocal round sign signbit sin sinh square sqrt tan tanh trunc",
    _BINARY: "add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor "
    "copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp "
    "logical_and logical_or logical_xor maximum minimum multiply nextafter not_equal pow "
    "remainder subtract",
}

SIGNATURES: dict[str, str] = {
    name: signature for signature, names in _ELEMENTWISE.items() for name in names.split()
} | {
    "clip": "x, /, min=None, max=None",
    # creation
    "arange": "start, /, stop=None, step=1, *, dtype=None, device=None",
    "asarray": "obj, /, *, dtype=None, device=None, copy=None",
    "empty": "shape, *, dtype=None, device=None",
    "empty_like": "x, /, *, dtype=None, device=None",
    "eye": "n_rows, n_cols=None, /, *, k=0, dtype=None, device=None",
    "from_dlpack": "x, /, *, device=None, copy=None",
    "full": "shape, fill_value, *, dtype=None, device=None",
    "full_like": "x, /, fill_value, *, dtype=None, device=None",
    "linspace": "start, stop, /, num, *, dtype=None, device=None, endpoint=True",
    "meshgrid": "*arrays, indexing='xy'",
    "ones": "shape, *, dtype=None, device=None",
    "ones_like": "x, /, *, dtype=None, device=None",
    "tril": "x, /, *, k=0",
    "triu": "x, /, *, k=0",
    "zeros": "shape, *, dtype=None, device=None",
    "zeros_like": "x, /, *, dtype=None, device=None",
    # data types
    "astype": "x, dtype, /, *, copy=True, device=None",
    "can_cast": "from_, to, /",
    "finfo": "type, /",
    "iinfo": "type, /",
    "isdtype": "dtype, kind",
    "result_type": "*arrays_and_dtypes",
    # indexing
    "take": "x, indices, /, *, axis=None",
    "take_along_axis": "x, indices, /, *, axis=-1",
    # linear algebra
    "matmul": _BINARY,
    "matrix_transpose": _UNARY,
    "tensordot": "x1, x2, /, *, axes=2",
    "vecdot": "x1, x2, /, *, axis=-1",
    # manipulation
    "broadcast_arrays": "*arrays",
    "broadcast_to": "x, /, shape",
    "concat": "arrays, /, *, axis=0",
    "expand_dims": "x, /, axis",
    "flip": "x, /, *, axis=None",
    "moveaxis": "x, source, destination, /",
    "permute_dims": "x, /, axes",
    "repeat": "x, repeats, /, *, axis=None",
    "reshape": "x, /, shape, *, copy=None",
    "roll": "x, /, shift, *, axis=None",
    "squeeze": "x, /, axis",
    "stack": "arrays, /, *, axis=0",
    "tile": "x, repetitions, /",
    "unstack": "x, /, *, axis=0",
    # searching
    "argmax": "x, /, *, axis=None, keepdims=False",
    "argmin": "x, /, *, axis=None, keepdims=False",
    "count_nonzero": "x, /, *, axis=None, keepdims=False",
    "nonzero": _UNARY,
    "searchsorted": "x1, x2, /, *, side='left', sorter=None",
    "where": "condition, x1, x2, /",
    # sets
    "unique_all": _UNARY,
    "unique_counts": _UNARY,
    "unique_inverse": _UNARY,
    "unique_values": _UNARY,
    # sorting
    "argsort": "x, /, *, axis=-1, descending=False, stable=True",
    "sort": "x, /, *, axis=-1, descending=False, stable=True",
    # statistics
    "cumulative_prod": "x, /, *, axis=None, dtype=None, include_initial=False",
    "cumulative_sum": "x, /, *, axis=None, dtype=None, include_initial=False",
    "max": "x, /, *, axis=None, keepdims=False",
    "mean": "x, /, *, axis=None, keepdims=False",
    "min": "x, /, *, axis=None, keepdims=False",
    "prod": "x, /, *, axis=None, dtype=None, keepdims=False",
    "std": "x, /, *, axis=None, correction=0.0, keepdims=False",
    "sum": "x, /, *, axis=None, dtype=None, keepdims=False",
    "var": "x, /, *, axis=None, correction=0.0, keepdims=False",
    # utility
    "all": "x, /, *, axis=None, keepdims=False",
    "any": "x, /, *, axis=None, keepdims=False",
    "diff": "x, /, *, axis=-1, n=1, prepend=None, append=None",
    # inspection
    "__array_namespace_info__": "",
    # linear algebra extension
    "linalg.cholesky": "x, /, *, upper=False",
    "linalg.cross": "x1, x2, /, *, axis=-1",
    "linalg.det": _UNARY,
    "linalg.diagonal": "x, /, *, offset=0",
    "linalg.eigh": _UNARY,
    "linalg.eigvalsh": _UNARY,
    "linalg.inv": _UNARY,
    "linalg.matmul": _BINARY,
    "linalg.matrix_norm": "x, /, *, keepdims=False, ord='fro'",
    "linalg.matrix_power": "x, n, /",
    "linalg.matrix_rank": "x, /, *, rtol=None",
    "linalg.matrix_transpose": _UNARY,
    "linalg.outer": _BINARY,
    "linalg.pinv": "x, /, *, rtol=None",
    "linalg.qr": "x, /, *, mode='reduced'",
    "linalg.slogdet": _UNARY,
    "linalg.solve": _BINARY,
    "linalg.svd": "x, /, *, full_matrices=True",
    "linalg.svdvals": _UNARY,
    "linalg.tensordot": "x1, x2, /, *, axes=2",
    "linalg.trace": "x, /, *, offset=0, dtype=None",
    "linalg.vecdot": "x1, x2, /, *, axis=-1",
    "linalg.vector_norm": "x, /, *, axis=None, keepdims=False, ord=2",
    # Fourier transform extension
    **{
        f"fft.{name}": "x, /, *, n=None, axis=-1, norm='backward'"
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    },
    **{
        f"fft.{name}": "x, /, *, s=None, axes=None, norm='backward'"
        for name in ("fftn", "ifftn", "rfftn", "irfftn")
    },
    "fft.fftfreq": "n, /, *, d=1.0, dtype=None, device=None",
    "fft.rfftfreq": "n, /, *, d=1.0, dtype=None, device=None",
    "fft.fftshift": "x, /, *, axes=None",
    "fft.ifftshift": "x, /, *, axes=None",
}

_A = np.array([[0.3, -1.2, 0.8], [1.7, 0.4, -0.6]])
_Q = np.array([[2.0, 0.3, -0.4], [0.1, 1.5, 0.2], [0.5, -0.2, 1.8]])
ARRAYS: dict[str, Any] = {
    "A": _A,
    "B": np.array([[1.1, 0.7, -0.9], [0.2, -1.4, 0.65]]),
    "P": np.abs(_A) + 1.1,
    "U": _A / 2,
    "Q": _Q,
    "H": _Q @ _Q.T,
    "V": np.array([[0.4], [-1.0], [0.7]]),
    "T": np.array([[0.5, 2.0, 0.5], [2.0, 0.5, 1.0]]),
    "v": np.array([0.2, 0.9, 1.6]),
    "w": np.array([-0.3, 0.8, 2.5]),
    "Z": _A + 1j * _A[:, ::-1],
    "I": np.array([[3, 0, 2], [1, 2, 5]]),
    "J": np.array([[1, 2, 0], [2, 1, 3]]),
    "M": np.array([[True, False, True], [False, False, True]]),
    "N": np.array([[False, False, True], [True, False, True]]),
}

# Each call, the arrays it is made with, and what is the same in NumPy where ``xp`` is not enough.
CALLS: list[tuple[str, str]] = [
    *[(f"xp.{name}(x)", "I") for name in ("bitwise_invert",)],
    *[(f"xp.{name}(x)", "M") for name in ("bitwise_invert", "logical_not")],
    *[(f"xp.{name}(x)", "U") for name in ("acos", "asin", "atanh")],
    *[(f"xp.{name}(x)", "P Z") for name in ("log", "log2", "log10", "log1p", "sqrt")],
    *[(f"xp.{name}(x)", "P") for name in ("acosh", "reciprocal", "signbit")],
    *[(f"xp.{name}(x)", "A") for name in ("ceil", "floor", "round", "trunc")],
    *[
        (f"xp.{name}(x)", "A Z")
        for name in (
            *("abs", "asinh", "atan", "conj", "cos", "cosh", "exp", "expm1", "imag", "isfinite"),
            *("isinf", "isnan", "negative", "positive", "real", "sign", "sin", "sinh", "square"),
            *("tan", "tanh"),
        )
    ],
    *[
        (f"xp.{name}(x, y)", "I J M N" if "shift" not in name else "I J")
        for name in SIGNATURES
        if name.startswith("bitwise_") and name != "bitwise_invert"
    ],
    *[(f"xp.{name}(x, y)", "M N") for name in ("logical_and", "logical_or", "logical_xor")],
    *[
        (f"xp.{name}(x, y)", "A B")
        for name in (
            *("add", "atan2", "copysign", "divide", "equal", "floor_divide", "greater"),
            *("greater_equal", "hypot", "less", "less_equal", "logaddexp", "maximum", "minimum"),
            *("multiply", "nextafter", "not_equal", "remainder", "subtract"),
        )
    ],
    ("xp.pow(x, y)", "P B"),
    ("xp.add(2, x)", "A"),
    ("xp.maximum(x, 0.5)", "A"),
    ("xp.clip(x)", "A"),
    ("xp.clip(x, -0.5)", "A"),
    ("xp.clip(x, max=0.5)", "A"),
    ("xp.clip(x, -0.5, 0.5)", "A I"),
    ("xp.clip(x, min=y)", "A B"),
    # creation
    ("xp.arange(3, dtype=xp.float32, device='cpu') * x", "A"),
    ("xp.arange(1, 4) * x", "A"),
    ("xp.asarray(x)", "A"),
    ("xp.asarray(x, dtype=xp.float32, copy=True, device='cpu')", "A"),
    ("xp.empty((2, 3), dtype=xp.float64, device='cpu') * 0 + x", "A"),
    ("xp.empty_like(x, device='cpu') * 0 + x", "A"),
    ("xp.eye(2, 3, k=1, dtype=xp.float32) * x", "A"),
    ("xp.full((2, 3), 2, dtype=xp.float32, device='cpu') * x", "A"),
    ("xp.full_like(x, 2.5, dtype=xp.float32, device='cpu') * x", "A"),
    ("xp.linspace(0, 1, num=3, dtype=xp.float32, endpoint=False, device='cpu') * x", "A"),
    ("xp.meshgrid(x, y, indexing='ij')", "v w"),
    ("xp.meshgrid(x, y)", "v w"),
    ("xp.ones(3, dtype=xp.float32, device='cpu') * x", "A"),
    ("xp.ones_like(x, dtype=xp.float32) + x", "A"),
    ("xp.tril(x, k=1)", "Q"),
    ("xp.triu(x, k=-1)", "Q"),
    ("xp.zeros((2, 1), dtype=xp.float32) + x", "A"),
    ("xp.zeros_like(x, dtype=xp.float32, device='cpu') + x", "A"),
    # data types
    ("xp.astype(x, xp.float32, copy=False, device='cpu')", "A I"),
    ("xp.astype(x, xp.complex128)", "A"),
    ("xp.astype(x, xp.bool)", "A"),
    # indexing
    ("xp.take(x, xp.asarray([2, 0]), axis=1)", "A"),
    ("xp.take(x, xp.asarray([2, 0]))", "v"),
    ("xp.take_along_axis(x, xp.asarray([[2, 0], [1, 1]]))", "A"),
    ("xp.take_along_axis(x, xp.asarray([[1, 0, 1]]), axis=0)", "A"),
    # linear algebra
    ("xp.matmul(x, y)", "A V Q Q"),
    ("xp.matrix_transpose(x)", "A"),
    ("xp.tensordot(x, y, axes=1)", "A Q"),
    ("xp.tensordot(x, y, axes=((0, 1), (0, 1)))", "A B"),
    ("xp.vecdot(x, y)", "A B Z Z"),
    ("xp.vecdot(x, y, axis=-2)", "A B"),
    # manipulation
    ("xp.broadcast_arrays(x, y)", "A v"),
    ("xp.broadcast_to(x, (2, 3))", "v"),
    ("xp.concat((x, y), axis=1)", "A B"),
    ("xp.concat([x, y], axis=None)", "A v"),
    ("xp.expand_dims(x, axis=1)", "A"),
    ("xp.flip(x)", "A"),
    ("xp.flip(x, axis=(0,))", "A"),
    ("xp.moveaxis(x, 0, -1)", "A"),
    ("xp.permute_dims(x, (1, 0))", "A"),
    ("xp.repeat(x, 2)", "A"),
    ("xp.repeat(x, xp.asarray([1, 0, 2]), axis=1)", "A"),
    ("xp.reshape(x, (3, -1), copy=True)", "A"),
    ("xp.roll(x, 1)", "A"),
    ("xp.roll(x, (1, -1), axis=(0, 1))", "A"),
    ("xp.squeeze(x, axis=-1)", "V"),
    ("xp.stack([x, y], axis=-1)", "A B"),
    ("xp.tile(x, (2, 1, 2))", "A"),
    ("xp.unstack(x, axis=1)", "A"),
    # searching
    ("xp.argmax(x, axis=1, keepdims=True)", "A"),
    ("xp.argmin(x)", "A"),
    ("xp.count_nonzero(x)", "I"),
    ("xp.count_nonzero(x, axis=(0,), keepdims=True)", "I"),
    ("xp.nonzero(x)", "I"),
    ("xp.searchsorted(x, y, side='right')", "v A"),
    ("xp.searchsorted(x, y, sorter=xp.asarray([0, 1, 2]))", "v w"),
    ("xp.where(x, 1.0, 2.0)", "M"),
    ("xp.where(x > 0, x, y)", "A B"),
    # sets
    *[(f"xp.{name}(x)", "A I") for name in SIGNATURES if name.startswith("unique_")],
    # sorting
    ("xp.argsort(x)", "T"),
    ("xp.argsort(x, axis=0, stable=False)", "A"),
    ("xp.sort(x)", "A"),
    ("xp.sort(x, axis=0, stable=True)", "A"),
    # statistics
    ("xp.cumulative_prod(x, axis=1, include_initial=True)", "A"),
    ("xp.cumulative_sum(x)", "v"),
    ("xp.cumulative_sum(x, axis=0, dtype=xp.float32)", "A"),
    ("xp.max(x, axis=(0, 1), keepdims=True)", "A"),
    ("xp.mean(x, axis=0, keepdims=True)", "A Z"),
    ("xp.min(x, axis=1)", "A"),
    ("xp.prod(x, axis=1, dtype=xp.float32, keepdims=True)", "A"),
    ("xp.std(x, axis=1, correction=0.5, keepdims=True)", "A"),
    ("xp.sum(x, axis=1, dtype=xp.float32, keepdims=True)", "A"),
    ("xp.sum(x)", "A I M"),
    ("xp.var(x, correction=1)", "A"),
    # utility
    ("xp.all(x, axis=1, keepdims=True)", "M A"),
    ("xp.any(x)", "M"),
    ("xp.diff(x, axis=0, n=1, prepend=y, append=y)", "A B"),
    ("xp.diff(x)", "A"),
    # linear algebra extension
    ("xp.linalg.cholesky(x + x.mT, upper=True)", "H"),
    ("xp.linalg.cross(x, y, axis=-1)", "A B"),
    ("xp.linalg.det(x)", "Q"),
    ("xp.linalg.diagonal(x, offset=1)", "A"),
    ("xp.linalg.eigh(x + x.mT).eigenvalues", "H"),
    ("xp.abs(xp.linalg.eigh(x + x.mT).eigenvectors)", "H"),
    ("xp.linalg.eigvalsh(x + x.mT)", "H"),
    ("xp.linalg.inv(x)", "Q"),
    ("xp.linalg.matmul(x, y)", "A V"),
    ("xp.linalg.matrix_norm(x, keepdims=True)", "A"),
    ("xp.linalg.matrix_norm(x, ord='nuc')", "A"),
    ("xp.linalg.matrix_power(x, 3)", "Q"),
    ("xp.linalg.matrix_power(x, -1)", "Q"),
    ("xp.linalg.matrix_rank(x, rtol=1e-5)", "A"),
    ("xp.linalg.matrix_transpose(x)", "A"),
    ("xp.linalg.outer(x, y)", "v w"),
    ("xp.linalg.pinv(x, rtol=1e-10)", "A"),
    ("xp.linalg.qr(x, mode='reduced')", "Q"),
    ("xp.linalg.qr(x, mode='complete').R", "Q"),
    ("xp.linalg.slogdet(x).logabsdet", "Q"),
    ("xp.linalg.solve(x, y)", "Q V"),
    ("xp.abs(xp.linalg.svd(x, full_matrices=False).U)", "A"),
    ("xp.linalg.svd(x, full_matrices=False).S", "A"),
    ("xp.linalg.svdvals(x)", "A"),
    ("xp.linalg.tensordot(x, y, axes=1)", "A V"),
    ("xp.linalg.trace(x, offset=1, dtype=xp.float32)", "A"),
    ("xp.linalg.vecdot(x, y, axis=0)", "A B"),
    ("xp.linalg.vector_norm(x, axis=(0, 1), keepdims=True, ord=3)", "A"),
    ("xp.linalg.vector_norm(x, ord=xp.inf)", "A"),
    # Fourier transform extension
    *[
        (f"xp.fft.{name}(x, n=4, axis=0, norm='ortho')", "A" if name in ("rfft", "ihfft") else "Z")
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
    ],
    *[
        (f"xp.fft.{name}(x, s=(2, 4), axes=(0, 1), norm='forward')", "A" if name[0] == "r" else "Z")
        for name in ("fftn", "ifftn", "rfftn", "irfftn")
    ],
    ("xp.fft.fftfreq(3, d=0.5, device='cpu') * x", "A"),
    ("xp.fft.rfftfreq(4, d=0.5) * x", "A"),
    ("xp.fft.fftshift(x, axes=(1,))", "A"),
    ("xp.fft.ifftshift(x)", "A"),
]
"""Calls that NumPy's own namespace takes too."""

OWN_CALLS: dict[str, tuple[str, str]] = {
    "xp.argsort(x, descending=True)": ("np.array([[1, 0, 2], [0, 2, 1]])", "T"),
    "xp.argsort(x, axis=0, descending=True, stable=True)": ("np.argsort(-x, 0, 'stable')", "T"),
    "xp.sort(x, descending=True)": ("np.sort(x)[:, ::-1]", "A T"),
    "xp.sort(x, axis=0, descending=True, stable=False)": ("np.sort(x, 0)[::-1]", "A"),
    "xp.fft.fftfreq(3, dtype=xp.float32) * x": ("np.fft.fftfreq(3).astype('f4') * x", "A"),
    "xp.fft.rfftfreq(4, dtype=xp.float32) * x": ("np.fft.rfftfreq(4).astype('f4') * x", "A"),
    "xp.clip(x, -0.5)": ("np.maximum(x, -0.5)", "A"),
    "xp.clip(x)": ("x", "A"),
}
"""Calls that only the standard has, with the same in NumPy."""

# These have no result to differentiate: they are tried apart.
PLAIN = {"can_cast", "finfo", "iinfo", "isdtype", "result_type", "from_dlpack"}
PLAIN.add("__array_namespace_info__")
