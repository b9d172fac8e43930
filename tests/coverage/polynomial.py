"""The modules of numpy.polynomial: NumPy does not hand them over, functrans.numpy.polynomial has
the same functions."""

from __future__ import annotations

from tests.coverage.rows import Row, apart, refused, several, works

NOTE = """NumPy does not hand these over: call them by `functrans.numpy.polynomial`. NumPy's own
evaluate plain coefficients at traced points, and refuse traced coefficients."""


def family(module: str, p: str, name: str) -> dict[str, Row]:
    """The rows of the functions with the prefix `p`, and of the class."""
    call = f"fnp.polynomial.{module}.{p}"
    by_value = [
        ("add", "(x, y)", "v u"),
        ("sub", "(x, y)", "u v"),
        ("mul", "(x, y)", "v u"),
        ("div", "(x, y)", "v u"),
        ("mulx", "(x)", "v"),
        ("pow", "(x, 3)", "u"),
        ("fromroots", "(x)", "u"),
        ("roots", "(x)", "v"),
        ("companion", "(x)", "v"),
        ("trim", "(x)", "v"),
        ("line", "(x, y)", "s t"),
    ]
    rows = {p + key: works({}, {call + key + args: names}) for key, args, names in by_value}
    calls = {
        "val": {"(x, y)": "v u A u t w M[:2,:2] A", "(x, y, tensor=False)": "z.real A"},
        "val2d": {"(x, x[::-1], y)": "v A"},
        "val3d": {"(x, x, x[::-1], y)": "v C"},
        "valnd": {"((x, x[::-1]), y)": "v A"},
        "grid2d": {"(x, x[:2], y)": "v A"},
        "grid3d": {"(x, x[:2], x[:1], y)": "v C"},
        "vander": {"(x, 3)": "v A t", "(x, 0)": "v"},
        "vander2d": {"(x, x[::-1], [1, 2])": "v"},
        "vander3d": {"(x, x, x[::-1], [1, 2, 1])": "u"},
        "der": {"(x)": "v", "(x, 2, 1.5, 1)": "A", "(x, 9)": "v"},
        "int": {"(x)": "v", "(x, 2, [1.0, 2.0], 0.5, 1.5, 1)": "A", "(x, k=y)": "v t"},
    }
    rows |= {p + k: works({call + k + c: n for c, n in cs.items()}) for k, cs in calls.items()}
    rows[p + "fit"] = works(
        {},
        {
            f"{call}fit(x, y, 2)": "v w",
            f"{call}fit(x, y, 2, full=True)[0]": "v w",
            f"{call}fit(x, y, [0, 2], w=[1, 2, 1, 1, 3])": "v w",
        },
    )
    rows |= several(f"{p}zero {p}one {p}x {p}domain", apart("a constant"))
    rows[name] = refused(
        "a class that holds plain arrays; the functions take traced ones",
        {f"np.polynomial.{module}.{name}(x)": "v"},
        match="cannot become a plain ndarray",
    )
    return rows


def orthogonal(module: str, p: str, name: str, places: str) -> dict[str, Row]:
    """The rows of a family of orthogonal polynomials."""
    call = f"fnp.polynomial.{module}"
    return {
        **family(module, p, name),
        f"{p}gauss": apart("numbers from a degree"),
        f"{p}weight": works({f"{call}.{p}weight(x)": places}),
        f"{p}2poly": works({}, {f"{call}.{p}2poly(x)": "v"}),
        f"poly2{p}": works({}, {f"{call}.poly2{p}(x)": "v"}),
    }


POLYNOMIAL = {
    **family("polynomial", "poly", "Polynomial"),
    "polyvalfromroots": works({"fnp.polynomial.polynomial.polyvalfromroots(x, y)": "v u t u"}),
}
CHEBYSHEV = {
    **orthogonal("chebyshev", "cheb", "Chebyshev", "p/2"),
    **several("chebpts1 chebpts2", apart("numbers from a degree")),
    "chebinterpolate": works(
        {"fnp.polynomial.chebyshev.chebinterpolate(lambda t: t**2 * x, 3)": "t"}
    ),
}
LEGENDRE = orthogonal("legendre", "leg", "Legendre", "v")
HERMITE = orthogonal("hermite", "herm", "Hermite", "v")
HERMITE_E = orthogonal("hermite_e", "herme", "HermiteE", "v")
LAGUERRE = orthogonal("laguerre", "lag", "Laguerre", "p")
