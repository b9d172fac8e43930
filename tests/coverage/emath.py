"""numpy.emath (numpy.lib.scimath): functions that become complex where real ones are undefined."""

from __future__ import annotations

from tests.coverage.rows import Row, works


def inside(name: str, domain: str, outside: str) -> Row:
    """A function that stays real on its domain; whether it does depends on values."""
    return works({f"np.emath.{name}(x)": "z"}, {f"np.emath.{name}(x)": f"{domain} {outside}"})


ROWS: dict[str, Row] = {
    "sqrt": inside("sqrt", "p", "v"),
    "log": inside("log", "p", "v"),
    "log2": inside("log2", "p", "v"),
    "log10": inside("log10", "p", "v"),
    "arccos": inside("arccos", "p", "v"),
    "arcsin": inside("arcsin", "p", "v"),
    "arctanh": inside("arctanh", "p", "v"),
    "logn": works({"np.emath.logn(x, y)": "z z2"}, by_value={"np.emath.logn(x, y)": "t p v p"}),
    "power": works(
        {"np.emath.power(x, y)": "z z2"},
        by_value={"np.emath.power(x, y)": "p v v t", "np.emath.power(x, 2)": "v"},
    ),
}
