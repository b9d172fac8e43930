"""Choosing, sorting, sets, products, differences, integrals, polynomials and parts in numpy."""

from __future__ import annotations

from tests.coverage.rows import Row, works, zero

STEP = "piecewise constant"
TRUTH = "true or false"
PLACES = "positions"

ROWS: dict[str, Row] = {
    # choosing
    "where": works(
        {
            "np.where(x > 0, x, y)": "A A2",
            "np.where([True, False, True, True], x, 2.0)": "A",
            "np.where(x, x, y)": "z z2",
        },
        by_value={"np.where(x > 0)[0] + 0 * x[0]": "v"},
    ),
    "select": works(
        {
            "np.select([x > 1, x < -1], [x * y, 3 * y], default=0.5)": "A A2",
            "fnp.select([x > 1, x < -1], [1.0, x], y)": "v w",
        }
    ),
    "piecewise": works(
        {
            "np.piecewise(x, [x < 0, x > 1], [lambda t: t * t, 5.0, np.exp])": "A",
            "np.piecewise(x, x < 0, [np.sin])": "v",
            "np.piecewise(x, [x < 0], [lambda t, a: a * t, lambda t, a: t], 3.0)": "v s",
        }
    ),
    "choose": works(
        {
            "np.choose([2, 0, 1, 1, 2], [x, 2 * y, 3.0])": "v w",
            "np.choose(np.array([4, -1, 1, 3, 2]), [x, y], mode='wrap')": "v w",
            "np.choose(np.array([4, -1, 1, 3, 2]), [x, y], mode='clip')": "v w",
        }
    ),
    "clip": works(
        {
            "np.clip(x, -1.0, 1.0)": "A",
            "np.clip(x, None, y)": "v w",
            "np.clip(x, 0.3, None)": "v",
            "np.clip(x, min=-0.5, max=y)": "v w",
            "np.clip(x, None, None)": "v",
            "np.clip(x, -1, 1, dtype=np.float32)": "v",
            "np.clip(x, y, 1.5)": "v w",
        }
    ),
    "nan_to_num": works(
        {
            "np.nan_to_num(x, nan=1.0)": "N Z",
            "np.nan_to_num(x + np.where(y > 1, np.inf, np.where(y < -1, np.nan, 0 * y)), "
            "nan=[1, 2, 3, 4], posinf=y, neginf=-y)": "A A2",
        }
    ),
    # sorting
    "sort": works(
        {
            "np.sort(x)": "v A z",
            "np.sort(x, axis=None)": "A",
            "np.sort(x, axis=0, kind='stable')": "A",
            "np.sort(x, stable=True)": "A",
            "np.sort(x, descending=True)": "A",
        }
    ),
    "sort_complex": works({"np.sort_complex(x)": "z v"}),
    "argsort": zero(
        PLACES,
        {
            "np.argsort(x)": "A",
            "np.argsort(x, 0, stable=True)": "A",
            "np.argsort(x, axis=0, descending=True)": "A",
        },
    ),
    "partition": works(
        {
            "np.partition(x, 2)": "v",
            "np.partition(x, (1, 3), axis=1)": "A",
            "np.partition(x, 1, None)": "A",
        }
    ),
    "argpartition": zero(
        PLACES, {"np.argpartition(x, 1, axis=0)[1:2]": "A", "np.argpartition(x, 0)[..., :1]": "A"}
    ),
    "lexsort": zero(PLACES, {"np.lexsort((x, np.zeros(5)))": "v", "np.lexsort(x, axis=0)": "A"}),
    "searchsorted": zero(
        PLACES,
        {
            "np.searchsorted(y, x)": "v S",
            "np.searchsorted(x, 0.1, side='right')": "S",
            "np.searchsorted(x[::-1], y, sorter=np.arange(6)[::-1])": "S v",
        },
    ),
    "digitize": zero(
        PLACES,
        {
            "np.digitize(x, [-1.0, 0.0, 1.0])": "A",
            "np.digitize(x, [1.0, 0.0, -1.0], right=True)": "A",
        },
    ),
    # sets, whose elements are those of the argument
    "unique": works(
        {},
        by_value={
            "np.unique(x)": "v A",
            "np.unique(np.concatenate([x, x[:2]]), True, True, True)": "v",
            "np.unique(x, axis=1)": "A",
            "np.unique(x, equal_nan=False)": "v",
        },
    ),
    "unique_all": works({}, by_value={"np.unique_all(np.concatenate([x, x]))": "v A"}),
    "unique_counts": works({}, by_value={"np.unique_counts(np.concatenate([x, x]))": "v"}),
    "unique_inverse": works({}, by_value={"np.unique_inverse(np.concatenate([x, x]))": "v A"}),
    "unique_values": works({}, by_value={"np.sort(np.unique_values(np.append(x, x)))": "v"}),
    "union1d": works({}, by_value={"np.union1d(x, np.concatenate([y, x[:2]]))": "v w"}),
    "intersect1d": works(
        {},
        by_value={
            "np.intersect1d(x, np.concatenate([y, x[1:3]]))": "v w",
            "np.intersect1d(x, x[[3, 0]], return_indices=True)": "v",
            "np.intersect1d(x, x[[3, 0]], assume_unique=True)": "v",
        },
    ),
    "setdiff1d": works(
        {},
        by_value={
            "np.setdiff1d(x, x[1:3])": "v",
            "np.setdiff1d(x, y, assume_unique=True)": "v w",
        },
    ),
    "setxor1d": works(
        {},
        by_value={
            "np.setxor1d(x, np.concatenate([y, x[:2]]))": "v w",
            "np.setxor1d(x, y, assume_unique=True)": "v w",
        },
    ),
    "isin": zero(
        TRUTH,
        {
            "np.isin(x, [3, 1], assume_unique=True)": "v",
            "np.isin(x, [1, 2])": "n v",
            "np.isin(x, y, invert=True)": "n m A v",
            "np.isin(x, [1, 2], kind='table')": "n",
        },
    ),
    "in1d": zero(TRUTH, {"np.in1d(x, [1, 2])": "n A"}),
    # products
    "dot": works({"np.dot(x, y)": "v w A B z z2 C v[:4]", "np.dot(x, 2.0)": "A"}),
    "vdot": works({"np.vdot(x, y)": "v w Z Z"}),
    "inner": works({"np.inner(x, y)": "v w A A2 z z2", "np.inner(x, 2.0)": "A"}),
    "outer": works({"np.outer(x, y)": "v u A B z z2"}),
    "kron": works({"np.kron(x, y)": "u v A B u A"}),
    "tensordot": works(
        {
            "np.tensordot(x, y)": "A A2",
            "np.tensordot(x, y, axes=1)": "A B",
            "np.tensordot(x, y, axes=0)": "u v",
            "np.tensordot(x, y, axes=([1, 0], [2, 0]))": "C D",
        }
    ),
    "einsum": works(
        {
            "np.einsum('ij,jk->ik', x, y)": "A B",
            "np.einsum('...ij,...jk', x, y)": "C D",
            "np.einsum('ij,jk,kl->il', x, y, x, optimize=True)": "A B",
            "np.einsum(x, [0, 1], y, [1, 2], [2, 0])": "A B",
            "np.einsum('ii', x)": "Q",
            "np.einsum('ii->i', x)": "Q R",
            "np.einsum('i,j', x, y, dtype=complex)": "u v",
            "np.einsum('i,i', x, np.conj(y))": "z z2",
        }
    ),
    "einsum_path": zero(
        "an order of contractions",
        {
            "np.einsum_path('ij,jk->ik', x, x.T, optimize='optimal')[0][1:]": "A",
            "np.einsum_path('ij,jk->ik', x, x.T)[0][1:]": "A",
        },
    ),
    "cross": works(
        {
            "np.cross(x, y, axisb=0)": "Q Q",
            "np.cross(x, y)": "u u Q Q",
            "np.cross(x, y, axis=0)": "Q Q",
            "np.cross(x, y, axisa=0, axisc=0)": "Q Q",
        }
    ),
    # differences and integrals
    "diff": works(
        {
            "np.diff(x, n=3, axis=0)": "C[:,:,0].T",
            "np.diff(x)": "v A z b",
            "np.diff(x, 2, axis=0, prepend=0.0, append=y)": "A A2",
            "np.diff(x, 0)": "v",
        }
    ),
    "ediff1d": works({"np.ediff1d(x)": "A", "np.ediff1d(x, to_begin=1.0, to_end=y)": "v w"}),
    "gradient": works(
        {
            "np.gradient(x)": "v A z",
            "np.gradient(x, 0.5, axis=1, edge_order=2)": "A",
            "np.gradient(x, y, edge_order=2)": "v v",
            "np.gradient(x, 2.0, np.array([0.0, 1.0, 3.0, 4.0]))": "A",
            "np.gradient(x, y, axis=0)": "v t",
        }
    ),
    "trapezoid": works(
        {
            "np.trapezoid(x, x=[0, 1, 3, 4])": "A",
            "np.trapezoid(x)": "v",
            "np.trapezoid(x, y, axis=1)": "A A2 A z.real",
            "np.trapezoid(x, dx=0.1, axis=0)": "A Z",
        }
    ),
    "trapz": works({"np.trapz(x, axis=0)": "A"}),
    "interp": works(
        {
            "np.interp(x, y, y**2)": "v S",
            "np.interp(x, y, z)": "v S S[::-1]",
            "np.interp(x, y, y**2, left=3.0, right=-1.0)": "v S",
            "np.interp(x, [0.2, 0.9, 0.6], [1.0, 2.0, 4.0], period=1.1)": "v",
            "np.interp(x, [-1.0, 1.0], y)": "v z[:2]",
            "np.interp(0.3, x, y)": "S S",
        }
    ),
    "convolve": works(
        {
            "np.convolve(x, y)": "v u u v z v",
            "np.convolve(x, y, 'same')": "v u S v",
            "np.convolve(x, y, mode='valid')": "v u",
        }
    ),
    "correlate": works(
        {
            "np.correlate(x, y)": "v u u v",
            "np.correlate(x, y, 'same')": "v u z v",
            "np.correlate(x, y, 'full')": "v u z z",
        }
    ),
    "unwrap": works(
        {
            "np.unwrap(x.astype(np.float32) * 3)": "v",
            "np.unwrap(3 * x)": "v",
            "np.unwrap(3 * x, axis=0, period=2.0)": "A",
            "np.unwrap(3 * x, discont=4.0)": "v",
        }
    ),
    # polynomials
    "polyval": works({"np.polyval(x, y)": "u v z u", "np.polyval([1, 2, 3], x)": "A"}),
    "polyadd": works({"np.polyadd(x, y)": "u v"}),
    "polysub": works({"np.polysub(x, y)": "v u"}),
    "polymul": works({"np.polymul(x, y)": "v u z v"}),
    "polydiv": works({}, by_value={"np.polydiv(x, y)": "v u u v z u", "np.polydiv(x, 2.0)": "v"}),
    "polyder": works(
        {
            "np.polyder(x, m=3)": "v",
            "np.polyder(x, 9) + x[0]": "v",
            "np.polyder(x, 0)": "v",
            "np.polyder(x)": "v",
            "np.polyder(x, 2)": "v",
        }
    ),
    "polyfit": works(
        {
            "np.polyfit(x, y, 2, rcond=0.2)": "v w",
            "np.polyfit(np.array([0.0, 1, 2, 4, 5]), x, 2)": "v",
            "np.polyfit(x, y, 1, w=[1, 2, 1, 1, 3])": "v w",
            "np.polyfit([0, 1, 3], x, 1, w=np.array([1.0, 2, 3]))": "A",
            "np.polyfit(x, y, 1, cov=True)": "v w",
            "np.polyfit(x, y, 1, cov='unscaled')": "v w",
            "np.polyfit(x, y, 2, full=True)[0]": "v w",
        }
    ),
    "polyint": works(
        {"np.polyint(x, m=2)": "v z", "np.polyint(x, 2, k=[1.0, 2.0])": "v", "np.polyint(x)": "v"}
    ),
    "poly": works({"np.poly(x)": "u"}, by_value={"np.poly(x)": "z G[0]"}),
    "roots": works({}, by_value={"np.roots(x)": "v z", "np.roots([0, 1, *x, 0])": "u"}),
    # parts and rounding
    "real": works({"np.real(x)": "v z"}),
    "imag": works({"np.imag(x)": "z", "np.imag(x) + x": "v"}),
    "angle": works({"np.angle(x)": "z", "np.angle(x, deg=True)": "Z"}),
    "real_if_close": works(
        {}, by_value={"np.real_if_close(x)": "z", "np.real_if_close(x + 0j)": "v"}
    ),
    "round": zero(STEP, {"np.round(x, 1)": "A z", "np.round(x)": "v"}),
    "around": zero(STEP, {"np.around(x, decimals=2)": "v", "np.around(x)": "v"}),
    "fix": zero(STEP, {"np.fix(x)": "v"}),
    "sinc": works({"np.sinc(x)": "v z"}),
    "i0": works({"np.i0(x)": "v", "np.i0(9 * x)": "A s"}),
    # questions
    "iscomplex": zero(TRUTH, {"np.iscomplex(x)": "z v"}),
    "isreal": zero(TRUTH, {"np.isreal(x)": "z v"}),
    "isclose": zero(
        TRUTH,
        {
            "np.isclose(x, y, atol=0.5, equal_nan=True)": "A A2",
            "np.isclose(x, y, rtol=0.5)": "A A2",
            "np.isclose(x, [3, 1, 4, 0, 1])": "n",
        },
    ),
    "isposinf": zero(TRUTH, {"np.isposinf(x)": "v"}),
    "isneginf": zero(TRUTH, {"np.isneginf(x)": "v"}),
    "allclose": zero(
        TRUTH,
        {},
        by_value={
            "np.allclose(x, y, rtol=0.5, equal_nan=True)": "A A2",
            "np.allclose(x, y, atol=9.0)": "A A2",
        },
    ),
    "array_equal": zero(TRUTH, {}, by_value={"np.array_equal(x, x, equal_nan=True)": "A N"}),
    "array_equiv": zero(TRUTH, {}, by_value={"np.array_equiv(x, y)": "A A2"}),
}
