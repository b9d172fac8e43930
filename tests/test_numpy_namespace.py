"""NumPy functions on traced arrays: values, derivatives, batches and graphs of a table of calls."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import functrans as ft
import functrans.numpy as fnp
from functrans import tree
from functrans.testing import check_grads


def draw(*shape: int, seed: int = 0) -> Any:
    """Distinct numbers between -2 and 2, no two of them close."""
    count = int(np.prod(shape, dtype=int))
    order = np.random.default_rng(seed + 17 * len(shape)).permutation(count)
    jitter = np.random.default_rng(seed).uniform(-0.3, 0.3, count)
    numbers = np.asarray((order + 0.5 + jitter) / count * 4 - 2).reshape(shape)
    return numbers[()]


ARRAYS: dict[str, Any] = {
    "s": draw(),
    "v": draw(5),
    "w": draw(5, seed=1),
    "u": draw(3, seed=2),
    "A": draw(3, 4),
    "A2": draw(3, 4, seed=3),
    "B": draw(4, 3, seed=1),
    "Q": draw(3, 3, seed=2),
    "C": draw(2, 3, 4),
    "D": draw(2, 4, 3, seed=4),
    "q": np.array([0.21, 0.87]),
    "P": np.abs(draw(3, 4)) + 0.5,
    "z": draw(4) + 1j * draw(4, seed=5),
    "Z": draw(2, 3) + 1j * draw(2, 3, seed=5),
    "N": np.where(np.eye(3, 4, 1) > 0, np.nan, draw(3, 4)),
    "S": np.sort(draw(6)),
}

# Each call once for each name of arrays that it is given.
TABLE: dict[str, str] = {
    # reductions
    "np.sum(x)": "s v A",
    "np.sum(x, axis=0)": "A C z",
    "np.sum(x, axis=(0, -1), keepdims=True)": "C",
    "np.sum(x, 1, initial=2.0, where=np.array([True, False, True, True]))": "A",
    "np.sum(x, dtype=np.float32)": "A",
    "np.prod(x, axis=1)": "A",
    "np.prod(x, initial=3.0, where=x > 0)": "A",
    "np.max(x)": "v",
    "np.max(x, axis=1, keepdims=True)": "A",
    "np.amax(x, 0, initial=0.1)": "A",
    "np.min(x, axis=(0, 1), where=x > 0, initial=9.0)": "C",
    "np.amin(x, axis=-1)": "A",
    "np.max(x[:0], initial=1.5) + x": "v",
    "np.ptp(x, axis=0)": "A",
    "np.mean(x)": "v A z",
    "np.mean(x, axis=(1,), keepdims=True)": "A",
    "np.mean(x, axis=0, where=np.array([[True], [False], [True]]))": "A",
    "np.var(x)": "v z",
    "np.var(x, axis=1, ddof=1, keepdims=True)": "A",
    "np.var(x, axis=0, correction=0.5)": "A",
    "np.var(x, axis=1, where=np.array([True, True, False, True]))": "A",
    "np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))": "A",
    "np.std(x, axis=0)": "A Z",
    "np.std(x, 1, ddof=1, keepdims=True)": "A",
    "np.any(x > 1.5, axis=0) * x": "A",
    "np.all(x > 0, axis=1, keepdims=True) * x": "A",
    "np.all(x, where=x > 0) * x": "A",
    "np.count_nonzero(x > 0, axis=1)[:, None] * x": "A",
    "np.argmax(x, axis=1)[:, None] * x": "A",
    "np.argmin(x) * x": "A",
    "np.argmax(x, axis=0, keepdims=True) * x": "A",
    "np.argmin(x, keepdims=True) * x": "A",
    "np.cumsum(x)": "v A",
    "np.cumsum(x, axis=1)": "A",
    "np.cumprod(x, axis=0)": "A",
    "np.cumulative_sum(x, axis=1, include_initial=True)": "A",
    "np.cumulative_prod(x)": "v",
    "np.logaddexp.reduce(x)": "v A",
    "np.logaddexp.reduce(x, axis=1, keepdims=True)": "A",
    "fnp.logsumexp(x, axis=0)": "A",
    "np.average(x)": "A",
    "np.average(x, axis=1, weights=np.array([1.0, 2.0, 3.0, 4.0]))": "A",
    "np.average(x, weights=y, returned=True)": "P P",
    "np.median(x)": "v A",
    "np.median(x, axis=1)": "A",
    "np.median(x, axis=(0, 2), keepdims=True)": "C",
    "np.quantile(x, 0.3)": "A",
    "np.quantile(x, [0.1, 0.75], axis=1)": "A",
    "np.quantile(x, np.array([[0.2], [0.9]]), axis=0, keepdims=True)": "A",
    "np.quantile(x, 0.37, axis=1, method='hazen')": "A",
    "np.quantile(x, 0.37, method='weibull')": "v",
    "np.quantile(x, 0.4, method='median_unbiased')": "v",
    "np.quantile(x, 0.37, axis=1, method='midpoint')": "A",
    "np.quantile(x, 0.37, axis=1, method='lower')": "A",
    "np.quantile(x, 0.37, axis=1, method='higher')": "A",
    "np.quantile(x, 0.4, axis=1, method='nearest')": "A",
    "np.percentile(x, 30, axis=0)": "A",
    "np.quantile(x, y)": "v q A q",
    "np.quantile(x.astype(np.float32), 0.3)": "v",
    "np.cov(x)": "A v",
    "np.cov(x, y, rowvar=False, ddof=0)": "A A2",
    "np.cov(x, aweights=np.array([1.0, 2.0, 1.0, 0.5]))": "A",
    "np.corrcoef(x)": "A",
    "np.histogram(np.array([0.1, 0.4, 0.45, 0.9, 2.0]), bins=3, range=(0, 1), weights=x)[0]": "v",
    "np.bincount(np.array([0, 2, 2, 4, 0]), x)": "v",
    # reductions without NaN
    "np.nansum(x, axis=0)": "N",
    "np.nanprod(x, axis=1)": "N",
    "np.nanmean(x, axis=0)": "N",
    "np.nanmax(x, axis=1)": "N",
    "np.nanmin(x)": "N",
    "np.nanvar(x, axis=0, ddof=1)": "N",
    "np.nanstd(x)": "N",
    "np.nancumsum(x, axis=1)": "N",
    "np.nancumprod(x)": "N",
    "np.nanmedian(x, axis=1)": "N",
    "np.nanquantile(x, [0.2, 0.45], axis=1)": "N",
    "np.nanquantile(x, 0.3, axis=0, keepdims=True)": "N",
    "np.nanpercentile(x, 35)": "N",
    "np.nanmedian(x, axis=0, keepdims=True)": "N",
    "np.nanargmax(x, axis=1)[:, None] * np.nan_to_num(x)": "N",
    "np.nanargmin(x) * np.nan_to_num(x)": "N",
    # shapes
    "np.reshape(x, (4, -1))": "A",
    "np.reshape(x, -1, order='F')": "A",
    "np.reshape(x, (2, 6), 'F')": "A",
    "np.ravel(x)": "A",
    "np.ravel(x, 'F')": "A",
    "np.transpose(x)": "C",
    "np.transpose(x, (1, -1, 0))": "C",
    "np.permute_dims(x, [2, 0, 1])": "C",
    "np.matrix_transpose(x)": "C",
    "np.swapaxes(x, 0, -1)": "C",
    "np.moveaxis(x, 0, -1)": "C",
    "np.moveaxis(x, [0, 1], [-1, 0])": "C",
    "np.rollaxis(x, 2)": "C",
    "np.rollaxis(x, 0, 3)": "C",
    "np.squeeze(x[None, :, None])": "v",
    "np.squeeze(x[None, :, None], axis=-1)": "v",
    "np.expand_dims(x, (0, -1))": "v",
    "np.atleast_1d(x)": "s v",
    "np.atleast_2d(x, 1.0)[0]": "s v A",
    "np.atleast_3d(x)": "s v A C",
    "np.broadcast_to(x, (2, 3, 4))": "A",
    "np.broadcast_arrays(x, y[:, None], 1.0)": "v w",
    "np.flip(x)": "A",
    "np.flip(x, axis=(1, -1 - 1))": "A",
    "np.flipud(x)": "A",
    "np.fliplr(x)": "A",
    "np.rot90(x)": "A",
    "np.rot90(x, 2)": "A",
    "np.rot90(x, -1, axes=(1, 2))": "C",
    "np.roll(x, 2)": "v A",
    "np.roll(x, (1, -2), axis=(0, 1))": "A",
    "np.roll(x, 3, axis=(0, 0))": "v",
    "np.tile(x, 2)": "v A",
    "np.tile(x, (2, 1, 3))": "A",
    "np.tile(x, (2,))": "C",
    "np.repeat(x, 2)": "s A",
    "np.repeat(x, 3, axis=1)": "A",
    "np.repeat(x, [1, 0, 2], axis=0)": "A",
    "np.resize(x, (2, 4))": "v",
    "np.astype(x, np.float32)": "v",
    # joining and splitting
    "np.concatenate([x, y])": "v w",
    "np.concatenate((x, y), axis=None)": "A B",
    "np.concat([x, y, np.ones((3, 1))], axis=-1)": "A A2",
    "np.concatenate([x, np.ones(2, np.float32)], dtype=np.float32)": "v",
    "np.stack([x, y])": "v w",
    "np.stack([x, y, np.ones((3, 4))], axis=-1)": "A A2",
    "np.vstack([x, y])": "v w A A2",
    "np.hstack((x, y))": "v w A A2",
    "np.dstack([x, y])": "v w A A2",
    "np.column_stack([x, y])": "v w",
    "np.block([[x, y.T], [np.ones((1, 3)), np.zeros((1, 4))]])": "Q B",
    "np.block([x, 2.0, y])": "v w",
    "np.split(x, 2, axis=1)": "A",
    "np.split(x, [1, 3])": "v",
    "np.array_split(x, 3)": "v",
    "np.add.reduce(x, axis=0)": "s",
    "np.array_split(x, [2, 2, 9])": "v",
    "np.hsplit(x, 2)": "A",
    "np.hsplit(x, [1])": "v",
    "np.vsplit(x, 3)": "A",
    "np.dsplit(x, 2)": "C",
    "np.unstack(x, axis=1)": "A",
    "np.append(x, y)": "A B",
    "np.append(x, y, axis=0)": "A A2",
    "np.delete(x, 1)": "v",
    "np.delete(x, [0, 2], axis=1)": "A",
    "np.delete(x, slice(None, None, 2))": "v",
    "np.insert(x, 1, y)": "v u",
    "np.insert(x, [0, 3], 9.0)": "v",
    "np.insert(x, 2, y, axis=1)": "A u",
    "np.insert(x, [3, 0], y[:2], axis=0)": "A A2",
    "np.pad(x, 2)": "v A",
    "np.pad(x, ((1, 0), (2, 3)))": "A",
    "np.pad(x, 1, constant_values=((1.0, 2.0), (3.0, 4.0)))": "A",
    "np.pad(x, (2, 1), mode='edge')": "v A",
    "np.pad(x, 7, mode='reflect')": "v",
    "np.pad(x, ((3, 1), (2, 2)), mode='symmetric')": "A",
    "np.pad(x, 7, mode='wrap')": "v",
    "np.pad(x, 2, mode='maximum')": "A",
    "np.pad(x, 2, mode='minimum', stat_length=2)": "A",
    "np.pad(x, (2, 1), mode='mean')": "A",
    "np.pad(x, (3, 2), mode='linear_ramp', end_values=(1.0, -1.0))": "v A",
    # indexing
    "np.take(x, [0, 2, 0])": "v A",
    "np.lib.stride_tricks.sliding_window_view(x, 3)": "v",
    "np.lib.stride_tricks.sliding_window_view(x, (2, 3))": "A",
    "np.lib.stride_tricks.sliding_window_view(x, 2, axis=0)": "A z",
    "np.lib.stride_tricks.sliding_window_view(x, (2, 2, 0), axis=(-1, 1, 0))": "C",
    "x[np.unravel_index(np.argmax(x), x.shape)]": "A",
    "x[np.unravel_index(np.argmax(x, axis=0), x.shape, order='F')]": "A",
    "np.take(x, np.array([[1, -1]]), axis=1)": "A",
    "np.take(x, [7, -9], mode='wrap')": "v",
    "np.take(x, [7, -9], mode='clip')": "v",
    "np.take_along_axis(x, np.array([[0, 1, 1, 2]]), axis=0)": "A",
    "np.take_along_axis(x, np.argsort(x, axis=1), axis=1)": "A",
    "np.take_along_axis(x, np.array([3, 0]), None)": "A",
    "np.diag(x)": "v A",
    "np.diag(x, -1)": "v A",
    "np.diagflat(x, 1)": "Q",
    "np.diagonal(x, 1)": "A",
    "np.diagonal(x, -1, 2, 0)": "C",
    "np.trace(x)": "A",
    "np.trace(x, 1, axis1=1, axis2=2)": "C",
    "np.tril(x)": "A v",
    "np.triu(x, -1)": "C",
    "x[np.triu_indices_from(x, 1)]": "Q",
    "x[np.diag_indices_from(x)]": "Q",
    "np.compress([True, False, True], x, axis=0)": "A",
    "np.extract(np.eye(3, 4) > 0, x)": "A",
    "x[np.ix_([0, 2], [True, False, True, True])]": "A",
    "fnp.index_update(x, (slice(None), 1), y)": "A u",
    "fnp.index_add(x, [0, 2, 0], y)": "v u",
    "np.unwrap(3 * x)": "v",
    "np.unwrap(3 * x, axis=0, period=2.0)": "A",
    # choosing
    "np.where(x > 0, x, y)": "A A2",
    "np.where([True, False, True, True], x, 2.0)": "A",
    "np.select([x > 1, x < -1], [x * y, 3 * y], default=0.5)": "A A2",
    "fnp.select([x > 1, x < -1], [1.0, x], y)": "v w",
    "np.piecewise(x, [x < 0, x > 1], [lambda t: t * t, 5.0, np.exp])": "A",
    "np.piecewise(x, x < 0, [np.sin])": "v",
    "np.choose([2, 0, 1, 1, 2], [x, 2 * y, 3.0])": "v w",
    "np.choose(np.array([4, -1, 1, 3, 2]), [x, y], mode='wrap')": "v w",
    "np.choose(np.array([4, -1, 1, 3, 2]), [x, y], mode='clip')": "v w",
    "np.clip(x, -1.0, 1.0)": "A",
    "np.clip(x, None, y)": "v w",
    "np.clip(x, 0.3, None)": "v",
    "np.clip(x, min=-0.5, max=y)": "v w",
    "np.clip(x, None, None)": "v",
    "np.nan_to_num(x, nan=1.0)": "N",
    # sorting
    "np.sort(x)": "v A",
    "np.sort(x, axis=None)": "A",
    "np.sort(x, axis=0, kind='stable')": "A",
    "np.sort(x, stable=True)": "A",
    "np.sort(x, descending=True)": "v A",
    "np.argsort(x, axis=0, descending=True) * x": "A",
    "np.argsort(x) * x": "A",
    "np.partition(x, 2)": "v",
    "np.partition(x, (1, 3), axis=1)": "A",
    "np.argpartition(x, 0) [..., :1] * x": "A",
    "np.lexsort((x, np.zeros(5))) * x": "v",
    "np.searchsorted(y, x) * x": "v S",
    "np.searchsorted(x, 0.1, side='right') * x": "S",
    "np.digitize(x, [-1.0, 0.0, 1.0]) * x": "A",
    "np.digitize(x, [1.0, 0.0, -1.0], right=True) * x": "A",
    "np.unique(x)": "v A",
    # products
    "np.dot(x, y)": "v w A B",
    "np.dot(x, 2.0)": "A",
    "np.vdot(x, y)": "v w Z Z",
    "np.inner(x, y)": "v w A A2",
    "np.outer(x, y)": "v u A B",
    "np.kron(x, y)": "u v A B",
    "np.tensordot(x, y)": "A A2",
    "np.tensordot(x, y, axes=1)": "A B",
    "np.tensordot(x, y, axes=([1, 0], [2, 0]))": "C D",
    "np.einsum('ij,jk->ik', x, y)": "A B",
    "np.einsum('...ij,...jk', x, y)": "C D",
    "np.einsum('ij,jk,kl->il', x, y, x, optimize=True)": "A B",
    "np.einsum(x, [0, 1], y, [1, 2], [2, 0])": "A B",
    "np.einsum('ii', x)": "Q",
    "np.matmul(x, y)": "A B C D",
    "np.vecdot(x, y)": "A A2 Z Z",
    "np.cross(x, y)": "u u Q Q",
    "np.cross(x, y, axis=0)": "Q Q",
    "np.cross(x, y, axisa=0, axisc=0)": "Q Q",
    # differences and interpolation
    "np.diff(x)": "v A",
    "np.diff(x, 2, axis=0, prepend=0.0, append=y)": "A A2",
    "np.ediff1d(x, to_begin=1.0, to_end=y)": "v w",
    "np.gradient(x)": "v A",
    "np.gradient(x, 0.5, axis=1, edge_order=2)": "A",
    "np.gradient(x, y, edge_order=2)": "v v",
    "np.gradient(x, 2.0, np.array([0.0, 1.0, 3.0, 4.0]))": "A",
    "np.trapezoid(x)": "v",
    "np.trapezoid(x, y, axis=1)": "A A2",
    "np.trapezoid(x, dx=0.1, axis=0)": "A",
    "np.interp(x, y, y**2)": "v S",
    "np.interp(x, y, y**2, left=3.0, right=-1.0)": "v S",
    "np.interp(x, [0.2, 0.9, 0.6], [1.0, 2.0, 4.0], period=1.1)": "v",
    "np.convolve(x, y)": "v u u v",
    "np.convolve(x, y, 'same')": "v u S v",
    "np.convolve(x, y, mode='valid')": "v u",
    "np.correlate(x, y)": "v u u v",
    "np.correlate(x, y, 'same')": "v u z v",
    "np.correlate(x, y, 'full')": "v u z z",
    "np.polyval(x, y)": "u v",
    "np.polyadd(x, y)": "u v",
    "np.polysub(x, y)": "v u",
    "np.polymul(x, y)": "v u",
    "np.polyder(x)": "v",
    "np.polyfit(np.array([0.0, 1, 2, 4, 5]), x, 2)": "v",
    "np.polyfit(x, y, 1, w=[1, 2, 1, 1, 3])": "v w",
    "np.polyfit([0, 1, 3], x, 1, w=np.array([1.0, 2, 3]))": "A",
    "np.polyder(x, 2)": "v",
    "np.polyint(x, 2, k=[1.0, 2.0])": "v",
    "np.polyint(x)": "v",
    "np.poly(x)": "u",
    # parts and rounding
    "np.real(x)": "v z",
    "np.imag(x)": "z",
    "np.imag(x) + x": "v",
    "np.angle(x)": "z",
    "np.angle(x, deg=True)": "Z",
    "np.real_if_close(x)": "z",
    "np.round(x, 1) * x": "A",
    "np.around(x) * x": "v",
    "np.fix(x) * x": "v",
    "np.sinc(x)": "v",
    "np.iscomplex(x) * x": "z v",
    "np.isreal(x) * x": "z v",
    # questions
    "np.isclose(x, y, rtol=0.5) * x": "A A2",
    "np.isposinf(x) * x": "v",
    "np.isneginf(x) * x": "v",
    # creation
    "np.zeros_like(x) + x": "A",
    "np.ones_like(x, dtype=np.float32) * x": "A",
    "np.full_like(x, 2.0) * x": "A",
    "np.full_like(np.ones(3), 2.0, shape=(2,)) * x[:2]": "v",
    "np.full_like(x, np.sum(x))": "A",
    "np.empty_like(x) * 0.0 + x": "v",
    "np.copy(x)": "A",
    "np.linspace(x, y, 4)": "s s v w",
    "np.linspace(x, 1.0, 3, endpoint=False)": "v",
    "np.linspace(0.0, x, 5, axis=-1)": "v",
    "np.linspace(x, y, 1)": "v w",
    "np.linspace(x, 3.0, 4, retstep=True)": "s",
    "np.logspace(x, 1.0, 4, base=2.0)": "s v",
    "np.geomspace(x, 3.0, 4)": "P",
    "np.geomspace(x, 9.0, 3, endpoint=False)": "P",
    "np.meshgrid(x, y)": "v u",
    "np.meshgrid(x, y, x, indexing='ij', sparse=True)": "v u",
    "np.vander(x, 3)": "v",
    "np.vander(x, increasing=True)": "u",
    "fnp.array([x, [1.0, 2.0, 3.0], x * x])": "u",
    "fnp.array([[x, 1.0], [2.0, np.sin(x)]], ndmin=3)": "s",
    "fnp.asarray([x, 2.0], dtype=np.float32)": "s",
    "fnp.asarray(x)": "v",
    "fnp.full((2, 3), x)": "s u",
    # loops
    "np.apply_along_axis(lambda r: r * np.sum(r), 1, x)": "A",
    "np.apply_along_axis(np.sum, 0, x)": "A",
    "np.apply_over_axes(np.sum, x, [0, 2])": "C",
    # ufuncs beyond a call
    "np.add.reduce(x)": "A",
    "np.multiply.reduce(x, axis=(0, 1))": "A",
    "np.maximum.reduce(x, axis=1, keepdims=True)": "A",
    "np.minimum.reduce(x, axis=None)": "A",
    "np.logical_or.reduce(x > 1.5) * x": "A",
    "np.logical_and.reduce(x > -1, axis=1, keepdims=True) * x": "A",
    "np.add.accumulate(x, axis=1)": "A",
    "np.multiply.accumulate(x)": "A",
    "np.multiply.outer(x, y)": "A u",
    "np.subtract.outer(1.0, x)": "v",
    "np.divmod(x, 0.7)": "v",
    "np.modf(x)": "v",
    "np.frexp(x)[0]": "v",
    "np.add(x, y, dtype=np.float32)": "v w",
    "np.exp(x, dtype=np.float32)": "v",
    "np.multiply(x, [1.0, 2.0, 3.0, 4.0])": "A",
    "np.add(x, y, casting='safe')": "v w",
}

SINCE = {
    "np.clip(x, min=-0.5, max=y)": "2.1.0",
    "np.clip(x, None, None)": "2.1.0",
    "np.sort(x, descending=True)": "2.5.0",
    "np.argsort(x, axis=0, descending=True) * x": "2.5.0",
}
"""Arguments that older versions of NumPy do not take."""

DEPRECATED = {"np.fix(": pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")}

# What has no value to batch or to stage: it depends on the elements.
VALUE_DEPENDENT = ("np.unique(", "np.real_if_close(", "np.frexp(")


def cases() -> list[Any]:
    found = []
    for call, names in TABLE.items():
        if not all(hasattr(np, name) for name in re.findall(r"\bnp\.(\w+)", call)):
            continue  # younger than the installed NumPy
        if np.lib.NumpyVersion(np.__version__) < SINCE.get(call, "2.0.0"):
            continue
        marks = [m for name, m in DEPRECATED.items() if name in call]
        given = names.split()
        count = 2 if _names(call) >= {"y"} else 1
        for i in range(0, len(given), count):
            args = given[i : i + count]
            found.append(pytest.param(call, args, id=f"{call} {','.join(args)}", marks=marks))
    return found


def _names(call: str) -> set[str]:
    return set(compile(call, "call", "eval").co_names) | {
        name
        for const in compile(call, "call", "eval").co_consts
        if hasattr(const, "co_names")
        for name in const.co_names
    }


def function(call: str) -> Any:
    return eval(f"lambda x, y=None: {call}", {"np": np, "fnp": fnp})


def same(found: Any, expected: Any, exact: bool = True) -> None:
    """Equal structure, dtypes, shapes, and values up to rounding in the last places."""
    a, b = tree.leaves(found), tree.leaves(expected)
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        assert x.shape == y.shape
        if exact:
            assert x.dtype == y.dtype
        rtol = 1e-6 if y.dtype in (np.float32, np.complex64) else 1e-13
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol)


@pytest.mark.parametrize(("call", "names"), cases())
def test_value_is_numpys(call: str, names: list[str]) -> None:
    """Traced, in reverse or forward mode, a call gives what it gives on plain arrays."""
    f, args = function(call), [ARRAYS[n] for n in names]
    expected = f(*args)
    same(ft.vjp(f, *args)[0], expected)
    tangents = tuple(np.ones_like(a) for a in args)
    same(ft.jvp(f, tuple(args), tangents)[0], expected)


@pytest.mark.parametrize(("call", "names"), cases())
def test_derivative(call: str, names: list[str]) -> None:
    """Both modes agree with differences and with each other, and so do second derivatives."""
    f, args = function(call), [ARRAYS[n] for n in names]
    if any(np.isnan(a).any() for a in args):
        places = [np.isnan(a) for a in args]
        g = f
        f = lambda *xs: g(*[np.where(n, np.nan, x) for n, x in zip(places, xs, strict=True)])  # noqa: E731
        args = [np.nan_to_num(a, nan=0.25) for a in args]
    if "float32" in call:  # differences in single precision would be too coarse
        f = function(call.replace("float32", "float64"))
    check_grads(f, args)


@pytest.mark.parametrize(("call", "names"), cases())
def test_batch_is_a_loop(call: str, names: list[str]) -> None:
    """vmap gives what a Python loop over the lanes gives."""
    if call.startswith(VALUE_DEPENDENT):
        pytest.skip("the shape of the result depends on values")
    f, args = function(call), [ARRAYS[n] for n in names]
    batches = [np.stack([a, np.flip(a) if np.ndim(a) else -a]) for a in args]
    if "S" in names:
        batches = [np.stack([a, a + 0.05]) for a in args]
    if "P" in names or "q" in names:
        batches = [np.stack([a, a + 0.05]) for a in args]
    lanes = [f(*[b[i] for b in batches]) for i in range(2)]
    expected = tree.map(lambda *xs: np.stack(xs), *lanes)
    found = ft.vmap(f)(*batches)
    same(found, expected)


@pytest.mark.parametrize(("call", "names"), cases())
def test_graph_is_the_function(call: str, names: list[str]) -> None:
    """A staged call has the types and values of the call itself."""
    if call.startswith(VALUE_DEPENDENT):
        pytest.skip("the shape of the result depends on values")
    f, args = function(call), [ARRAYS[n] for n in names]
    expected = f(*args)
    same(ft.make_graph(f)(*args)(*args), expected)
    types = tree.map(lambda x: (np.shape(x), np.asarray(x).dtype), expected)
    found = tree.map(lambda t: (t.shape, t.dtype), ft.eval_shape(f, *args))
    assert tree.leaves(found) == tree.leaves(types)


@pytest.mark.parametrize("kind", ["single", "integer"])
@pytest.mark.parametrize(("call", "names"), cases())
def test_types_of_other_precisions(call: str, names: list[str], kind: str) -> None:
    """Single precision and small integers give the dtypes that NumPy gives."""
    if call.startswith(VALUE_DEPENDENT):
        pytest.skip("the shape of the result depends on values")
    if kind == "integer" and {"z", "Z", "N", "q"} & set(names):
        pytest.skip("complex numbers, NaN and fractions are no integers")
    if "geomspace" in call and kind == "integer":
        pytest.skip("powers between rounded ends can be 0")
    f = function(call)
    single = {"f": np.float32, "c": np.complex64}
    args = [ARRAYS[n] for n in names]
    args = [np.asarray(a) for a in args]
    args = [a.astype(single[a.dtype.kind] if kind == "single" else np.int16) for a in args]
    try:
        with np.errstate(all="ignore"):  # equal neighbours, once rounded
            expected = f(*args)
    except TypeError:  # NumPy does not take integers here
        return
    types = tree.map(lambda x: (np.shape(x), np.asarray(x).dtype), expected)
    found = tree.map(lambda t: (t.shape, t.dtype), ft.eval_shape(f, *args))
    assert tree.leaves(found) == tree.leaves(types)


def test_functions_of_types_and_positions() -> None:
    """Functions whose results carry no derivative are plain where the values are known."""
    x, n = ARRAYS["A"], np.array([3, 1, 3])
    plain = {
        "np.result_type(x, np.float32)": np.dtype(float),
        "np.result_type(x.astype(np.float32), 1.0)": np.dtype(np.float32),
        "np.can_cast(x, complex)": True,
        "np.common_type(x, np.ones(2, np.float32))": np.float64,
        "np.min_scalar_type(x)": np.dtype(float),
        "np.ndim(x)": 2,
        "np.einsum_path('ij,jk->ik', x, x.T)[0][0]": "einsum_path",
    }
    for call, expected in plain.items():
        seen: list[Any] = []
        ft.vjp(lambda x, call=call, seen=seen: seen.append(function(call)(x)) or x, x)
        assert seen == [expected], call
    calls = {
        "np.isin(x, [1, 2])": np.isin(n, [1, 2]),
        "np.unique(x, return_index=True, return_inverse=True, return_counts=True)": np.unique(
            n, return_index=True, return_inverse=True, return_counts=True
        ),
        "np.unique_values(x)": np.unique(n),
        "np.tril_indices_from(x[:, None] * x)": np.tril_indices(3),
        "np.argwhere(x > 1)": np.argwhere(n > 1),
        "np.array_equal(x, x, equal_nan=True)": True,
        "np.array_equiv(x, np.ones((2, 2)))": False,
        "np.isclose(x, [3, 1, 4])": np.isclose(n, [3, 1, 4]),
    }
    for call, expected in calls.items():
        f = function(call)
        values: list[Any] = []
        ft.vjp(lambda x, f=f, v=values: v.append(ft.stop_gradient(f(x))) or x, n * 1.0)
        same(ft.tree.leaves(values), ft.tree.leaves(expected), exact=False)


def test_the_fraction_at_whole_numbers() -> None:
    """modf is x minus a constant on either side of 0, and beside other whole numbers."""
    x = np.array([-2.0, -0.0, 0.0, 3.0, -np.inf, np.inf, 0.25])
    (fraction, whole), pull = ft.vjp(np.modf, x)
    for found, expected in zip((fraction, whole), np.modf(x), strict=True):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    (rate,) = pull((np.ones(7), np.ones(7)))
    np.testing.assert_array_equal(rate, [1, 1, 1, 1, 0, 0, 1])


def test_round_of_python() -> None:
    assert ft.grad(lambda x: x * round(x))(2.6) == 3
    assert ft.grad(lambda x: x * round(x, 1))(2.66) == 2.7
    with pytest.raises(ft.core.errors.ConversionError, match="round"):
        ft.vmap(lambda x: round(x))(np.array([2.6]))


@pytest.mark.parametrize("window", [(3,), (2, -1), (2, 5), (1, 1, 1)])
def test_windows_that_do_not_fit(window: tuple[int, ...]) -> None:
    for call in (ft.grad, lambda f: f):
        with pytest.raises(ValueError):
            call(lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(x, window)))(
                np.ones((3, 4))
            )


def test_polyfit_of_what_does_not_fit() -> None:
    x = np.arange(4.0)
    for args in ((x, x[:3], 1), (x, np.ones((4, 1, 1)), 1), (np.eye(4), x, 1), (x[:0], x[:0], 1)):
        with pytest.raises(TypeError):
            ft.vjp(lambda a, b, n=args[2]: np.polyfit(a, b, n), *args[:2])
    with pytest.raises(ValueError, match="deg"):
        ft.vjp(lambda a: np.polyfit(x, a, -1), x)
    with pytest.raises(TypeError, match="cov=True"):
        ft.vjp(lambda a: np.polyfit(x, a, 1, cov=True), x)
