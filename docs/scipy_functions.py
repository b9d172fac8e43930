"""Write docs/scipy.md from the rule book: ``python docs/scipy_functions.py``.

The page says of every function of scipy.special, scipy.linalg and scipy.stats that functrans knows
by which arguments it is differentiated, and why not by the others. A test compares it with what
this makes.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

import functrans.primitives.special
import functrans.scipy.linalg
import functrans.scipy.special
import functrans.scipy.stats
from functrans.core.errors import REASONS
from functrans.core.primitive import BY_UFUNC, ZERO, Primitive
from functrans.scipy.stats.distribution import Continuous, Discrete

PAGE = Path(__file__).with_name("scipy.md")

HEAD = """# SciPy

SciPy is optional: `pip install "functrans[scipy]"`. Its functions have their own names, arguments
and values here; `import functrans` does not import SciPy.

* **`scipy.special`** needs no other import: its ufuncs are differentiated, batched and staged by
  plain calls. `functrans.scipy.special` has the functions that SciPy writes in Python, too.
* **`functrans.scipy.linalg`** and **`functrans.scipy.stats`** stand for `scipy.linalg` and
  `scipy.stats`, whose functions make plain arrays of their arguments: a plain call is an error that
  names the function to write instead.

    import numpy as np
    import functrans as ft
    from scipy import special
    from functrans.scipy import linalg, stats

    ft.grad(lambda a: special.betainc(a, 2.0, 0.3))(1.5)
    ft.grad(lambda a: np.trace(linalg.expm(a)))(np.zeros((2, 2)))
    ft.grad(lambda scale: stats.norm.logpdf(1.0, scale=scale))(2.0)

What has no rule is an error that gives the reason. Where a matrix is taken to be Hermitian and one
triangle of it is read (`cholesky`, `eigh`), the derivative is that of the function of the Hermitian
part; where an option says what is read (`solve(assume_a="sym")`, `solve_triangular`), that of the
function of it. Derivatives outside the support of a distribution are structural zeros.

<!-- Written by docs/scipy_functions.py. -->
"""


def argument_names(function: Any, count: int) -> list[str]:
    """The names by which SciPy's documentation calls the operands of a ufunc."""
    lines = re.findall(rf"^ *{function.__name__}\(([^)]*)\)", function.__doc__ or "", re.MULTILINE)
    names = [n.strip() for n in lines[-1 if len(lines) < 2 else 1].split(",")] if lines else []
    names = [n for n in names if n.isidentifier() and not n.startswith("out")][:count]
    return names if len(names) == count else [f"operand {i}" for i in range(count)]


def by(primitive: Primitive, names: list[str]) -> tuple[list[str], list[str]]:
    """The arguments with a derivative (or a zero by mathematics), and the others with reasons."""
    rules = primitive.pulls or (primitive.pull_all,) * len(names)
    given, missing = [], []
    for i, (name, rule) in enumerate(zip(names, rules, strict=True)):
        if not primitive.differentiable or rule is ZERO:
            given.append(f"`{name}` (0)")
        elif rule is not None:
            given.append(f"`{name}`")
        else:
            missing.append((name, REASONS[primitive.name, i]))
    reasons: dict[str, list[str]] = {}
    for name, reason in missing:
        reasons.setdefault(reason, []).append(f"`{name}`")
    return given, [f"{', '.join(where)}: {reason}" for reason, where in reasons.items()]


def special_rows() -> list[str]:
    """A row for every ufunc of scipy.special."""
    rows = []
    for name in sorted(dir(scipy.special), key=str.lower):
        ufunc = getattr(scipy.special, name)
        if name.startswith("_") or not isinstance(ufunc, np.ufunc):
            continue
        given, missing = by(BY_UFUNC[ufunc], argument_names(ufunc, ufunc.nin))
        rows.append(f"| `{name}` | {', '.join(given)} | {'; '.join(missing)} |")
    return rows


def python_rows(ours: Any, names: list[str]) -> list[str]:
    """A row for each function: what it is, or why it has no rule."""
    rows = []
    for name in names:
        function = getattr(ours, name)
        reason = getattr(function, "reason", None)
        rows.append(f"| `{name}` | {'yes' if reason is None else ''} | {reason or ''} |")
    return rows


def defined(module: Any) -> list[str]:
    """The functions of a package that are ours, or refused with a reason."""
    return [
        name
        for name, x in sorted(vars(module).items())
        if inspect.isfunction(x)
        and not name.startswith("_")
        and (hasattr(x, "reason") or x.__module__.startswith(module.__name__))
    ]


def stats_rows() -> list[str]:
    """A row for each family of distributions."""
    rows = []
    for name, family in sorted(vars(functrans.scipy.stats).items()):
        if isinstance(family, Continuous):
            quantiles = ", ppf, isf" if {"ppf", "isf"} & set(family.formulas) else ""
            methods = "logpdf, pdf, logcdf, cdf, logsf, sf" + quantiles
        elif isinstance(family, Discrete):
            methods = "logpmf, pmf, logcdf, cdf, logsf, sf"
        elif type(family).__module__ == "functrans.scipy.stats.multivariate":
            methods = ", ".join(m for m in ("logpdf", "pdf", "logpmf", "pmf") if hasattr(family, m))
        else:
            continue
        shapes = ", ".join(f"`{s}`" for s in getattr(family, "shapes", ()))
        rows.append(f"| `{name}` | {shapes} | {methods} |")
    return rows


def page() -> str:
    """Return the text of docs/scipy.md."""
    refused = [n for n in functrans.scipy.special._REASONS if hasattr(scipy.special, n)]
    python = sorted([*defined(functrans.scipy.special), *refused])
    parts = [
        HEAD,
        "## Ufuncs of scipy.special\n",
        "By plain calls. (0): constant between whole numbers, so that the derivative is 0.\n",
        "| function | differentiated by | not by |\n|---|---|---|",
        *special_rows(),
        "\n## Other functions of scipy.special\n",
        "In `functrans.scipy.special`. Functions of whole numbers (zeros, roots) are SciPy's.\n",
        "| function | differentiated | why not |\n|---|---|---|",
        *python_rows(functrans.scipy.special, python),
        "\n## scipy.linalg\n",
        "In `functrans.scipy.linalg`, with JVP, VJP, every order, batching and staging.\n",
        "| function | differentiated | why not |\n|---|---|---|",
        *python_rows(functrans.scipy.linalg, defined(functrans.scipy.linalg)),
        "\n## scipy.stats\n",
        "In `functrans.scipy.stats`: by the variable, shape parameters, `loc` and `scale`; only\n"
        "the distribution function of `vonmises` not by `kappa`: "
        f"{REASONS['vonmises_cdf', 1]}.\n",
        "| family | shape parameters | methods |\n|---|---|---|",
        *stats_rows(),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
