"""Tensors as text, in PyTorch's layout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from functrans.torch import dtypes
from functrans.torch.names import backward_name


class Options:
    """How tensors are printed; see `torch.set_printoptions`."""

    precision = 4
    threshold: float = 1000
    edge_items = 3
    line_width = 80
    sci_mode: bool | None = None


options = Options()


def type_string(x: Any) -> str:
    """``torch.FloatTensor``, as messages name the type of a tensor."""
    return f"torch.{dtypes.TYPE_NAMES[dtypes.of_numpy(x.dtype).name]}Tensor"


class Formatter:
    """How the elements of one tensor are written: width, and whether in scientific notation."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.floating = values.dtype.kind == "f"
        self.int_mode = True
        self.sci = False
        self.width = 1
        flat = values.reshape(-1)
        if not self.floating:
            self.width = max((len(str(v)) for v in flat.tolist()), default=1)
            return
        nonzero = np.abs(flat[np.isfinite(flat) & (flat != 0)]).astype(float)
        if nonzero.size == 0:
            return
        least, largest = nonzero.min(), nonzero.max()
        self.int_mode = bool(np.all(np.ceil(nonzero) == nonzero))
        self.sci = bool(
            largest / least > 1000 or largest > 1e8 or (not self.int_mode and least < 1e-4)
        )
        if options.sci_mode is not None:
            self.sci = options.sci_mode
        self.width = max(len(self.format(v)) for v in flat[np.isfinite(flat) & (flat != 0)])

    def format(self, v: Any) -> str:
        """One element, not yet padded."""
        if not self.floating:
            return str(v)
        if self.sci:
            return f"{float(v):.{options.precision}e}"
        if self.int_mode:
            text = f"{float(v):.0f}"
            return text if not math.isfinite(v) else text + "."
        return f"{float(v):.{options.precision}f}"

    def __call__(self, v: Any) -> str:
        return self.format(v).rjust(self.width)


class ComplexFormatter:
    """Real and imaginary parts, each in a format of its own."""

    def __init__(self, values: np.ndarray[Any, Any]) -> None:
        self.real, self.imag = Formatter(values.real), Formatter(values.imag)
        self.width = self.real.width + self.imag.width + 1

    def __call__(self, v: Any) -> str:
        imag = self.imag.format(v.imag).lstrip()
        return f"{self.real(v.real)}{imag if imag.startswith('-') else '+' + imag}j"


def shown_part(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The elements that a summary shows."""
    for axis, n in enumerate(values.shape):
        if n > 2 * options.edge_items:
            ends = np.r_[0 : options.edge_items, n - options.edge_items : n]
            values = np.take(values, ends, axis)
    return values


def elements(values: np.ndarray[Any, Any], indent: int, summarize: bool, form: Any) -> str:
    """The nested brackets."""
    if values.ndim == 0:
        return form(values[()])  # type: ignore[no-any-return]
    n = values.shape[0]
    cut = summarize and n > 2 * options.edge_items
    if values.ndim == 1:
        per_line = max(1, (options.line_width - indent) // (form.width + 2))
        items = [form(v) for v in (values[: options.edge_items] if cut else values)]
        if cut:
            items += [" ...", *[form(v) for v in values[-options.edge_items :]]]
        lines = [items[i : i + per_line] for i in range(0, len(items), per_line)] or [[]]
        return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"
    rows = [
        elements(v, indent + 1, summarize, form)
        for v in (values[: options.edge_items] if cut else values)
    ]
    if cut:
        rows += [
            "...",
            *[elements(v, indent + 1, summarize, form) for v in values[-options.edge_items :]],
        ]
    return "[" + ("," + "\n" * (values.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def text(tensor: Any, prefix: str = "tensor(") -> str:
    """``tensor([1., 2.], requires_grad=True)``."""
    a = tensor.array
    values = np.asarray(a.concrete("printing") if hasattr(a, "concrete") else a)
    suffixes = []
    own = dtypes.of_numpy(values.dtype)
    usual = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool)
    complex_usual = own.numpy == dtypes.default_complex()
    if values.size == 0:
        if values.ndim != 1:
            suffixes.append(f"size={tuple(values.shape)}")
        if own is not dtypes.get_default_dtype():
            suffixes.append(f"dtype={own}")
        body = "[]"
    else:
        if own not in usual and not complex_usual:
            suffixes.append(f"dtype={own}")
        summarize = values.size > options.threshold
        part = shown_part(values) if summarize else values
        form = ComplexFormatter(part) if own.is_complex else Formatter(part)
        body = elements(values, len(prefix), summarize, form)
    node = tensor.grad_fn
    if node is not None:
        suffixes.append(f"grad_fn=<{backward_name(node.node)}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    line = prefix + body
    last = len(line) - line.rfind("\n") - 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > options.line_width:
            line += ",\n" + " " * len(prefix) + suffix
            last = len(prefix) + len(suffix)
        else:
            line += ", " + suffix
            last += len(suffix) + 2
    return line + ")"
