"""Functions of scipy.special without any derivative, and why operands of others have none.

Those without a rule batch and stage like the others; asking for their derivative is an error that
gives the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from functrans.core.errors import REASONS
from functrans.core.kinds import elementwise, nondifferentiable
from functrans.core.primitive import BY_UFUNC

from .samples import Sample, draw, unary
from .special_ufuncs import sp

if TYPE_CHECKING:
    from functrans.core.kinds import Function

special_round = nondifferentiable(
    "special_round", sp.round, samples=unary(-3.2, 3.2, complex_too=False)
)


def without(ufunc: Any, *args: float) -> Function:
    """A function of which no derivative has a formula, with a sample of its arguments."""

    def samples() -> list[Sample]:
        *first, last = args
        return [
            Sample(*first, np.full((2, 3), last).T, label="non-contiguous"),
            Sample(*args, label="0-d"),
            Sample(*first, draw((0,), 0.2, 0.8), label="empty"),
        ]

    return elementwise(ufunc.__name__, ufunc, *[None] * ufunc.nin, samples=samples)


smirnov = without(sp.smirnov, 5.0, 0.4)
smirnovi = without(sp.smirnovi, 5.0, 0.4)
nctdtr = without(sp.nctdtr, 4.0, 0.5, 1.0)
nctdtrit = without(sp.nctdtrit, 4.0, 0.5, 0.6)
nctdtridf = without(sp.nctdtridf, 0.6, 0.5, 1.0)
nctdtrinc = without(sp.nctdtrinc, 4.0, 0.4, 1.0)
chndtridf = without(sp.chndtridf, 2.0, 0.4, 0.5)
ncfdtridfd = without(sp.ncfdtridfd, 3.0, 0.4, 0.5, 1.5)
ncfdtridfn = without(sp.ncfdtridfn, 0.4, 5.0, 0.5, 1.5)

DEGREE = "the degree is a whole number, and between whole numbers the slope has no known formula"
ORDER = "the slope by the order is no function of scipy.special"
PARAMETER = "the slope by a parameter of a hypergeometric function is a series in two variables"
FAMILY = "the slope by a parameter of the family is a sum of as many terms as the degree"
EQUATION = "the slope by a parameter of a differential equation solves another equation"
FREEDOM = "the slope by the degrees of freedom of a noncentral distribution has no known formula"
NONCENTRAL_T = "the density of the noncentral t distribution is no function of scipy.special"
SUM = "the slope is a sum of as many terms as the first operand says"
MOMENT = "the slope by an exponent under the integral has no known formula"
WRIGHT = "the slope by a parameter is a series with digamma functions"
BRANCH = "it is the number of a branch, or a tolerance"

WHY: dict[Any, tuple[str, str]] = {
    **{
        getattr(sp, name): ("first", ORDER)
        for name in (
            *("jv", "jn", "jve", "yv", "yn", "yve", "iv", "ive", "kv", "kn", "kve", "hankel1"),
            *("hankel1e", "hankel2", "hankel2e", "struve", "modstruve"),
        )
    },
    **{
        getattr(sp, f"eval_{name}"): ("degree", DEGREE)
        for name in (
            *("chebyc", "chebys", "chebyt", "chebyu", "hermite", "hermitenorm", "laguerre"),
            *("legendre", "sh_chebyt", "sh_chebyu", "sh_legendre", "gegenbauer", "genlaguerre"),
            *("jacobi", "sh_jacobi"),
        )
    },
    **{
        getattr(sp, name): ("all", EQUATION)
        for name in (
            *("mathieu_a", "mathieu_b", "mathieu_cem", "mathieu_sem", "mathieu_modcem1"),
            *("mathieu_modcem2", "mathieu_modsem1", "mathieu_modsem2", "pbdv", "pbvv", "pbwa"),
            *("pro_cv", "obl_cv", "pro_ang1", "pro_rad1", "pro_rad2", "obl_ang1", "obl_rad1"),
            *("obl_rad2", "pro_ang1_cv", "pro_rad1_cv", "pro_rad2_cv", "obl_ang1_cv"),
            *("obl_rad1_cv", "obl_rad2_cv"),
        )
    },
    **{getattr(sp, n): ("all", PARAMETER) for n in ("hyp0f1", "hyp1f1", "hyp2f1", "hyperu")},
    **{
        getattr(sp, n): ("all", FREEDOM)
        for n in (
            *("chndtr", "chndtrix", "chndtrinc", "chndtridf", "ncfdtr", "ncfdtri", "ncfdtrinc"),
            *("ncfdtridfd", "ncfdtridfn"),
        )
    },
    **{
        getattr(sp, n): ("all", NONCENTRAL_T)
        for n in ("nctdtr", "nctdtrit", "nctdtridf", "nctdtrinc")
    },
    sp.expn: ("first", ORDER),
    sp.smirnov: ("all", SUM),
    sp.smirnovi: ("all", SUM),
    sp.lpmv: ("all", ORDER),
    sp.besselpoly: ("all", MOMENT),
    sp.wright_bessel: ("all", WRIGHT),
    sp._ufuncs._lambertw: ("all", BRANCH),
}
"""Why the operands of a ufunc that have no rule have none."""

if hasattr(sp, "log_wright_bessel"):
    WHY[sp.log_wright_bessel] = ("all", WRIGHT)


def enter_reasons() -> None:
    """Fill the table of reasons that error messages read."""
    for ufunc, (which, reason) in WHY.items():
        primitive = BY_UFUNC[ufunc]
        for i, pull in enumerate(primitive.pulls or ()):
            if pull is None:
                beyond = which == "degree" and i > 0
                REASONS[primitive.name, i] = FAMILY if beyond else reason


enter_reasons()
