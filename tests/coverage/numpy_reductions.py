"""Reductions, cumulative functions and statistics of numpy."""

from __future__ import annotations

from tests.coverage.rows import Row, works, zero

PLACE = "a position"
TRUTH = "true or false"

ROWS: dict[str, Row] = {
    "sum": works(
        {
            "np.sum(x)": "s v A i b",
            "np.sum(x, axis=0)": "A C z",
            "np.sum(x, axis=(0, -1), keepdims=True)": "C",
            "np.sum(x, 1, initial=2.0, where=np.array([True, False, True, True]))": "A",
            "np.sum(x, dtype=np.float32)": "A",
        }
    ),
    "prod": works(
        {
            "np.prod(x, axis=1, keepdims=True)": "A",
            "np.prod(x, axis=1)": "A Z",
            "np.prod(x, initial=3.0, where=x > 0)": "A",
            "np.prod(x, axis=(0, 1), dtype=complex)": "A",
        }
    ),
    "max": works(
        {
            "np.max(x, axis=1, where=[True, False, True, True], initial=-9.0)": "A",
            "np.max(x)": "v",
            "np.max(x, axis=1, keepdims=True)": "A",
            "np.max(x[:0], initial=1.5) + x": "v",
            "np.max(x + 0 * y, initial=y)": "v t",
        }
    ),
    "amax": works(
        {
            "np.amax(x, axis=1, keepdims=True, where=[True, False, True, True], initial=-9.0)": "A",
            "np.amax(x, 0, initial=0.1)": "A",
        }
    ),
    "min": works(
        {
            "np.min(x, axis=1, keepdims=True)": "A",
            "np.min(x, axis=(0, 1), where=x > 0, initial=9.0)": "C",
        }
    ),
    "amin": works(
        {
            "np.amin(x, axis=1, keepdims=True, where=[True, False, True, True], initial=9.0)": "A",
            "np.amin(x, axis=-1)": "A",
        }
    ),
    "ptp": works({"np.ptp(x, axis=0)": "A", "np.ptp(x, axis=(0, 2), keepdims=True)": "C"}),
    "mean": works(
        {
            "np.mean(x)": "v A z i",
            "np.mean(x, axis=(1,), keepdims=True)": "A",
            "np.mean(x, axis=0, where=np.array([[True], [False], [True]]))": "A",
            "np.mean(x, dtype=np.float32)": "A",
        }
    ),
    "var": works(
        {
            "np.var(x, dtype=np.float32)": "A",
            "np.var(x, axis=(0, 2))": "C",
            "np.var(x)": "v z",
            "np.var(x, axis=1, ddof=1, keepdims=True)": "A",
            "np.var(x, axis=0, correction=0.5)": "A",
            "np.var(x, axis=1, where=np.array([True, True, False, True]))": "A",
            "np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))": "A",
        }
    ),
    "std": works(
        {
            "np.std(x, dtype=np.float32)": "A",
            "np.std(x, correction=0.5)": "z",
            "np.std(x, axis=0)": "A Z",
            "np.std(x, 1, ddof=1, keepdims=True)": "A",
            "np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True), where=x < 1.5)": "A",
        }
    ),
    "any": zero(
        TRUTH,
        {
            "np.any(x, where=x > 0)": "A",
            "np.any(x > 1.5, axis=0)": "A",
            "np.any(x, keepdims=True)": "A b",
        },
    ),
    "all": zero(
        TRUTH,
        {"np.all(x > 0, axis=1, keepdims=True)": "A", "np.all(x, where=x > 0)": "A"},
    ),
    "count_nonzero": zero(
        "a number of elements",
        {
            "np.count_nonzero(x, axis=(0, 1), keepdims=True)": "A",
            "np.count_nonzero(x > 0, axis=1)": "A",
            "np.count_nonzero(x)": "A n",
        },
    ),
    "argmax": zero(
        PLACE,
        {
            "np.argmax(x)": "A",
            "np.argmax(x, axis=1)": "A",
            "np.argmax(x, axis=0, keepdims=True)": "A",
        },
    ),
    "argmin": zero(
        PLACE,
        {"np.argmin(x, axis=1)": "A", "np.argmin(x)": "A", "np.argmin(x, keepdims=True)": "A"},
    ),
    "nanargmax": zero(
        PLACE,
        {
            "np.nanargmax(x, axis=0, keepdims=True)": "N",
            "np.nanargmax(x, axis=1)": "N",
            "np.nanargmax(x)": "N",
        },
    ),
    "nanargmin": zero(
        PLACE,
        {
            "np.nanargmin(x, axis=1)": "N",
            "np.nanargmin(x)": "N",
            "np.nanargmin(x, 0, keepdims=True)": "N",
        },
    ),
    "cumsum": works(
        {"np.cumsum(x)": "v A i", "np.cumsum(x, axis=1)": "A Z", "np.cumsum(x, dtype=complex)": "v"}
    ),
    "cumprod": works(
        {
            "np.cumprod(x, dtype=np.float32)": "v",
            "np.cumprod(x)": "v A",
            "np.cumprod(x, axis=0)": "A Z",
        }
    ),
    "cumulative_sum": works(
        {
            "np.cumulative_sum(x, axis=1, include_initial=True)": "A",
            "np.cumulative_sum(x, dtype=np.float32)": "v",
        }
    ),
    "cumulative_prod": works(
        {
            "np.cumulative_prod(x, dtype=complex)": "v",
            "np.cumulative_prod(x)": "v",
            "np.cumulative_prod(x, axis=0, include_initial=True)": "A Z",
        }
    ),
    "average": works(
        {
            "np.average(x)": "A",
            "np.average(x, axis=1, weights=np.array([1.0, 2.0, 3.0, 4.0]))": "A Z[:,[0,1,2,0]]",
            "np.average(x, weights=y, returned=True)": "P P",
            "np.average(x, axis=0, weights=y, keepdims=True)": "A u",
            "np.average(x, axis=(0, 1), weights=[[1.0, 2.0, 4.0], [1.0, 1.0, 3.0]])": "C",
            "np.average(x, axis=1, returned=True)": "A",
        }
    ),
    "median": works(
        {
            "np.median(x)": "v A i",
            "np.median(x, axis=1)": "A",
            "np.median(x, axis=(0, 2), keepdims=True)": "C",
            "np.median(x, axis=0, overwrite_input=True)": "A",
        }
    ),
    "quantile": works(
        {
            "np.quantile(x, 0.3)": "A",
            "np.quantile(x, [0.1, 0.75], axis=1)": "A",
            "np.quantile(x, np.array([[0.2], [0.9]]), axis=0, keepdims=True)": "A",
            "np.quantile(x, 0.3, axis=(0, 2))": "C",
            "np.quantile(x, 0.37, axis=1, method='hazen')": "A",
            "np.quantile(x, 0.37, method='weibull')": "v",
            "np.quantile(x, 0.4, method='median_unbiased')": "v",
            "np.quantile(x, 0.4, method='normal_unbiased')": "v",
            "np.quantile(x, 0.43, method='interpolated_inverted_cdf')": "v",
            "np.quantile(x, 0.37, axis=1, method='midpoint')": "A",
            "np.quantile(x, 0.37, axis=1, method='lower')": "A",
            "np.quantile(x, 0.37, axis=1, method='higher')": "A",
            "np.quantile(x, 0.4, axis=1, method='nearest')": "A",
            "np.quantile(x, [0.0, 0.33, 0.75, 1.0], axis=1, method='inverted_cdf')": "A",
            "np.quantile(x, [0.0, 0.33, 0.75], axis=1, method='averaged_inverted_cdf')": "A",
            "np.quantile(x, [0.0, 0.33, 0.75, 0.5], axis=1, method='closest_observation')": "A",
            "np.quantile(x, 0.4, weights=[1.0, 2, 0, 1, 3], method='inverted_cdf')": "v",
            "np.quantile(x, [0.2, 0.9], axis=1, weights=y, method='inverted_cdf')": "A P",
            "np.quantile(x, 0.6, axis=0, weights=[1, 1, 3], method='inverted_cdf')": "A",
            "np.quantile(x, y)": "v q A q",
            "np.quantile(x.astype(np.float32), 0.3)": "v",
        }
    ),
    "percentile": works(
        {
            "np.percentile(x, 35, axis=0, keepdims=True)": "A",
            "np.percentile(x, 30, axis=0)": "A",
            "np.percentile(x, y, method='hazen')": "v 30*q",
            "np.percentile(x, 40, weights=[1, 2, 0, 1, 3], method='inverted_cdf')": "v",
        }
    ),
    "cov": works(
        {
            "np.cov(x, y=y)": "A A2",
            "np.cov(x)": "A v Z",
            "np.cov(x, y, rowvar=False, ddof=0)": "A A2",
            "np.cov(x, aweights=np.array([1.0, 2.0, 1.0, 0.5]))": "A",
            "np.cov(x, fweights=[1, 2, 1, 3], aweights=[1.0, 2.0, 1.0, 0.5], bias=True)": "A",
            "np.cov(x, dtype=np.float32)": "A",
            "np.cov(x, aweights=y)": "A P[0]",
        }
    ),
    "corrcoef": works(
        {
            "np.corrcoef(x, dtype=np.float32)": "A",
            "np.corrcoef(x)": "A Z",
            "np.corrcoef(x, y)": "A A2",
            "np.corrcoef(x, rowvar=False)": "B",
        }
    ),
    "histogram": works(
        {
            "np.histogram([0.1, 0.4, 0.45, 0.9, 2.0], bins=3, range=(0, 1), weights=x)[0]": "v",
            "np.histogram([0.1, 0.4, 0.45, 0.9, 2.0], [0, 0.2, 0.5, 3], weights=x)": "v",
            "np.histogram([0.1, 0.4, 0.45, 0.9], bins=3, weights=x, density=True)[0]": "z.real**2",
            "np.histogram(x, bins=3)": "v A",
            "np.histogram(x, bins=[-1.0, 0.0, 1.0], density=True)": "A",
            "np.histogram(x, bins=2, weights=y)": "v w",
            "np.histogram(x, 3, density=True)": "v",
        },
        by_value={"np.histogram(x, bins='auto')": "A"},
    ),
    "histogram2d": works(
        {
            "np.histogram2d(x, y, 2, range=[(-2, 2), (-1, 1)], density=True)": "v w",
            "np.histogram2d(x, y, bins=[-2.0, 0, 1, 2])": "v w",
            "np.histogram2d([0.1, 0.4, 0.5, 0.9, 2], [1, 2, 3, 2, 1], 2, weights=x)": "v",
            "np.histogram2d([0, 1, 0, 1, 1], [1, 2, 3, 2, 1], [2, 3], weights=x)[0]": "v",
            "np.histogram2d(x, y, bins=3)": "v w",
        }
    ),
    "histogramdd": works(
        {
            "np.histogramdd(np.arange(10.0).reshape(5, 2) % 4, 2, weights=x)[0]": "v",
            "np.histogramdd(np.arange(5.0), [[0, 1, 2, 5]], weights=x, density=True)[0]": "p",
            "np.histogramdd(x, bins=2)": "A",
            "np.histogramdd(x, bins=2, range=[(-2, 2)] * 4, density=True)[0]": "A",
        }
    ),
    "histogram_bin_edges": works(
        {
            "np.histogram_bin_edges(x, bins=3)": "v A",
            "np.histogram_bin_edges(x, bins=3, range=(0, 1)) + 0 * x[0]": "v",
            "np.histogram_bin_edges(x, [0.0, 0.5, 2.0]) + 0 * x[0]": "v",
        },
        by_value={"np.histogram_bin_edges(x, 'fd')": "A"},
    ),
    "bincount": works(
        {
            "np.bincount(np.array([0, 2, 2, 4, 0]), x)": "v",
            "np.bincount([0, 2, 2, 4, 0], weights=x, minlength=7)": "v",
        },
        by_value={"np.bincount(x)": "n"},
    ),
    # without NaN
    "nansum": works(
        {
            "np.nansum(x, axis=1, initial=2.0, where=[True, False, True, True])": "N",
            "np.nansum(x, dtype=np.float32)": "N",
            "np.nansum(x, axis=0)": "N",
            "np.nansum(x, 1, keepdims=True)": "N Z",
        }
    ),
    "nanprod": works(
        {
            "np.nanprod(x, axis=1, keepdims=True, where=[True, False, True, True])": "N",
            "np.nanprod(x, dtype=np.float32)": "N",
            "np.nanprod(x, axis=1)": "N",
            "np.nanprod(x, initial=2.0)": "N",
        }
    ),
    "nanmean": works(
        {
            "np.nanmean(x, axis=1, keepdims=True, where=[True, False, True, True])": "N",
            "np.nanmean(x, dtype=np.float32)": "N",
            "np.nanmean(x, axis=0)": "N",
            "np.nanmean(x)": "N z i",
        }
    ),
    "nanmax": works(
        {
            "np.nanmax(x, 1, keepdims=True, where=[True, False, True, True], initial=-9.0)": "N",
            "np.nanmax(x, axis=1)": "N",
            "np.nanmax(x, initial=0.0)": "N",
        }
    ),
    "nanmin": works(
        {
            "np.nanmin(x, axis=1, where=[True, False, True, True], initial=9.0)": "N",
            "np.nanmin(x)": "N",
            "np.nanmin(x, 0, keepdims=True)": "N",
        }
    ),
    "nanvar": works(
        {
            "np.nanvar(x, axis=1, keepdims=True, where=[True, False, True, True])": "N",
            "np.nanvar(x, axis=0, correction=1)": "N",
            "np.nanvar(x, axis=1, mean=np.nanmean(x, axis=1, keepdims=True))": "N",
            "np.nanvar(x, dtype=np.float32)": "N",
            "np.nanvar(x, axis=0, ddof=1)": "N",
            "np.nanvar(x)": "N z",
        }
    ),
    "nanstd": works(
        {
            "np.nanstd(x, axis=1, ddof=1, where=[True, False, True, True])": "N",
            "np.nanstd(x, correction=0.5)": "N",
            "np.nanstd(x, axis=0, mean=np.nanmean(x, axis=0, keepdims=True))": "N",
            "np.nanstd(x, dtype=np.float32)": "N",
            "np.nanstd(x)": "N",
            "np.nanstd(x, axis=1, keepdims=True)": "N",
        }
    ),
    "nancumsum": works(
        {
            "np.nancumsum(x, dtype=np.float32)": "N",
            "np.nancumsum(x, axis=1)": "N",
            "np.nancumsum(x)": "N",
        }
    ),
    "nancumprod": works(
        {
            "np.nancumprod(x, dtype=np.float32)": "N",
            "np.nancumprod(x)": "N",
            "np.nancumprod(x, axis=0)": "N",
        }
    ),
    "nanmedian": works(
        {
            "np.nanmedian(x, axis=1)": "N",
            "np.nanmedian(x, axis=0, keepdims=True)": "N",
            "np.nanmedian(x)": "N v",
        }
    ),
    "nanquantile": works(
        {
            "np.nanquantile(x, [0.2, 0.45], axis=1)": "N",
            "np.nanquantile(x, 0.3, axis=0, keepdims=True)": "N",
            "np.nanquantile(x, 0.35, axis=1, method='inverted_cdf')": "N",
            "np.nanquantile(x, 0.35, axis=1, method='averaged_inverted_cdf')": "N",
            "np.nanquantile(x, 0.35, axis=1, method='closest_observation')": "N",
            "np.nanquantile(x, 0.35, axis=1, method='lower')": "N",
            "np.nanquantile(x, 0.35, axis=1, weights=y, method='inverted_cdf')": "N P",
        }
    ),
    "nanpercentile": works(
        {
            "np.nanpercentile(x, 35, axis=1, method='hazen', keepdims=True)": "N",
            "np.nanpercentile(x, 35, axis=1, weights=y, method='inverted_cdf')": "N P",
            "np.nanpercentile(x, 35)": "N",
            "np.nanpercentile(x, [20, 70], 0)": "N",
        }
    ),
}
