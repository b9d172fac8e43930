"""What the rules of scipy.special are compared with: each function by mpmath, at hard points.

accuracy_special.py writes the table of errors.
"""

from __future__ import annotations

from special_exact import (
    Point,
    Special,
    at,
    beta_density,
    binomial_sum,
    boxcox,
    carlson,
    dawson,
    entropy,
    erfcx,
    erfcx_moment,
    f_ratio,
    fresnel_tail,
    inv_boxcox,
    jacobi_functions,
    kolmogorov,
    log_expit,
    log_gamma,
    lower_beta,
    lower_gamma,
    mp,
    negative_binomial_sum,
    noncentral_chi_square,
    noncentral_f,
    nth,
    over,
    owens_t,
    pseudo_huber,
    scaled_bessel,
    scaled_fresnel_tail,
    several,
    shifted,
    sph_legendre,
    spherical,
    student,
    tukey_quantile,
    upper_gamma,
    voigt,
    vonmises_density,
    wright,
)

HALF_LINE = [1e-300, 1e-8, 0.1, 1.0, 2.5, 10.0, 40.0]
ORDERS: list[Point] = [(0.0,), (1.0,), (2.5,)]
OSCILLATING = over(ORDERS, [1e-8, 0.1, 1.0, 3.0, 17.0, 50.0])
SCALED = over(ORDERS, [1e-8, 0.1, 1.0, 3.0, 39.0, 41.0, 300.0, 1e6])
PROBABILITIES = [1e-10, 0.01, 0.3, 0.5, 0.75, 0.999]
GAMMA_POINTS = [(0.3, 0.1), (0.3, 5.0), (2.5, 1e-3), (2.5, 1.0), (2.5, 10.0), (2.5, 60.0)]
GAMMA_POINTS += [(1e3, 900.0), (1e3, 1001.0), (1e3, 1200.0), (1e-3, 0.5)]
BETA_POINTS = [(2.0, 3.0, 0.2), (0.01, 0.5, 0.1), (0.1, 10.0, 0.001), (300.0, 200.0, 0.65)]
BETA_POINTS += [(1e4, 1e4, 0.495), (10.0, 0.1, 0.9999), (5.0, 1e5, 1e-3), (1.0, 1.0, 0.5)]
INVERSE_BETA = [(2.0, 3.0, 0.2), (0.5, 0.5, 0.3), (30.0, 20.0, 0.6), (0.3, 4.0, 0.9)]
COUNTS = [(0, 5, 0.3), (2, 5, 0.01), (3, 8, 0.7), (40, 100, 0.45)]
LINE = [-30.0, -6.0, -2.0, -0.5, -1e-9, 0.0, 1e-9, 0.3, 1.0, 3.0, 8.0, 26.0]
ANGLES = [-300.0, -90.5, -1e-6, 0.0, 30.0, 45.0, 89.999, 120.0, 179.99, 1e4]
UNIT = [-0.999, -0.3, -1e-9, 0.1, 0.7, 0.99999]
DEGREES: list[Point] = [(0,), (1,), (2,), (7,), (30,)]

ROWS: dict[str, Special] = {
    # Bessel, Airy, Struve and Kelvin functions.
    "jv": Special(mp.besselj, OSCILLATING),
    "yv": Special(mp.bessely, OSCILLATING),
    "yn": Special(mp.bessely, over([(0.0,), (1.0,), (4.0,)], [0.1, 1.0, 3.0, 17.0])),
    "jve": Special(mp.besselj, OSCILLATING),
    "yve": Special(mp.bessely, OSCILLATING),
    "hankel1": Special(mp.hankel1, OSCILLATING),
    "hankel2": Special(mp.hankel2, OSCILLATING),
    "hankel1e": Special(lambda v, x: mp.hankel1(v, x) * mp.exp(-1j * x), OSCILLATING),
    "hankel2e": Special(lambda v, x: mp.hankel2(v, x) * mp.exp(1j * x), OSCILLATING),
    "iv": Special(mp.besseli, over(ORDERS, [1e-8, 0.1, 1.0, 3.0, 17.0, 100.0, 700.0])),
    "kv": Special(mp.besselk, over(ORDERS, [1e-8, 0.1, 1.0, 3.0, 17.0, 100.0, 690.0])),
    "kn": Special(mp.besselk, over([(0.0,), (1.0,), (4.0,)], [0.1, 1.0, 3.0, 17.0, 100.0])),
    "j0": Special(lambda x: mp.besselj(0, x), at(*HALF_LINE, -3.0, 100.0), digits=700),
    "j1": Special(lambda x: mp.besselj(1, x), at(*HALF_LINE, -3.0, 100.0)),
    "y0": Special(lambda x: mp.bessely(0, x), at(*HALF_LINE, 100.0)),
    "y1": Special(lambda x: mp.bessely(1, x), at(1e-100, *HALF_LINE[1:], 100.0)),
    "i0": Special(lambda x: mp.besseli(0, x), at(*HALF_LINE, -3.0, 700.0), digits=700),
    "i1": Special(lambda x: mp.besseli(1, x), at(*HALF_LINE, -3.0, 700.0)),
    "k0": Special(lambda x: mp.besselk(0, x), at(*HALF_LINE, 700.0)),
    "k1": Special(lambda x: mp.besselk(1, x), at(1e-100, *HALF_LINE[1:], 700.0)),
    "ive": Special(lambda v, x: mp.exp(-abs(x)) * mp.besseli(v, x), SCALED),
    "kve": Special(lambda v, x: mp.exp(x) * mp.besselk(v, x), SCALED),
    "i0e": Special(lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), at(0.1, 1.0, 45.0, 1e8, -60.0)),
    "i1e": Special(lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), at(0.1, 1.0, 45.0, 1e8, -60.0)),
    "k0e": Special(lambda x: mp.exp(x) * mp.besselk(0, x), at(0.01, 1.0, 30.0, 50.0, 1e6)),
    "k1e": Special(lambda x: mp.exp(x) * mp.besselk(1, x), at(0.01, 1.0, 30.0, 50.0, 1e6)),
    "ive_derivative": Special(
        scaled_bessel(mp.besseli, 1),
        [(0.0, 1.0, 1), (1.0, 3.0, 2), (2.5, 60.0, 1), (0.0, 300.0, 2)],
    ),
    "kve_derivative": Special(
        scaled_bessel(mp.besselk, -1),
        [(0.0, 1.0, 1), (1.0, 3.0, 2), (2.5, 60.0, 1), (0.0, 300.0, 2)],
    ),
    "struve": Special(mp.struveh, over(ORDERS, [0.1, 1.0, 3.0, 20.0])),
    "modstruve": Special(mp.struvel, over(ORDERS, [0.1, 1.0, 3.0, 20.0])),
    **dict(
        several(
            "airy",
            [
                lambda x: mp.airyai(x),
                lambda x: mp.airyai(x, derivative=1),
                lambda x: mp.airybi(x),
                lambda x: mp.airybi(x, derivative=1),
            ],
            at(-40.0, -8.0, -2.0, -1e-8, 0.0, 0.5, 3.0, 8.0),
        )
    ),
    **dict(
        several(
            "airye",
            [
                lambda x: mp.airyai(x) * mp.exp(2 * x**1.5 / 3),
                lambda x: mp.airyai(x, derivative=1) * mp.exp(2 * x**1.5 / 3),
                lambda x: mp.airybi(x) * mp.exp(-2 * x**1.5 / 3),
                lambda x: mp.airybi(x, derivative=1) * mp.exp(-2 * x**1.5 / 3),
            ],
            at(0.1, 0.5, 0.99, 1.01, 3.0, 30.0, 1e3),
        )
    ),
    "ber": Special(lambda x: mp.ber(0, x), at(0.1, 1.0, 3.0, 9.0, -2.0)),
    "bei": Special(lambda x: mp.bei(0, x), at(0.1, 1.0, 3.0, 9.0, -2.0)),
    "ker": Special(lambda x: mp.ker(0, x), at(0.1, 1.0, 3.0, 9.0)),
    "kei": Special(lambda x: mp.kei(0, x), at(0.1, 1.0, 3.0, 9.0)),
    "berp": Special(lambda x: mp.diff(lambda y: mp.ber(0, y), x), at(0.1, 1.0, 3.0, 9.0, -2.0)),
    "beip": Special(lambda x: mp.diff(lambda y: mp.bei(0, y), x), at(0.1, 1.0, 3.0, 9.0, -2.0)),
    "kerp": Special(lambda x: mp.diff(lambda y: mp.ker(0, y), x), at(0.1, 1.0, 3.0, 9.0)),
    "keip": Special(lambda x: mp.diff(lambda y: mp.kei(0, y), x), at(0.1, 1.0, 3.0, 9.0)),
    **dict(
        several(
            "kelvin",
            [
                lambda x: mp.mpc(mp.ber(0, x), mp.bei(0, x)),
                lambda x: mp.mpc(mp.ker(0, x), mp.kei(0, x)),
                lambda x: mp.diff(lambda y: mp.mpc(mp.ber(0, y), mp.bei(0, y)), x),
                lambda x: mp.diff(lambda y: mp.mpc(mp.ker(0, y), mp.kei(0, y)), x),
            ],
            at(0.1, 1.0, 3.0, 9.0),
        )
    ),
    # Their integrals, whose derivatives are compared: SciPy's values are good to 1e-6 or so.
    **{
        f"{name}[{i}]": Special(None, at(0.1, 0.9, 1.1, 3.0, 20.0), by={0: by})
        for name, pair in {
            "itj0y0": (lambda x: mp.besselj(0, x), lambda x: mp.bessely(0, x)),
            "iti0k0": (lambda x: mp.besseli(0, x), lambda x: mp.besselk(0, x)),
            "it2j0y0": (lambda x: (1 - mp.besselj(0, x)) / x, lambda x: -mp.bessely(0, x) / x),
            "it2i0k0": (lambda x: (mp.besseli(0, x) - 1) / x, lambda x: -mp.besselk(0, x) / x),
            "itairy": (
                lambda x: mp.airyai(x),
                lambda x: mp.airybi(x),
                lambda x: mp.airyai(-x),
                lambda x: mp.airybi(-x),
            ),
        }.items()
        for i, by in enumerate(pair)
    },
    "itstruve0": Special(None, at(0.1, 1.0, 3.0, 20.0), by={0: lambda x: mp.struveh(0, x)}),
    "it2struve0": Special(None, at(0.1, 1.0, 3.0, 20.0), by={0: lambda x: -mp.struveh(0, x) / x}),
    "itmodstruve0": Special(None, at(0.1, 1.0, 3.0, 20.0), by={0: lambda x: mp.struvel(0, x)}),
    "besselpoly": Special(
        lambda a, power, v: mp.quad(lambda x: x**power * mp.besselj(v, 2 * a * x), [0, 1]),
        [(0.3, 1.0, 2.0), (1.0, 0.5, 1.5), (2.0, 1.0, 2.0)],
    ),
    "spherical_jn": Special(
        spherical(mp.besselj, lambda: mp.pi / 2), over([(0,), (1,), (4,)], [0.1, 1.0, 3.0, 30.0])
    ),
    "spherical_yn": Special(
        spherical(mp.bessely, lambda: mp.pi / 2), over([(0,), (1,), (4,)], [0.1, 1.0, 3.0, 30.0])
    ),
    "spherical_in": Special(
        spherical(mp.besseli, lambda: mp.pi / 2), over([(0,), (1,), (4,)], [0.1, 1.0, 3.0, 30.0])
    ),
    "spherical_kn": Special(
        spherical(mp.besselk, lambda: mp.pi / 2), over([(0,), (1,), (4,)], [0.1, 1.0, 3.0, 30.0])
    ),
    "sph_legendre": Special(
        sph_legendre, over([(0, 0), (1, 1), (3, 2), (12, 5)], [0.01, 0.3, 1.5, 3.0])
    ),
    # Gamma, beta and zeta functions.
    "polygamma": Special(mp.psi, over([(0,), (1,), (3,)], [1e-4, 0.5, 3.0, 100.0, 1e6, -2.25])),
    "digamma": Special(mp.digamma, at(1e-100, 1e-4, 0.5, 1.46, 30.0, 1e6, 1e15, -2.25)),
    "polygamma_difference": Special(
        lambda x, y, n: mp.psi(n, x + y) - mp.psi(n, x),
        [(0.5, 2.0, 0), (1e8, 1e-3, 0), (3.0, 1e-9, 1), (1e-4, 5.0, 2), (30.0, 40.0, 1)],
    ),
    "gammaln": Special(log_gamma, at(1e-300, 1e-8, 0.5, 3.0, 1e6, 1e300, -2.25)),
    "loggamma": Special(mp.loggamma, at(1e-300, 1e-8, 0.5, 3.0, 1e6)),
    "gamma": Special(mp.gamma, at(1e-100, 1e-5, 0.5, 1.46, 3.0, 100.0, 170.0, -1.5, -20.3)),
    "rgamma": Special(mp.rgamma, at(0.0, -1.0, -7.0, -3.5, 1e-300, 0.3, 0.49, 0.5, 10.0, 150.0)),
    "poch": Special(mp.rf, [(0.5, 2.0), (3.0, 0.25), (20.0, 7.5), (1e6, 0.5), (1e-3, 3.0)]),
    "beta": Special(mp.beta, [(0.5, 0.5), (2.5, 3.5), (1e-3, 2.0), (100.0, 50.0), (30.0, 0.1)]),
    "betaln": Special(
        lambda a, b: mp.log(mp.beta(a, b)),
        [(0.5, 0.5), (2.5, 3.5), (1e-3, 2.0), (1e3, 50.0), (1e6, 2.5), (1e15, 1.0)],
    ),
    "gamma_density": Special(lambda a, x: x ** (a - 1) * mp.exp(-x) / mp.gamma(a), GAMMA_POINTS),
    "beta_density": Special(beta_density, BETA_POINTS),
    "gammainc": Special(lower_gamma, GAMMA_POINTS),
    "gammaincc": Special(upper_gamma, GAMMA_POINTS),
    "gammainc_by_shape": Special(
        lambda a, x, n: nth(lambda b: lower_gamma(b, x), a, n),
        [(2.5, 1.0, 1), (2.5, 10.0, 1), (300.0, 290.0, 1), (0.3, 0.2, 2)],
    ),
    "gammaincinv": Special(
        lower_gamma, over([(0.3,), (2.5,), (1e3,)], [0.01, 0.3, 0.5, 0.75]), solved=1
    ),
    "gammainccinv": Special(
        upper_gamma, over([(0.3,), (2.5,), (1e3,)], [0.01, 0.3, 0.5, 0.75]), solved=1
    ),
    "betainc": Special(lower_beta, BETA_POINTS),
    "betaincc": Special(lambda a, b, x: 1 - lower_beta(a, b, x), BETA_POINTS),
    "betainc_derivative": Special(
        lambda a, b, x: mp.diff(lambda c: lower_beta(c, b, x), a),
        [(2.0, 3.0, 0.2), (0.1, 10.0, 0.01), (300.0, 200.0, 0.65)],
        params={"orders": (1, 0)},
    ),
    "betaincinv": Special(lower_beta, INVERSE_BETA, solved=2),
    "betainccinv": Special(lambda a, b, x: 1 - lower_beta(a, b, x), INVERSE_BETA, solved=2),
    "zeta": Special(mp.zeta, over([(1.0001,), (1.5,), (4.0,), (40.0,)], [0.1, 1.0, 3.0, 1e5])),
    "zeta_derivative": Special(
        lambda s, a, n: mp.zeta(s, a, int(n)), [(1.5, 2.5, 1), (4.0, 0.3, 2), (1.001, 3.0, 1)]
    ),
    "riemann_zeta": Special(mp.zeta, at(1.001, 1.5, 2.0, 30.0, 0.5, 1e-9, -0.5, -2.0, -7.5, -20.5)),
    "zetac": Special(lambda s: mp.zeta(s) - 1, at(1.001, 1.5, 2.0, 30.0, 0.5, -0.5, -2.0, -7.5)),
    # Elementary functions.
    "expit": Special(
        lambda x: 1 / (1 + mp.exp(-x)), at(-745.0, -700.0, -1.0, 0.0, 0.5, 40.0, 700.0), digits=400
    ),
    "logit": Special(lambda x: mp.log(x / (1 - x)), at(1e-300, 1e-10, 0.3, 0.5, 1 - 2.0**-30)),
    "log_expit": Special(log_expit, at(-800.0, -50.0, -1e-9, 0.0, 3.0, 50.0, 700.0), digits=400),
    "xlogy": Special(
        lambda x, y: x * mp.log(y), [(0.5, 2.0), (3.0, 1e-300), (1e200, 1 - 2.0**-40)]
    ),
    "xlog1py": Special(
        lambda x, y: x * mp.log1p(y), [(0.5, 2.0), (3.0, 1e-300), (1e200, -1 + 2.0**-40)]
    ),
    "entr": Special(lambda x: -x * mp.log(x), at(1e-300, 0.3, 0.36, 1.0, 1e200)),
    "log_ratio": Special(
        lambda x, y: mp.log(x / y), [(1.0, 2.0), (1e200, 1e-200), (1.0, 1 + 2.0**-50)]
    ),
    "rel_entr": Special(entropy, [(1.0, 2.0), (1e100, 1e-100), (1.0, 1 + 2.0**-50), (1e-9, 3.0)]),
    "kl_div": Special(
        lambda x, y: entropy(x, y) - x + y,
        [(1.0, 2.0), (1e9, 2.0), (2.0, 2 + 2.0**-30), (1e-9, 2.0)],
    ),
    "huber": Special(
        lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
        [(1.0, 0.5), (1.0, -3.0), (1e-3, 1e5), (1e200, 1e100)],
    ),
    "pseudo_huber": Special(
        pseudo_huber, [(1.0, 0.5), (1.0, -3.0), (1e-3, 1e5), (1e8, 1.0), (1e5, 1e-5)]
    ),
    "exp10": Special(lambda x: mp.power(10, x), at(-300.0, -1.0, 1e-9, 0.3, 2.5, 308.0)),
    "special_exp2": Special(lambda x: mp.power(2, x), at(-1000.0, -1.0, 1e-9, 0.3, 2.5, 1023.0)),
    "special_expm1": Special(mp.expm1, at(-700.0, -1.0, 1e-9, 0.3, 2.5, 709.0), digits=400),
    "special_log1p": Special(mp.log1p, at(-1 + 2.0**-50, -0.5, 1e-300, 1e-9, 0.3, 1e300)),
    "special_cbrt": Special(
        lambda x: mp.sign(x) * mp.cbrt(abs(x)), at(1e-300, 0.3, 8.0, 1e300, -27.0)
    ),
    "powm1": Special(
        lambda x, y: mp.expm1(y * mp.log(x)), [(1.5, 2.0), (1 + 2.0**-40, 3.0), (0.3, 1e-10)]
    ),
    "exprel": Special(
        lambda x: mp.expm1(x) / x if x else mp.mpf(1),
        at(-1e9, -300.0, -9.0, -3.0, 1e-6, 2.0, 7.0, 100.0, 700.0),
    ),
    "exprel_moment": Special(
        lambda x, n: mp.quad(lambda t: t**n * mp.exp(x * t), [0, 1]),
        [(-40.0, 1), (-3.0, 2), (1e-6, 0), (2.0, 3), (9.0, 1), (100.0, 1)],
    ),
    "boxcox": Special(boxcox, [(3.0, 1e-8), (3.0, -0.5), (0.01, 2.0), (1e100, 0.5)]),
    "boxcox1p": Special(
        lambda x, y: boxcox(1 + x, y), [(2.0, 1e-8), (2.0, -0.5), (-0.99, 2.0), (1e-12, 0.5)]
    ),
    "inv_boxcox": Special(inv_boxcox, [(1.5, 1e-8), (1.5, 0.5), (-0.4, 2.0), (100.0, 0.1)]),
    "inv_boxcox1p": Special(
        lambda x, y: inv_boxcox(x, y) - 1, [(1.5, 1e-8), (1.5, 0.5), (-0.4, 2.0), (1e-9, 0.1)]
    ),
    "cosm1": Special(lambda x: -2 * mp.sin(x / 2) ** 2, at(1e-9, 0.3, 3.0, 6.2831853, 100.0)),
    "sindg": Special(lambda x: mp.sin(x * mp.pi / 180), at(*ANGLES)),
    "cosdg": Special(lambda x: mp.cos(x * mp.pi / 180), at(*ANGLES)),
    "tandg": Special(lambda x: mp.tan(x * mp.pi / 180), at(*ANGLES)),
    "cotdg": Special(
        lambda x: mp.cot(x * mp.pi / 180), at(1e-6, 30.0, 45.0, 89.999, 120.0, 179.99)
    ),
    "radian": Special(
        lambda d, m, s: mp.pi / 180 * (d + m / 60 + s / 3600),
        [(30.0, 12.0, 3.5), (-1.0, 0.5, 59.9)],
    ),
    # Error functions and the normal distribution.
    "erf": Special(mp.erf, at(*LINE), digits=400),
    "erfc": Special(mp.erfc, at(*LINE), digits=400),
    "erfcx": Special(erfcx, at(-26.0, -5.0, 0.0, 0.99, 1.0, 3.0, 50.0, 1e4, 1e8)),
    "erfcx_moment": Special(
        erfcx_moment, [(-2.0, 1), (0.5, 2), (1.0, 1), (3.0, 2), (50.0, 1), (1e4, 1)]
    ),
    "erfi": Special(mp.erfi, at(-20.0, -4.0, -1e-9, 0.0, 1.0, 20.0)),
    "erfinv": Special(mp.erf, at(-0.999999, -0.9, 1e-9, 0.5, 1 - 2.0**-20), solved=0),
    "erfcinv": Special(mp.erfc, at(1e-100, 1e-9, 0.5, 0.999999, 1.5), solved=0),
    "wofz": Special(
        lambda x: mp.exp(-x * x) * mp.erfc(-1j * x), at(-5.0, -1e-9, 0.0, 0.5, 2.0, 6.5, 30.0)
    ),
    "dawsn": Special(dawson, at(0.0, 1e-9, 0.5, 0.92, 2.0, 6.0, 6.5, 30.0, -1e3)),
    "dawson_derivative": Special(
        lambda x, n: nth(dawson, x, n), [(0.5, 1), (2.0, 2), (6.0, 1), (6.5, 2), (30.0, 1)]
    ),
    "gauss": Special(lambda x: mp.exp(-x * x), at(*LINE)),
    "ndtr": Special(mp.ncdf, at(-37.0, -30.0, -1.0, 0.0, 5.0, 8.2)),
    "ndtri": Special(mp.ncdf, at(1e-100, 1e-9, 0.3, 0.5, 0.999999), solved=0),
    "normal_hazard": Special(lambda x: mp.npdf(x) / mp.ncdf(x), at(-1e4, -30.0, -1.0, 0.0, 5.0)),
    "log_ndtr": Special(
        lambda x: mp.log(mp.ncdf(x)), at(-1e4, -100.0, -20.0, -1.0, 0.0, 1.0, 20.0), digits=250
    ),
    "ndtri_exp": Special(
        lambda x: mp.log(mp.ncdf(x)), at(-1e4, -100.0, -3.0, -0.5, -1e-3), solved=0
    ),
    "voigt_profile": Special(
        voigt,
        [(0.1, 0.5, 0.7), (10.0, 0.5, 0.7), (100.0, 0.5, 0.7), (1.5, 0.05, 0.7), (1.5, 5.0, 0.1)],
    ),
    "owens_t": Special(owens_t, [(0.5, 0.3), (2.0, -1.5), (-1.0, 5.0), (5.0, 0.5), (0.0, 2.0)]),
    # Distribution functions and their inverses.
    "chdtr": Special(lambda v, x: lower_gamma(v / 2, x / 2), GAMMA_POINTS),
    "chdtrc": Special(lambda v, x: upper_gamma(v / 2, x / 2), GAMMA_POINTS),
    "chdtri": Special(
        lambda v, x: upper_gamma(v / 2, x / 2), over([(0.6,), (5.0,), (100.0,)], [0.1, 0.5, 0.9]), 1
    ),
    "chdtriv": Special(
        lambda v, x: lower_gamma(v / 2, x / 2), over([(0.3,), (0.7,)], [0.5, 3.0, 30.0]), 0
    ),
    "gdtr": Special(
        lambda a, b, x: lower_gamma(b, a * x),
        [(0.5, 2.5, 3.0), (3.0, 0.3, 0.1), (1.0, 100.0, 110.0)],
    ),
    "gdtrc": Special(
        lambda a, b, x: upper_gamma(b, a * x),
        [(0.5, 2.5, 3.0), (3.0, 0.3, 0.1), (1.0, 100.0, 110.0)],
    ),
    "gdtria": Special(lambda a, b, x: lower_gamma(b, a * x), [(0.3, 2.5, 3.0), (0.8, 0.5, 1.0)], 0),
    "gdtrib": Special(lambda a, b, x: lower_gamma(b, a * x), [(0.5, 0.3, 3.0), (2.0, 0.7, 1.0)], 1),
    "gdtrix": Special(lambda a, b, x: lower_gamma(b, a * x), [(0.5, 2.5, 0.3), (2.0, 0.5, 0.8)], 2),
    "pdtr": Special(
        lambda k, m: upper_gamma(mp.floor(k) + 1, m),
        over([(0.0,), (7.0,), (100.0,)], [1.0, 8.0, 90.0]),
        digits=400,
    ),
    "pdtrc": Special(
        lambda k, m: lower_gamma(mp.floor(k) + 1, m),
        over([(0.0,), (7.0,), (100.0,)], [1.0, 8.0, 90.0]),
    ),
    "pdtri": Special(
        lambda k, m: upper_gamma(k + 1, m), over([(0,), (7,), (100,)], [0.1, 0.5, 0.9]), 1
    ),
    "pdtrik": Special(lambda k, m: upper_gamma(k + 1, m), [(0.3, 3.0), (0.8, 20.0)], 0),
    "bdtr": Special(lambda k, n, p: binomial_sum(k, n, p), COUNTS),
    "bdtrc": Special(lambda k, n, p: 1 - binomial_sum(k, n, p), COUNTS),
    "bdtri": Special(binomial_sum, COUNTS, 2),
    "bdtrik": Special(binomial_sum, [(0.6, 7.0, 0.4), (0.7, 50.0, 0.3)], 0),
    "bdtrin": Special(binomial_sum, [(2.5, 0.4, 0.6), (10.0, 0.5, 0.3)], 1),
    "nbdtr": Special(negative_binomial_sum, COUNTS),
    "nbdtrc": Special(lambda k, n, p: 1 - negative_binomial_sum(k, n, p), COUNTS),
    "nbdtri": Special(negative_binomial_sum, COUNTS, 2),
    "nbdtrik": Special(negative_binomial_sum, [(0.7, 4.0, 0.5), (0.6, 20.0, 0.4)], 0),
    "nbdtrin": Special(negative_binomial_sum, [(2.5, 0.6, 0.5), (10.0, 0.5, 0.4)], 1),
    "btdtria": Special(lower_beta, [(0.5, 2.0, 0.4), (0.3, 30.0, 0.5)], 0),
    "btdtrib": Special(lower_beta, [(2.0, 0.5, 0.4), (30.0, 0.3, 0.5)], 1),
    "fdtr": Special(
        f_ratio, [(0.5, 7.0, 1.5), (5.0, 7.0, 0.1), (50.0, 7.0, 1.5), (3.0, 300.0, 2.0)]
    ),
    "fdtrc": Special(
        lambda n, d, x: 1 - f_ratio(n, d, x),
        [(0.5, 7.0, 1.5), (5.0, 7.0, 0.1), (50.0, 7.0, 1.5), (3.0, 300.0, 2.0)],
    ),
    "fdtri": Special(f_ratio, [(5.0, 7.0, 0.1), (3.0, 4.0, 0.6), (50.0, 7.0, 0.9)], 2),
    "fdtridfd": Special(f_ratio, [(4.0, 0.7, 1.5), (3.0, 0.65, 1.4)], 1),
    "stdtr": Special(student, over([(1.0,), (3.0,), (30.0,), (1000.0,)], [-5.0, 0.1, 1.5])),
    "stdtridf": Special(student, [(0.8, 1.0), (0.82, 1.1)], 0),
    "stdtrit": Special(student, over([(1.0,), (3.0,), (30.0,)], [0.01, 0.3, 0.9]), 1),
    "chndtr": Special(noncentral_chi_square, [(1.0, 2.0, 0.5), (5.0, 1.5, 3.0), (30.0, 4.0, 20.0)]),
    "chndtrix": Special(noncentral_chi_square, [(0.3, 2.0, 0.5), (0.7, 1.5, 3.0)], 0),
    "chndtrinc": Special(noncentral_chi_square, [(2.0, 1.5, 0.3), (3.0, 2.0, 0.4)], 2),
    "ncfdtr": Special(noncentral_f, [(3.0, 5.0, 0.5, 1.5), (2.0, 8.0, 3.0, 2.0)]),
    "ncfdtri": Special(noncentral_f, [(3.0, 5.0, 0.5, 0.4), (2.0, 8.0, 3.0, 0.7)], 3),
    "ncfdtrinc": Special(noncentral_f, [(3.0, 5.0, 0.3, 1.5)], 2),
    "nrdtrimn": Special(
        lambda p, sd, x: x - sd * mp.sqrt(2) * mp.erfinv(2 * p - 1),
        [(0.3, 1.5, 2.0), (0.9, 0.1, 5.0)],
    ),
    "nrdtrisd": Special(
        lambda mn, p, x: (x - mn) / (mp.sqrt(2) * mp.erfinv(2 * p - 1)),
        [(1.0, 0.8, 2.0), (0.5, 0.3, 0.1)],
    ),
    "skewnorm_cdf": Special(
        lambda x, a: mp.ncdf(x) - 2 * owens_t(x, a),
        over([(-2.0,), (0.5,), (3.0,)], [-5.0, 0.1, 2.0]),
        digits=150,
    ),
    "vonmises_cdf": Special(
        lambda x, k: mp.quad(lambda t: vonmises_density(t, k), [-mp.pi, 0, x]),
        over([(-3.0,), (0.1,), (2.0,)], [0.01, 1.0, 30.0]),
        by={0: lambda x, k: vonmises_density(x, k)},
    ),
    "kolmogorov": Special(kolmogorov, at(0.5, 0.79, 0.81, 2.0, 5.0)),
    "kolmogi": Special(kolmogorov, at(1e-9, 0.1, 0.5, 0.9, 0.99), solved=0),
    "tklmbda": Special(tukey_quantile, [(0.5, 0.7), (-1.0, 0.3), (2.0, -0.4)], solved=0),
    # Integrals and hypergeometric functions.
    "expi": Special(mp.ei, at(1e-9, 0.1, 0.37, 3.0, 100.0, -5.0)),
    "exp1": Special(mp.e1, at(1e-9, 0.1, 1.0, 3.0, 100.0)),
    "expn": Special(mp.expint, over([(0,), (2,), (5,)], [0.1, 3.0, 50.0])),
    **dict(several("sici", [mp.si, mp.ci], at(1e-6, 0.1, 3.0, 50.0, 1e4))),
    **dict(several("shichi", [mp.shi, mp.chi], at(1e-6, 0.1, 3.0, 50.0, 100.0))),
    "spence": Special(
        lambda x: mp.re(mp.polylog(2, 1 - x)),
        at(1e-9, 0.1, 0.9, 0.999999, 1.0, 1.5, 2.0, 100.0),
        by={0: lambda x: mp.log(x) / (1 - x) if x != 1 else mp.mpf(-1)},
    ),
    **dict(several("fresnel", [mp.fresnels, mp.fresnelc], at(1e-6, 0.3, 0.99, 3.3, 30.25, 1000.3))),
    "fresnel_sine": Special(lambda x: mp.sin(mp.pi / 2 * x * x), at(1e-6, 0.3, 0.99, 3.3, 1000.3)),
    "fresnel_cosine": Special(
        lambda x: mp.cos(mp.pi / 2 * x * x), at(1e-6, 0.3, 0.99, 3.3, 1000.3)
    ),
    **dict(several("modfresnelp", [fresnel_tail(1), scaled_fresnel_tail(1)], at(0.1, 0.5, 2.0))),
    **dict(several("modfresnelm", [fresnel_tail(-1), scaled_fresnel_tail(-1)], at(0.1, 0.5, 2.0))),
    "ellipk": Special(mp.ellipk, at(-1e3, -1.0, 0.0, 1e-9, 0.5, 1 - 2.0**-30)),
    "ellipkm1": Special(lambda p: mp.ellipk(1 - p), at(1e-200, 1e-20, 1e-9, 0.5, 3.0), digits=400),
    "ellipe": Special(mp.ellipe, at(-1e3, -1.0, 0.0, 1e-9, 0.5, 1 - 2.0**-30)),
    "hyp0f1": Special(mp.hyp0f1, over([(0.5,), (2.0,)], [-30.0, -2.0, 0.0, 2.0, 30.0])),
    "hyp1f1": Special(mp.hyp1f1, over([(0.5, 1.5), (2.0, 0.7)], [-30.0, -2.0, 0.0, 2.0, 30.0])),
    "hyperu": Special(mp.hyperu, over([(0.5, 1.5), (2.0, 0.7)], [0.1, 2.0, 30.0])),
    "hyp2f1": Special(
        mp.hyp2f1, over([(0.5, 0.7, 1.5), (1.0, 2.0, 2.5)], [-5.0, -0.5, 0.0, 0.5, 0.9])
    ),
    "lambertw": Special(
        lambda x, k, tolerance: mp.lambertw(x, int(k)),
        [(-0.3, 0, 1e-8), (0.0, 0, 1e-8), (1.0, 0, 1e-8), (1e10, 0, 1e-8), (-0.2, -1, 1e-8)],
    ),
    "wrightomega": Special(lambda x: mp.lambertw(mp.exp(x)), at(-50.0, -2.0, 0.0, 1.0, 50.0, 1e10)),
    "wright_bessel": Special(wright, [(0.5, 1.0, 0.5), (1.0, 1.5, 2.0), (1.5, 2.0, 10.0)]),
    "log_wright_bessel": Special(
        lambda a, b, x: mp.log(wright(a, b, x)),
        [(0.5, 1.0, 0.5), (1.0, 1.5, 2.0), (1.5, 2.0, 10.0)],
    ),
    # Elliptic integrals and functions.
    "carlson": Special(
        lambda *xs: carlson(*xs, powers=(0.5, 1.5, 0.5, 1.0), rise=0),
        [(1.0, 2.0, 3.0, 0.5), (1e-3, 1.0, 2.0, 3.0)],
        params={"powers": (0.5, 1.5, 0.5, 1.0), "rise": 0},
    ),
    "elliprc": Special(mp.elliprc, [(1.0, 2.0), (1e-4, 1.0), (1e6, 1.0), (2.0, 2.0001)]),
    "elliprf": Special(mp.elliprf, [(1.0, 1.5, 2.0), (1e-4, 1.0, 2.0), (1e6, 1.0, 2.0)]),
    "elliprd": Special(mp.elliprd, [(1.0, 1.5, 2.0), (1e-4, 1.0, 2.0), (1e6, 1.0, 2.0)]),
    "elliprg": Special(mp.elliprg, [(1.0, 1.5, 2.0), (1e-4, 1.0, 2.0), (1e6, 1.0, 2.0)]),
    "elliprj": Special(
        mp.elliprj, [(1.0, 2.0, 3.0, 1e-4), (1.0, 2.0, 3.0, 1.0), (1.0, 2.0, 3.0, 1e4)]
    ),
    "agm": Special(mp.agm, [(1e-3, 1.0), (1.5, 1.0), (1.0, 1.0), (50.0, 1.0)]),
    "ellipkinc": Special(mp.ellipf, over([(0.3,), (1.5,), (8.2,)], [1e-6, 0.3, 0.99])),
    "ellipeinc": Special(mp.ellipe, over([(0.3,), (1.5,), (8.2,)], [1e-6, 0.3, 0.99])),
    **dict(
        several(
            "ellipj",
            [lambda u, m, i=i: jacobi_functions(u, m)[i] for i in range(4)],
            over([(0.3,), (1.3,), (-4.0,)], [1e-6, 0.3, 0.9]),
        )
    ),
    # Orthogonal polynomials.
    "eval_chebyt": Special(mp.chebyt, over(DEGREES, UNIT)),
    "eval_chebyu": Special(mp.chebyu, over(DEGREES, UNIT)),
    "eval_chebyc": Special(lambda n, x: 2 * mp.chebyt(n, x / 2), over(DEGREES, UNIT)),
    "eval_chebys": Special(lambda n, x: mp.chebyu(n, x / 2), over(DEGREES, UNIT)),
    "eval_sh_chebyt": Special(shifted(mp.chebyt), over(DEGREES, [0.01, 0.3, 0.9])),
    "eval_sh_chebyu": Special(shifted(mp.chebyu), over(DEGREES, [0.01, 0.3, 0.9])),
    "eval_legendre": Special(mp.legendre, over(DEGREES, UNIT)),
    "eval_sh_legendre": Special(shifted(mp.legendre), over(DEGREES, [0.01, 0.3, 0.9])),
    "eval_gegenbauer": Special(mp.gegenbauer, over([(1, 0.75), (7, 0.75)], [-0.5, 0.1, 0.9])),
    "eval_jacobi": Special(mp.jacobi, over([(1, 0.5, 1.5), (7, 0.5, 1.5)], [-0.5, 0.1, 0.9])),
    "eval_sh_jacobi": Special(
        lambda n, p, q, x: mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n),
        over([(1, 2.5, 1.5), (7, 2.5, 1.5)], [0.1, 0.5, 0.9]),
    ),
    "eval_laguerre": Special(
        lambda n, x: mp.laguerre(n, 0, x), over(DEGREES[:4], [0.1, 1.5, 10.0])
    ),
    "eval_genlaguerre": Special(mp.laguerre, over([(1, 0.75), (7, 0.75)], [0.1, 1.0, 10.0])),
    "eval_hermite": Special(mp.hermite, over(DEGREES[:4], [-2.0, 0.1, 1.0, 5.0])),
    "eval_hermitenorm": Special(
        lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.mpf(2) ** (n / mp.mpf(2)),
        over(DEGREES[:4], [-2.0, 0.1, 1.0, 5.0]),
    ),
    "lpmv": Special(
        lambda m, n, x: mp.re(mp.legenp(n, m, x, type=2)),
        over([(0.0, 3.0), (1.0, 2.5), (2.0, 7.0)], [-0.9, 0.1, 0.5, 0.99]),
    ),
    "binom": Special(
        mp.binomial, [(5.0, 2.5), (5.0, 6.0), (5.0, 7.5), (5.0, -1.0), (40.0, 17.0), (2.5, 1.5)]
    ),
    **dict(
        several(
            "pbdv",
            [mp.pcfd, lambda v, x: mp.diff(lambda y: mp.pcfd(v, y), x)],
            over([(0.5,), (1.5,)], [-1.0, 0.1, 2.1, 5.0]),
        )
    ),
    **dict(
        several(
            "pbvv",
            [
                lambda v, x: mp.re(mp.pcfv(-v - mp.mpf(1) / 2, x)),
                lambda v, x: mp.diff(lambda y: mp.re(mp.pcfv(-v - mp.mpf(1) / 2, y)), x),
            ],
            over([(0.5,), (1.5,)], [0.5, 2.1, 3.0]),
        )
    ),
    **dict(
        several(
            "pbwa",
            [
                lambda a, x: mp.re(mp.pcfw(a, x)),
                lambda a, x: mp.diff(lambda y: mp.re(mp.pcfw(a, y)), x),
            ],
            over([(0.5,), (1.5,)], [-1.0, 0.1, 2.0]),
        )
    ),
}

EQUATIONS = "mpmath lacks them; SciPy returns their slopes, and their equations give the rest."

# Primitives of scipy.special with rules, but no row.
NO_ROW = (
    *("mathieu_cem", "mathieu_sem", "mathieu_modcem1", "mathieu_modcem2", "mathieu_modsem1"),
    *("mathieu_modsem2", "pro_ang1", "pro_rad1", "pro_rad2", "obl_ang1", "obl_rad1"),
    *("obl_rad2", "pro_ang1_cv", "pro_rad1_cv", "pro_rad2_cv", "obl_ang1_cv", "obl_rad1_cv"),
    "obl_rad2_cv",
)
