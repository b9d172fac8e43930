"""Where functrans.torch differs from PyTorch at the calls of rows.py, and why.

Besides, where PyTorch's derivative at a hard point is NaN or infinite, another one is not looked
at: docs/conventions.md has what it is.
"""

from __future__ import annotations

POLE = "SciPy's values and derivatives at poles and beyond the domain of special functions"
CHOICE = "which of equal elements is chosen"
SHARED = "equal elements share the derivative evenly, which PyTorch's sort gives to one of them"
OUTSIDE = "the derivative of a formula where its value is NaN"

DEVIATIONS: list[tuple[str, str, str]] = [
    # lines (separated by " | "), kinds, reason
    ("x.abs() | torch.absolute(x) | x.dist(y, 1) | x.norm(1)", "hard", "the slope of abs(NaN)"),
    ("x.norm(p=float('inf'), dim=0)", "hard", "the slope of abs(NaN)"),
    ("x.acosh() | torch.arccosh(x)", "hard ties", OUTSIDE),
    ("x.angle()", "hard", "the slope of angle(NaN), which PyTorch sets to 0"),
    ("x.logit() | torch.special.logit(x)", "hard ties negative", OUTSIDE),
    (
        "torch.polar(x, y)",
        "hard ties negative",
        "a negative absolute value: PyTorch's derivative has the wrong sign",
    ),
    ("x.logaddexp(y)", "complex128", "NumPy has no complex logaddexp"),
    ("x.nextafter(y)", "hard ties", "the slope at x = y, where the next number is y itself"),
    ("x.var() | x.var(0) | torch.var_mean(x)", "zero-dimensional", "the slope of a value NaN"),
    ("torch.std_mean(x, 0, keepdim=True)", "hard", "the mean of infinite numbers is infinite"),
    ("x.topk(2, 1).values | x.kthvalue(2, 1).values", "hard", CHOICE),
    ("x.topk(2, 1).values | x.kthvalue(1, 0, keepdim=True).values", "ties", CHOICE),
    ("x.quantile(0.4)", "ties", SHARED),
    ("x.quantile(torch.tensor([0.1, 0.5], dtype=x.dtype), 1)", "hard ties", SHARED),
    ("x.quantile(0.4, dim=0, keepdim=True, interpolation='lower')", "ties", SHARED),
    ("x.nanquantile(0.4, 1)", "hard ties", SHARED),
    ("x.logcumsumexp(1)", "hard", "a row with an infinite element"),
    ("x.renorm(2, 0, 1.0)", "hard", "a row with an infinite norm, by which it is divided"),
    (
        "torch.searchsorted(x.sort(1).values, y) | "
        "torch.searchsorted(x.sort(1).values, y, right=True)",
        "hard",
        "NaN stands last, as sort puts it",
    ),
    (
        "torch.linalg.svd(m)[1] | m.svd()[1] | torch.linalg.cond(m)",
        "hard",
        "singular values that vanish but for rounding are taken as zero, where they have a kink",
    ),
    ("x.tolist()", "hard", "NaN is not equal to itself"),
    (
        "x.index_reduce(0, torch.tensor([0, 2, 0]), y, 'prod')",
        "hard",
        "PyTorch divides by the element where a product holds infinities",
    ),
    (
        "x.index_reduce(0, torch.tensor([0, 2, 0]), y, 'amax', include_self=False) | "
        "x.scatter_reduce(1, torch.tensor([[0, 1], [1, 1], [3, 0]]), y[:, :2], 'amin', "
        "include_self=False)",
        "hard ties",
        "PyTorch gives the element that takes no part a share",
    ),
    ("torch.addr(x[:, :3], x[:, 0], y[:, 1], beta=2)", "bool", "numbers make integers of truths"),
    ("torch.einsum('...j->...', x)", "uint8 bool", "sums keep the dtype, as in all of einsum"),
    (
        "torch.linalg.inv_ex(m) | torch.linalg.cholesky_ex(m @ m.mH)",
        "hard",
        "a matrix without an inverse or factor raises",
    ),
    (
        "torch.linalg.eigvals(m).abs().sort()[0] | torch.linalg.eig(m)[0].abs().sort()[0]",
        "hard",
        "the slope of abs at an eigenvalue 0",
    ),
    ("torch.linalg.qr(m)[1].abs() | m.qr()[1].abs()", "hard", "a singular matrix"),
    ("torch.linalg.lu(m) | torch.linalg.lu_factor_ex(m)", "hard", "a singular matrix"),
    ("torch.linalg.lstsq(m, m)[0]", "hard", "the solution of least norm of a singular matrix"),
    ("torch.linalg.cond(m) | torch.linalg.cond(m, 'fro')", "empty", "an empty matrix has none"),
    ("x.lgamma() | x.mvlgamma(2) | torch.special.gammaln(x)", "hard", POLE),
    ("torch.special.multigammaln(x + 2, 2) | torch.polygamma(2, x)", "hard", POLE),
    ("x.digamma() | torch.special.digamma(x) | torch.special.psi(x)", "hard ties", POLE),
    ("x.polygamma(1) | torch.special.polygamma(1, x)", "hard ties", POLE),
    ("torch.special.i1(x) | torch.special.i1e(x) | torch.special.airy_ai(x)", "hard", POLE),
    ("torch.fft.fft(x, 6, 0, 'ortho')", "hard", "transforms of infinite numbers"),
    (
        "x.clone().logical_not_() | x.clone().logical_and_(y) | x.clone().logical_or_(y) | "
        "x.clone().logical_xor_(y)",
        "float64 float32 complex128 mixed broadcast zero-dimensional hard ties negative",
        "truths do not depend smoothly on anything; PyTorch keeps the graph of what was there",
    ),
    ("torch.fft.fftn(x)", "zero-dimensional", "no dimension is transformed"),
]

REASONS: dict[tuple[str, str], str] = {
    (line, kind): reason
    for lines, kinds, reason in DEVIATIONS
    for line in lines.split(" | ")
    for kind in kinds.split(" ")
}

UNSTEADY = frozenset((("torch.linalg.lstsq(m, m)[0]", "hard"),))
"""Those that are not always there: by rounding PyTorch finds the rank of a singular matrix, or not,
differently from run to run."""
