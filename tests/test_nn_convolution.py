"""functrans.nn: convolution against its definition, pooling against a loop over windows."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import nn
from functrans.testing import check_grads

Array = Any
rng = np.random.default_rng(0)


def by_definition(
    x: Array, w: Array, stride: int, padding: tuple[int, int], dilation: int, groups: int
) -> Array:
    """The sum over channels and kernel positions, one output element at a time."""
    x = np.pad(x, ((0, 0), (0, 0), padding, padding))
    outputs, channels = w.shape[0] // groups, w.shape[1]
    shapes = zip(x.shape[2:], w.shape[2:], strict=True)
    size = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in shapes]
    out = np.zeros((len(x), len(w), *size))
    for o, i, j in itertools.product(range(len(w)), *map(range, size)):
        first = o // outputs * channels
        for a, b in itertools.product(*map(range, w.shape[2:])):
            row, column = i * stride + a * dilation, j * stride + b * dilation
            out[:, o, i, j] += x[:, first : first + channels, row, column] @ w[o, :, a, b]
    return out


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("padding", "dilation"), [((0, 0), 1), ((2, 1), 1), ((1, 3), 2)])
def test_convolution_by_definition(
    groups: int, stride: int, padding: tuple[int, int], dilation: int
) -> None:
    x, w = rng.normal(size=(2, 4, 6, 5)), rng.normal(size=(6, 4 // groups, 3, 2))
    options: dict[str, Any] = {"stride": stride, "dilation": dilation, "groups": groups}
    found = nn.conv2d(x, w, padding=(padding, padding), **options)
    wanted = by_definition(x, w, stride, padding, dilation, groups)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_large_convolutions_are_done_in_parts() -> None:
    """Parts of the images and of their rows give the whole, in bounded memory."""
    x, w = rng.normal(size=(3, 8, 100, 90)), rng.normal(size=(4, 8, 5, 5))
    (whole, pull), pieces = ft.vjp(nn.conv2d, x, w), []
    for i in range(len(x)):
        value, pull_one = ft.vjp(nn.conv2d, x[i : i + 1, :, :60], w)
        np.testing.assert_allclose(whole[i : i + 1, :, :56], value, rtol=1e-11, atol=1e-11)
        pieces.append(pull_one)
    g = np.zeros(whole.shape)
    g[:, :, :56] = rng.normal(size=g[:, :, :56].shape)
    by_x, by_w = pull(g)
    parts = [p(g[i : i + 1, :, :56]) for i, p in enumerate(pieces)]
    for i, (part, _) in enumerate(parts):
        np.testing.assert_allclose(by_x[i : i + 1, :, :60], part, rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(by_w, sum(p for _, p in parts), rtol=1e-10, atol=1e-10)

    images = rng.normal(size=(64, 16, 32, 32)).astype(np.float32)
    tracemalloc.start()
    try:
        nn.conv2d(images, np.ones((16, 16, 5, 5), np.float32), padding="same")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The patches of all images would take 25 times the memory of the images.
    assert peak < 4 * images.nbytes


def test_derivatives_of_layers() -> None:
    x, w, b = rng.normal(size=(1, 2, 4, 3)), rng.normal(size=(2, 1, 2, 2)), rng.normal(size=2)
    check_grads(lambda x, w, b: nn.conv2d(x, w, b, groups=2, stride=2) ** 2, (x, w, b))
    check_grads(
        lambda x, w, b: nn.conv_transpose2d(x, w, b, groups=2, stride=2, output_padding=1) ** 2,
        (x, w, b),
    )
    check_grads(lambda x, w, b: nn.linear(x, w, b) ** 2, (x, rng.normal(size=(2, 3)), b))
    for f in (
        lambda x: nn.max_pool2d(x, 2, 1),
        lambda x: nn.avg_pool2d(x, 2, padding=1, ceil_mode=True),
        lambda x: nn.adaptive_avg_pool2d(x, (3, 2)),
        lambda x: nn.adaptive_max_pool2d(x, (3, 2)),
        lambda x: nn.unfold(x, 2),
    ):
        check_grads(lambda x, f=f: f(x) ** 2, (x,))


def test_per_example_gradients() -> None:
    x, w = rng.normal(size=(3, 2, 5)), rng.normal(size=(4, 2, 3))

    def loss(w: Array, x: Array) -> Array:
        return np.sum(np.tanh(nn.max_pool1d(nn.conv1d(x, w, padding=1), 2)))

    each = ft.vmap(ft.grad(loss), in_axes=(None, 0))(w, x)
    for i in range(3):
        np.testing.assert_allclose(each[i], ft.grad(loss)(w, x[i]), rtol=1e-12)


def test_a_convolution_and_its_transpose() -> None:
    """The transposed layer is the transpose, with `output_padding` for what strides drop."""
    x, w = rng.normal(size=(2, 3, 8)), rng.normal(size=(4, 3, 3))
    y = rng.normal(size=nn.conv1d(x, w, stride=2, padding=1).shape)
    back = nn.conv_transpose1d(y, w, stride=2, padding=1, output_padding=1)
    assert back.shape == x.shape
    np.testing.assert_allclose(
        np.vdot(back, x), np.vdot(y, nn.conv1d(x, w, stride=2, padding=1)), rtol=1e-12
    )
    np.testing.assert_allclose(
        np.vdot(nn.fold(nn.unfold(x[:, :, None], (1, 3)), (1, 8), (1, 3)), x[:, :, None]),
        np.sum(nn.unfold(x[:, :, None], (1, 3)) ** 2),
        rtol=1e-12,
    )


def test_max_pooling_chooses_the_first() -> None:
    x = np.array([[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
    assert ft.grad(lambda x: np.sum(nn.max_pool2d(x, 2, 1)))(x).tolist() == [[[1, 1, 0], [0, 0, 0]]]
    value, places = nn.max_pool1d(np.array([0.0, np.nan, 5.0, -np.inf]), 2, return_indices=True)
    assert np.isnan(value[0]) and value[1] == 5.0 and places.tolist() == [1, 2]
    at = np.array([0.0, 4.0, 0.0, 9.0])
    gradient = ft.grad(lambda x: np.sum(nn.max_pool1d(np.sqrt(x), 2)))(at)
    assert gradient.tolist() == [0.0, 0.25, 0.0, 1 / 6]
    third = ft.grad(lambda x: ft.grad(lambda x: np.sum(nn.max_pool1d(x, 2) ** 3))(x)[1])(at)
    assert third.tolist() == [0.0, 24.0, 0.0, 0.0]


def test_dtypes() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        x = np.ones((1, 2, 4, 4), dtype)
        for out in (
            nn.conv2d(x, np.ones((1, 2, 2, 2), dtype)),
            nn.conv_transpose2d(x, np.ones((2, 1, 2, 2), dtype)),
            nn.max_pool2d(x, 2),
            nn.avg_pool2d(x, 2, padding=1, count_include_pad=False),
            nn.adaptive_avg_pool2d(x, 3),
        ):
            assert out.dtype == dtype


x2, w2 = np.ones((1, 2, 4, 4)), np.ones((2, 2, 3, 3))
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.conv2d(np.ones((2, 2)), w2), ValueError, r"\(n, channels, h, w\)"),
    (lambda: nn.conv2d(x2, np.ones((2, 3, 3, 3))), ValueError, "has 2 channels .* takes 3"),
    (lambda: nn.conv2d(x2, w2[:, :1], groups=0), ValueError, "at least 1"),
    (lambda: nn.conv2d(x2, np.ones((3, 1, 3, 3)), groups=2), ValueError, "multiple of groups"),
    (lambda: nn.conv2d(x2, w2, dilation=2), ValueError, "reaches over 5 elements"),
    (lambda: nn.conv2d(x2, w2, padding="same", stride=2), ValueError, "needs stride 1"),
    (lambda: nn.conv2d(x2, w2, padding="full"), ValueError, "'same' or 'valid'"),
    (lambda: nn.conv2d(x2, w2, padding=-1), ValueError, "at least 0"),
    (lambda: nn.conv2d(x2, w2, padding=((1, 1),)), ValueError, "a pair for each of 2"),
    (lambda: nn.conv2d(x2, w2, stride=1.5), TypeError, "integer or 2 of them"),
    (lambda: nn.conv2d(x2, w2, stride=(1, 1, 1)), ValueError, "integer or 2 of them"),
    (lambda: nn.conv2d(x2, w2, np.ones(3)), ValueError, "bias has shape"),
    (lambda: nn.conv_transpose2d(x2, np.ones((3, 1, 2, 2))), ValueError, "has 2 channels"),
    (lambda: nn.conv_transpose2d(x2, w2, output_padding=1), ValueError, "less than stride"),
    (lambda: nn.conv_transpose2d(x2, w2, padding=5), ValueError, "takes away too much"),
    (lambda: nn.linear(x2, np.ones((2, 3))), ValueError, "does not fit"),
    (lambda: nn.max_pool2d(x2, 2, padding=2), ValueError, "at most half"),
    (lambda: nn.max_pool2d(x2, 5), ValueError, "reaches over 5"),
    (lambda: nn.max_pool2d(np.ones(3), 2), ValueError, "at least 2 axes"),
    (lambda: nn.max_pool1d(np.ones(1), 2, 1, 2, 3), ValueError, "padding only"),
    (lambda: nn.avg_pool2d(x2, 2, divisor_override=0), ValueError, "must not be 0"),
    (lambda: nn.adaptive_avg_pool2d(x2, (1, 2, 3)), ValueError, "2 entries"),
    (lambda: nn.fold(np.ones((4, 3)), (2, 3), 2), ValueError, "2 patches"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()
