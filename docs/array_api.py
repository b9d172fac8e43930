"""Write docs/array-api.md: ``python docs/array_api.py``.

The page lists calls of SciPy's functions that run on traced arrays. A test makes each of them, and
compares the page with what this makes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).with_name("array-api.md")

HEAD = """# Array-API code, SciPy's included

`functrans.numpy` follows the [Python array API standard](https://data-apis.org/array-api/latest/),
version 2024.12, and traced arrays name it as their `__array_namespace__`. So code that is written
for any array library runs on them under every transform:

```python
import numpy as np
import functrans as ft


def standardized(x, axis):
    xp = x.__array_namespace__()
    return (x - xp.mean(x, axis=axis, keepdims=True)) / xp.std(x, axis=axis, keepdims=True)


jacobian = ft.jacobian(lambda x: standardized(x, axis=0))(np.array([1.0, 2.0, 4.0]))
print(jacobian.shape)
```

```text
(3, 3)
```

The namespace is NumPy's own, with these differences, which the standard asks for: `sort` and
`argsort` take `descending=`, and `argsort` keeps the order of equal elements unless `stable=False`
is given; `clip` needs only one bound; `finfo` and `iinfo` take arrays and `finfo` tells Python
numbers; `fft.fftfreq` and `fft.rfftfreq` take `dtype=`. With NumPy 2.0 to 2.2 it adds what these
lack. `meshgrid` and `broadcast_arrays` return tuples, as NumPy does and later versions of the
standard ask, and the values of `floor_divide` and of complex `expm1` at infinities and NaN are
NumPy's.

`__array_namespace_info__().capabilities()` tells that masks cannot select under `vmap` and staging,
where values are not known. Constants become arrays of a transform by `xp.asarray(c, like=x)`;
inside one, `xp.zeros`, `xp.empty_like` and their like make such arrays anyway, which traced values
can be written into.

## SciPy

Many functions of SciPy are array-API code if `SCIPY_ARRAY_API=1` is in the environment when SciPy
is loaded. Unlike NumPy they ask that all arrays of a call belong to one library, while data and
constants are plain arrays; one call settles that, for the whole process:

    import os

    os.environ["SCIPY_ARRAY_API"] = "1"  # before SciPy is loaded
    import functrans.scipy

    functrans.scipy.enable_array_api()
    from scipy import stats

    ft.grad(lambda x: stats.pearsonr(x, data).statistic)(x)

Below are calls that run unchanged, `x` and `y` being traced. Their values are SciPy's, and forward
and reverse mode agree with differences. Some need values that `vmap` and `make_graph` do not know
(SciPy asks `if xp.any(...)`, or selects by a mask), others run under these too. Functions of SciPy
that are missing here turn their arguments into plain arrays, which is an error
(`ConversionError`), or need a derivative that is missing, which is one too. Do not differentiate
through iterations that search for a root or a minimum (`scipy.optimize.elementwise`): the
derivative of an iterate is not that of its limit.

<!-- Written by docs/array_api.py. -->
"""

CALLS = Path(__file__).parents[1] / "tests" / "scipy_calls.txt"
"""A line a call: the call, the names of its arguments in tests/scipy_array_api.py, and under which
transforms it works besides those of derivatives."""


def calls() -> Iterator[tuple[str, str, str]]:
    """Yield each call, the names of its arguments, and its transforms."""
    for line in CALLS.read_text(encoding="utf-8").splitlines():
        call, arguments, transforms = (part.strip() for part in line.rsplit("|", 2))
        yield call, arguments, transforms


def function_of(call: str) -> str:
    """Return the full name of the SciPy function that a call is of."""
    start = call.lstrip("(")
    name = start[: start.index("(")]
    return f"scipy.{name}"


def page() -> str:
    """Return the text of docs/array-api.md."""
    modules: dict[str, list[str]] = {}
    functions = set()
    for call, _, transforms in calls():
        name = function_of(call)
        functions.add(name)
        marks = " | ".join("yes" if t in transforms.split() else "" for t in ("vmap", "make_graph"))
        row = f"| `{call.replace('|', chr(92) + '|')}` | {marks} |"
        modules.setdefault(name.rpartition(".")[0], []).append(row)
    parts = [HEAD, f"{len(functions)} functions in {sum(map(len, modules.values()))} calls:\n"]
    for module, rows in modules.items():
        head = [f"### {module}\n", "| derivatives | vmap | make_graph |", "|---|---|---|"]
        parts.append("\n".join([*head, *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
