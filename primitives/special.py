"""The rules of scipy.special, one file a family; loaded when one of them is first needed."""

from . import (
    special_bessel as special_bessel,
    special_beta as special_beta,
    special_discrete as special_discrete,
    special_distributions as special_distributions,
    special_elementary as special_elementary,
    special_elliptic as special_elliptic,
    special_equations as special_equations,
    special_error as special_error,
    special_gamma as special_gamma,
    special_integrals as special_integrals,
    special_polynomials as special_polynomials,
    special_shape as special_shape,
    special_spherical as special_spherical,
    special_without as special_without,
    special_zeta as special_zeta,
)
