"""Programs that write into arrays and their views, as source code drawn by hypothesis.

Each statement is tried on ndarrays while the program is made, so NumPy itself says what is valid.
What they compute, and its differences, are here too.
"""

from __future__ import annotations

import linecache
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

X, Y = (
    np.array([[0.7071, 1.3137, 0.4231], [1.9411, 0.6197, 1.1573]]),
    np.array([0.7853, 1.7321, 0.5127]),
)
"""The arguments that programs are made for; all elements differ, so sorting is smooth."""

VIEWS = (
    "{a}[{basic}]",
    "{a}.T",
    "{a}.reshape(-1)",
    "{a}.reshape({shape})",
    "np.reshape({a}, {shape})",
    "{a}.ravel()",
    "np.flip({a})",
    "{a}[..., None]",
    "np.expand_dims({a}, 0)",
    "np.squeeze({a})",
    "np.swapaxes({a}, 0, -1)",
    "np.atleast_2d({a})",
    "np.split({a}, [1])[1]",
    "{a}.real",
    "{a}.flat",
    "np.broadcast_to({a}, (2, *{a}.shape))",
    "np.moveaxis({a}, 0, -1)",
)
COPIES = (
    "{a}.copy()",
    "{a}.flatten()",
    "np.copy({a})",
    "{a}[{advanced}]",
    "np.sin({a})",
    "{a} * 1.5",
    "np.zeros_like({a})",
    "np.empty_like({a})",
    "np.ones_like({a})",
    "np.full_like({a}, 0.3)",
    "np.roll({a}, 0)",
    "np.tile({a}, 1)",
    "np.repeat({a}, 1, 0)",
    "{a}.astype(float)",
    "np.concatenate([{a}])",
    "np.sort({a}, 0)",
)
WRITES = (
    "{a}[{basic}] = {value}",
    "{a}[{advanced}] = {value}",
    "{a}[{mask}] = np.copy({value})",  # NumPy 2.4 misses overlap here: y[mask] = y[::-1]
    "{a}[{basic}] += {value}",
    "{a}[{advanced}] *= {value}",
    "{a} += {value}",
    "{a} -= {value}",
    "{a} *= {value}",
    "{a} /= 1.0 + np.square({value})",
    "np.sin({a}, out={a})",
    "np.add({a}, {value}, out={a})",
    "np.multiply({a}, {value}, out={b})",
    "np.multiply({a}, 2.0, out={a}, where=np.arange({a}.shape[-1]) % 2 == 0)",
    "np.sum({a}, 0, out={b})",
    "np.add.at({a}, {advanced}, {value})",
    "np.subtract.at({a}, {advanced}, {value})",
    "np.multiply.at({a}, {advanced}, {value})",
    "np.put({a}, [0, -1, 0], {value})",
    "np.putmask({a}, np.arange({a}.size).reshape({a}.shape) % 2 == 1, {value})",
    "np.place({a}, np.arange({a}.size).reshape({a}.shape) % 2 == 0, [0.4142, {scalar}])",
    "np.copyto({a}, {value})",
    "np.copyto({a}, {value}, where=np.arange({a}.shape[-1]) > 0)",
    "np.fill_diagonal({a}, {value})",
    "np.put_along_axis({a}, np.argsort({a}, 0)[:1], {value}, 0)",
    "{a}.fill({scalar})",
    "{a}.sort()",
    "{a}.flat = np.copy({value})",
    "{a}.flat[1] = {scalar}",
    "{a}.real = {value}",
)
VALUES = ("{scalar}", "{b}", "{b} * {scalar}", "np.cos({b})", "{b}[::-1]", "np.sum({b})", "0.8931")
SCALARS = ("0.8177", "{b}.sum()", "np.tanh({b}).max()", "x[0, 1]", "y[-1]")


@st.composite
def programs(draw: Any, length: int = 8) -> str:
    """The source of a function ``program(x, y)`` with a scalar result."""
    names = ["x", "y"]
    env: dict[str, Any] = {"np": np, "x": X.copy(), "y": Y.copy()}
    lines: list[str] = []
    for _ in range(draw(st.integers(1, length))):
        kind = draw(st.sampled_from(["view", "copy", "write", "write", "write"]))
        line = fill(draw, {"view": VIEWS, "copy": COPIES, "write": WRITES}[kind], names, env)
        if kind != "write":
            line = f"v{len(names)} = {line}"
            if "empty_like" in line:  # arbitrary elements are not to be read
                line += f"; v{len(names)}[...] = 0.6"
        target = re.match(r"(?:np\.[\w.]+\()?(\w+)", line)
        if kind == "write" and target and not env[target[1]].flags.writeable:
            continue  # NumPy lets it pass where source and target turn out to be the same memory
        if "argsort" in line and target and nearly_equal(env[target[1]]):
            continue  # which row is written to jumps, and so does the quotient of differences
        trial = copied(env)
        try:
            exec(line, trial)
        except (ValueError, IndexError, TypeError, AttributeError, np.exceptions.AxisError):
            continue
        if not all(np.all(np.abs(np.asarray(trial[n])) < 50) for n in names):
            continue
        if kind != "write":
            name = f"v{len(names)}"
            if not isinstance(trial[name], np.ndarray):  # a scalar, or the iterator x.flat
                trial[name] = None
                if "flat" not in line:
                    continue
                lines.append(line)
                env = trial
                continue
            names.append(name)
        lines.append(line)
        env = trial
    total = " + ".join(
        f"np.sum(np.cos({name}) * np.arange(1.0, {name}.size + 1).reshape({name}.shape))"
        for name in names
    )
    body = "\n    ".join([*lines, f"return {total}"])
    return f"def program(x, y):\n    {body}\n"


def nearly_equal(a: Any) -> bool:
    """Whether the least along axis 0 changes with a small change of the elements."""
    least = np.sort(a, 0)[:2] if np.ndim(a) and np.shape(a)[0] > 1 else np.zeros(1)
    return len(least) == 2 and bool(np.any(least[1] - least[0] < 1e-2))


def fill(draw: Any, templates: tuple[str, ...], names: list[str], env: dict[str, Any]) -> str:
    """A statement with arrays, indices and values in place of its blanks."""
    a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
    text: str = draw(st.sampled_from(templates))
    for blank, options in (("{value}", VALUES), ("{scalar}", SCALARS)):
        while blank in text:
            text = text.replace(blank, draw(st.sampled_from(options)), 1)
    shape = np.shape(env[a])
    for blank, made in (
        ("{basic}", basic),
        ("{advanced}", advanced),
        ("{mask}", mask),
        ("{shape}", other_shape),
    ):
        if blank in text:
            text = text.replace(blank, made(draw, shape))
    return text.replace("{a}", a).replace("{b}", b)


def basic(draw: Any, shape: tuple[int, ...]) -> str:
    entries = []
    for n in shape:
        options = [":", "1:", ":-1", "::-1", "::2"]
        options += [str(i) for i in range(-n, n)]
        entries.append(draw(st.sampled_from(options)))
    cut = draw(st.integers(0, len(entries)))
    return ", ".join(entries[:cut]) or "..."


def advanced(draw: Any, shape: tuple[int, ...]) -> str:
    if not shape or not all(shape):
        return "..."
    first = [draw(st.integers(-shape[0], shape[0] - 1)) for _ in range(draw(st.integers(1, 3)))]
    if len(shape) > 1 and draw(st.booleans()):
        return f"{first}, {draw(st.integers(0, shape[1] - 1))}"
    return f"{first}"


def mask(draw: Any, shape: tuple[int, ...]) -> str:
    size = math.prod(shape)
    bits = [draw(st.booleans()) for _ in range(size)]
    return f"np.array({bits}, bool).reshape({shape})"


def other_shape(draw: Any, shape: tuple[int, ...]) -> str:
    size = math.prod(shape)
    factors = [n for n in range(1, size + 1) if size % n == 0] or [1]
    return f"({draw(st.sampled_from(factors))}, -1)"


def copied(env: dict[str, Any]) -> dict[str, Any]:
    """The environment with its arrays copied, and views still views of the same arrays."""
    arrays = {id(v): v for v in env.values() if isinstance(v, np.ndarray)}
    roots: dict[int, Any] = {}

    def root(a: Any) -> Any:
        while a.base is not None:
            a = a.base
        return a

    for a in arrays.values():
        r = root(a)
        if id(r) not in roots:
            roots[id(r)] = r.copy(order="K")
    new: dict[str, Any] = {}
    done: dict[int, Any] = {}
    for name, value in env.items():
        if not isinstance(value, np.ndarray):
            new[name] = value
            continue
        if id(value) not in done:
            r = root(value)
            offset = value.__array_interface__["data"][0] - r.__array_interface__["data"][0]
            view = np.ndarray(
                value.shape, value.dtype, roots[id(r)].ravel("K"), offset, value.strides
            )
            view.flags.writeable = value.flags.writeable
            done[id(value)] = view
        new[name] = done[id(value)]
    return new


def compiled(source: str) -> Callable[..., Any]:
    """The function of a program; its lines are shown in tracebacks and messages."""
    name = f"<program {hash(source)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    env: dict[str, Any] = {"np": np}
    exec(compile(source, name, "exec"), env)
    return env["program"]  # type: ignore[no-any-return]


def plain(f: Any, *args: Any) -> Any:
    """What NumPy computes; the arguments are copied first."""
    return f(*map(np.copy, args))


def differences(f: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Both gradients by central differences, with two steps extrapolated."""
    grads = []
    for k, a in enumerate((x, y)):
        g = np.empty_like(a)
        for i in np.ndindex(a.shape):
            slopes = []
            for h in (1e-4, 5e-5):
                values = []
                for sign in (1, -1):
                    moved = [np.copy(x), np.copy(y)]
                    moved[k][i] += sign * h
                    values.append(f(*moved))
                slopes.append((values[0] - values[1]) / (2 * h))
            g[i] = (4 * slopes[1] - slopes[0]) / 3
        grads.append(g)
    return tuple(grads)  # type: ignore[return-value]
