"""functrans.nn: normalisation, recurrent networks, attention, resampling and first values."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans as ft
from functrans import nn
from functrans.testing import check_grads

rng = np.random.default_rng(0)
x = rng.normal(size=(3, 4, 2))
w, b = rng.normal(size=4), rng.normal(size=4)


def test_derivatives_of_normalizations() -> None:
    for f in (
        lambda x, w, b: nn.batch_norm(x, None, None, w, b, training=True)[0],
        lambda x, w, b: nn.batch_norm(x, np.ones(4), np.ones(4), w, b)[0],
        lambda x, w, b: nn.instance_norm(x, None, None, w, b)[0],
        lambda x, w, b: nn.group_norm(x, 2, w, b),
        lambda x, w, b: nn.layer_norm(np.moveaxis(x, 1, 2), 4, w, b),
        lambda x, w, b: nn.rms_norm(np.moveaxis(x, 1, 2), 4, w) + b,
    ):
        check_grads(f, (x, w, b))


def test_statistics_of_batches_are_constants() -> None:
    def mean(x: Any) -> Any:
        return np.sum(nn.batch_norm(x, np.zeros(4), np.ones(4), training=True)[1][0])

    assert not ft.grad(mean)(x).any()
    out, (mean_, var) = nn.batch_norm(x, np.zeros(4), np.ones(4), training=True, momentum=1.0)
    np.testing.assert_allclose(mean_, x.mean(axis=(0, 2)), rtol=1e-12)
    np.testing.assert_allclose(var, x.var(axis=(0, 2), ddof=1), rtol=1e-12)
    np.testing.assert_allclose(out.mean(axis=(0, 2)), 0, atol=1e-12)
    single = nn.batch_norm(x.astype(np.float32), np.zeros(4, "f4"), np.ones(4, "f4"), training=True)
    assert single[0].dtype == single[1][0].dtype == single[1][1].dtype == np.float32


def test_dropout() -> None:
    ones = np.ones((200, 200))
    out = nn.dropout(ones, 0.3, np.random.default_rng(1))
    assert set(np.unique(out)) == {0.0, 1 / 0.7}
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert nn.dropout(ones, 0.3, training=False) is ones
    assert not nn.dropout(ones, 1.0, np.random.default_rng(1)).any()
    with np.errstate(divide="ignore"):
        slope = ft.grad(
            lambda v: np.sum(np.log(nn.dropout(v, 0.5, np.random.default_rng(0)) + 1e-300))
        )(np.ones(4))
    assert set(slope) == {0.0, 1.0}
    channels = nn.feature_dropout(np.ones((4, 50, 3)), 0.5, np.random.default_rng(1))
    assert (channels == channels[..., :1]).all() and 0.3 < (channels > 0).mean() < 0.7


def cells(inputs: int, hidden: int, gates: int, count: int, directions: int) -> list[Any]:
    out = []
    for i in range(count):
        n = inputs if i < directions else directions * hidden
        sizes = ((gates * hidden, n), (gates * hidden, hidden), (gates * hidden,))
        out.append(tuple(rng.normal(size=s) for s in (*sizes, sizes[2])))
    return out


def test_derivatives_of_recurrent_networks() -> None:
    x = rng.normal(size=(3, 1, 2))
    for f, gates in ((nn.rnn, 1), (nn.gru, 3), (nn.lstm, 4)):
        check_grads(lambda x, p, f=f: f(x, None, p), (x, cells(2, 1, gates, 1, 1)))
    both = cells(2, 2, 4, 4, 2)
    check_grads(lambda x: nn.lstm(x, None, both, bidirectional=True)[0], (x,), order=1)


def test_a_sequence_is_its_cell_repeated() -> None:
    x = rng.normal(size=(4, 3, 2))
    (cell,) = cells(2, 5, 4, 1, 1)
    state = (np.zeros((3, 5)), np.zeros((3, 5)))
    for t in range(4):
        state = nn.lstm_cell(x[t], state, *cell)
    out, (h, c) = nn.lstm(x, None, [cell])
    for found, wanted in ((out[-1], state[0]), (h[0], state[0]), (c[0], state[1])):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    turned, _ = nn.lstm(np.swapaxes(x, 0, 1), None, [cell], batch_first=True)
    np.testing.assert_allclose(np.swapaxes(turned, 0, 1), out, rtol=1e-13)
    each = ft.vmap(lambda one: nn.lstm(one, None, [cell])[0], in_axes=1, out_axes=1)(x)
    np.testing.assert_allclose(each, out, rtol=1e-13)


def test_lengths_and_projections() -> None:
    x = rng.normal(size=(4, 3, 2))
    whole = [(*cell, rng.normal(size=(2, 5))) for cell in cells(2, 5, 4, 2, 2)]
    projected = [(cell[0], cell[1][:, :2], *cell[2:]) for cell in whole]
    lengths = [2, 4, 1]
    out, last = nn.lstm(x, None, projected, bidirectional=True, lengths=lengths)
    assert out.shape == (4, 3, 4) and last[0].shape == (2, 3, 2) and last[1].shape == (2, 3, 5)
    for i, n in enumerate(lengths):
        one, end = nn.lstm(x[:n, i], None, projected, bidirectional=True)
        np.testing.assert_allclose(out[:n, i], one, rtol=1e-13)
        assert not out[n:, i].any()
        for a, b in zip(last, end, strict=True):
            np.testing.assert_allclose(a[:, i], b, rtol=1e-13)
    check_grads(lambda x: nn.lstm(x, None, projected, lengths=lengths)[0], (x,), order=1)


def test_bags_and_margins() -> None:
    table, numbers = rng.normal(size=(4, 2)), np.array([0, 2, 3, 3])
    for mode in ("sum", "mean", "max"):
        check_grads(lambda w, m=mode: nn.embedding_bag(numbers, w, [0, 1, 1], mode=m), (table,))
    means = nn.embedding_bag(numbers, table, [0, 1, 1])
    np.testing.assert_allclose(means[2], (table[2] + 2 * table[3]) / 3)
    assert not means[1].any()
    np.testing.assert_allclose(means[:1], nn.embedding_bag(numbers[:1, None], table))
    labels = np.array([1, 0, 1, 1])
    check_grads(lambda x: nn.multi_margin_loss(x, labels, p=2), (table,))
    check_grads(lambda x: nn.multilabel_soft_margin_loss(x, table > 0), (table,))
    each = ft.vmap(lambda x, y: nn.multi_margin_loss(x, y, reduction="none"))(table, labels)
    np.testing.assert_allclose(each, nn.multi_margin_loss(table, labels, reduction="none"))
    v, g = rng.normal(size=(3, 2)), rng.normal(size=(3, 1))
    np.testing.assert_allclose(np.linalg.norm(nn.weight_norm(v, g), axis=1), abs(g[:, 0]))
    check_grads(nn.weight_norm, (v, g))


def test_grids_of_places() -> None:
    x, theta = rng.normal(size=(2, 1, 4, 3)), rng.normal(size=(2, 2, 3))
    grid = nn.affine_grid(theta, (2, 1, 2, 3))
    for mode in ("zeros", "border", "reflection"):
        check_grads(lambda x, g, m=mode: nn.grid_sample(x, g, padding_mode=m), (x, grid), order=1)
    whole = nn.affine_grid(np.array([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]).repeat(2, 0), x.shape)
    for how in ("bilinear", "nearest", "bicubic"):
        np.testing.assert_allclose(nn.grid_sample(x, whole, how), x, atol=1e-14)
    each = ft.vmap(lambda x, g: nn.grid_sample(x[None], g[None])[0])(x, grid)
    np.testing.assert_allclose(each, nn.grid_sample(x, grid))
    pooled, places = nn.max_pool2d(x, 2, return_indices=True)
    back = nn.max_unpool2d(pooled, places, 2, output_size=(4, 3))
    np.testing.assert_array_equal(nn.max_pool2d(back.clip(0), 2), pooled.clip(0))
    assert np.count_nonzero(back) == pooled.size
    check_grads(lambda x: nn.max_unpool2d(x, places, 2, output_size=(4, 3)), (pooled,))


def test_bilinear() -> None:
    x, y, w = rng.normal(size=(5, 2)), rng.normal(size=(5, 3)), rng.normal(size=(4, 2, 3))
    expected = np.einsum("ni,kij,nj->nk", x, w, y) + 1.0
    np.testing.assert_allclose(nn.bilinear(x, y, w, np.ones(4)), expected, rtol=1e-13)
    check_grads(nn.bilinear, (x, y, w, np.ones(4)))


def test_noise_that_keeps_mean_and_variance() -> None:
    x = rng.normal(size=(2000, 4, 5))
    out = np.asarray(nn.alpha_dropout(x, 0.3, np.random.default_rng(0)))
    moments(out, 0.0, 1.0, out.size)
    whole = np.asarray(nn.alpha_dropout(x, 0.3, np.random.default_rng(0), channels=True))
    same = np.ptp(whole, axis=2) == 0
    assert 0.25 < same.mean() < 0.35
    assert nn.alpha_dropout(x, 0.3, training=False) is x


def test_response_of_neighbours() -> None:
    x = rng.normal(size=(2, 5, 3))
    squares = np.pad(x**2, ((0, 0), (1, 1), (0, 0)))
    mean = (squares[:, :-2] + squares[:, 1:-1] + squares[:, 2:]) / 3
    found = nn.local_response_norm(x, 3, alpha=0.5, beta=0.7, k=2.0)
    np.testing.assert_allclose(found, x / (2 + 0.5 * mean) ** 0.7, rtol=1e-13)
    check_grads(lambda x: nn.local_response_norm(x, 3, alpha=0.5), (x,))


def test_dropout_between_layers() -> None:
    x = np.ones((2, 1, 2))
    two = cells(2, 3, 3, 2, 1)
    plain, _ = nn.gru(x, None, two, dropout=0.5, training=False)
    np.testing.assert_allclose(nn.gru(x, None, two)[0], plain)
    dropped, _ = nn.gru(x, None, two, dropout=0.5, rng=np.random.default_rng(0))
    assert not np.allclose(dropped, plain)


def test_attention() -> None:
    q, k, v = (rng.normal(size=(2, 3, 4)) for _ in range(3))
    mask = np.array([[True, False, True], [False, False, False], [True, True, True]])
    check_grads(lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, mask), (q, k, v))
    out = nn.scaled_dot_product_attention(q, k, v, mask)
    assert not out[:, 1].any()  # a query without keys
    np.testing.assert_array_equal(
        nn.scaled_dot_product_attention(q, k, v, is_causal=True),
        nn.scaled_dot_product_attention(q, k, v, np.tri(3, dtype=bool)),
    )
    gradient = ft.grad(lambda q: np.sum(nn.scaled_dot_product_attention(q, k, v, mask)))(q)
    assert np.isfinite(gradient).all() and not gradient[:, 1].any()


def test_heads_and_masks() -> None:
    """Masks of both kinds at once, as booleans and as numbers."""
    q = rng.normal(size=(3, 2, 4))
    inner, outer = rng.normal(size=(12, 4)), rng.normal(size=(4, 4))
    padding = np.array([[False, False, True], [False, True, False]])
    causal = ~np.tri(3, dtype=bool)

    def run(**masks: Any) -> Any:
        return nn.multi_head_attention(q, q, q, 2, inner, None, outer, None, **masks)

    out, weights = run(key_padding_mask=padding, attn_mask=causal)
    assert weights.shape == (2, 3, 3) and not weights[0, :, 2].any() and not weights[:, 0, 1:].any()
    mixed, _ = run(key_padding_mask=padding, attn_mask=np.where(causal, -np.inf, 0.0))
    np.testing.assert_allclose(mixed, out, rtol=1e-13)
    assert run(need_weights=False)[1] is None


def test_ctc_loss() -> None:
    """The sum over all readings, one by one."""
    scores = nn.log_softmax(rng.normal(size=(4, 1, 3)), axis=2)
    target = np.array([[2, 2]])
    total = -np.inf
    for path in itertools.product(range(3), repeat=4):
        merged = [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]
        if [c for c in merged if c != 1] == [2, 2]:
            total = np.logaddexp(total, sum(scores[t, 0, c] for t, c in enumerate(path)))
    loss = nn.ctc_loss(scores, target, [4], [2], blank=1, reduction="sum")
    assert float(loss) == pytest.approx(-total, rel=1e-13)
    check_grads(lambda x: nn.ctc_loss(x, target, [4], [2], blank=1), (scores,))
    one = nn.ctc_loss(scores[:, 0], target[0], 4, 2, blank=1, reduction="none")
    assert one == loss and one.shape == ()
    joined = nn.ctc_loss(np.repeat(scores, 2, 1), np.array([2, 2, 0]), [4, 3], [2, 1], blank=1)
    assert np.isfinite(joined)
    assert nn.ctc_loss(scores, target, [2], [2], blank=1) == np.inf
    gradient = ft.grad(lambda x: nn.ctc_loss(x, target, [2], [2], blank=1, zero_infinity=True))
    assert not gradient(scores).any()


def test_derivatives_of_resampling() -> None:
    image = rng.normal(size=(1, 1, 3, 4))
    for mode in ("nearest", "bilinear", "bicubic"):
        f = lambda x, mode=mode: nn.interpolate(x, 5, mode=mode) ** 2  # noqa: E731
        check_grads(f, (image,))
    check_grads(lambda x: nn.interpolate(x, 2, mode="bicubic", antialias=True) ** 2, (image,))
    constant = nn.interpolate(np.ones((1, 1, 9, 7)), (2, 3), mode="bilinear", antialias=True)
    np.testing.assert_allclose(constant, 1.0, rtol=1e-15)
    check_grads(lambda x: nn.pad(x, (1, -1, 2, 1), "reflect") ** 2, (image,))
    shuffled = nn.pixel_shuffle(rng.normal(size=(4, 2, 2)), 2)
    np.testing.assert_array_equal(nn.pixel_shuffle(nn.pixel_unshuffle(shuffled, 2), 2), shuffled)
    assert nn.interpolate(image.astype("f4"), 5, mode="bilinear").dtype == np.float32


def moments(values: Any, mean: float, std: float, count: float) -> None:
    """Mean and deviation within five standard errors (of normal or narrower distributions)."""
    assert abs(values.mean() - mean) < 5 * std / np.sqrt(count)
    assert abs(values.std() - std) < 5 * std / np.sqrt(2 * count)


def test_first_values() -> None:
    init, shape = nn.init, (64, 32, 3, 3)
    n = 64 * 32 * 9
    g = np.random.default_rng(5)
    fan_in, fan_out = 32 * 9, 64 * 9
    assert init.fans(shape) == (fan_in, fan_out)
    moments(init.uniform(shape, g, -1.0, 3.0), 1.0, 4 / np.sqrt(12), n)
    moments(init.normal(shape, g, 2.0, 0.5), 2.0, 0.5, n)
    xavier = 1.5 * np.sqrt(2 / (fan_in + fan_out))
    moments(init.xavier_normal(shape, g, 1.5), 0.0, xavier, n)
    moments(init.xavier_uniform(shape, g, 1.5), 0.0, xavier, n)
    moments(init.kaiming_normal(shape, g, nonlinearity="relu"), 0.0, np.sqrt(2 / fan_in), n)
    kaiming = np.sqrt(2 / (1 + 0.5**2) / fan_out)
    moments(init.kaiming_uniform(shape, g, 0.5, "fan_out"), 0.0, kaiming, n)
    bound = np.sqrt(3) * kaiming
    assert 0.99 * bound < abs(init.kaiming_uniform(shape, g, 0.5, "fan_out")).max() <= bound
    # The deviation of a normal distribution cut at two deviations is 0.87962566.
    cut = init.truncated_normal(shape, g, 1.0, 0.5, 0.0, 2.0)
    moments(cut, 1.0, 0.5 * 0.87962566, n)
    assert cut.min() >= 0.0 and cut.max() <= 2.0
    for size in ((5, 8), (8, 5), (4, 2, 3)):
        m = init.orthogonal(size, g, gain=2.0).reshape(size[0], -1)
        gram = m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m
        np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)
    signs = [np.linalg.det(init.orthogonal((3, 3), g)) > 0 for _ in range(200)]
    assert 60 < sum(signs) < 140
    images = rng.normal(size=(1, 4, 5, 5))
    same = nn.conv2d(images, init.dirac((4, 2, 3, 3), groups=2), padding=1, groups=2)
    np.testing.assert_array_equal(same, images)
    assert init.normal((2,), g, dtype=np.float32).dtype == np.float32
    assert init.constant((), 2.0) == 2.0 and init.eye((2, 3)).trace() == 2.0


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: nn.batch_norm(np.ones(3)), ValueError, r"\(n, channels, ...\)"),
    (lambda: nn.batch_norm(x, np.ones(3), np.ones(3)), ValueError, "running_mean has shape"),
    (lambda: nn.batch_norm(x, np.ones(4)), ValueError, "neither"),
    (lambda: nn.batch_norm(x[:1, :, :1], training=True), ValueError, "one value a channel"),
    (lambda: nn.instance_norm(x[..., :1]), ValueError, "one value a channel"),
    (lambda: nn.instance_norm(x, use_input_stats=False), ValueError, "it needs running_mean"),
    (lambda: nn.layer_norm(x, 3), ValueError, r"must be \(3,\)"),
    (lambda: nn.layer_norm(x, 2, np.ones(4)), ValueError, "weight must have shape"),
    (lambda: nn.group_norm(x, 3), ValueError, "cannot be divided into 3"),
    (lambda: nn.dropout(x), TypeError, "give rng"),
    (lambda: nn.dropout(x, 1.5), ValueError, "probability"),
    (lambda: nn.embedding(np.array([1.0]), x[0]), TypeError, "must be integers"),
    (lambda: nn.embedding(np.array([4]), x[0]), IndexError, "no row 4"),
    (lambda: nn.embedding(np.array([-1]), x[0]), IndexError, "no row -1"),
    (lambda: nn.embedding_bag(np.zeros(2, int), w), ValueError, "offsets must be"),
    (lambda: nn.embedding_bag(np.zeros(2, int), w, [0, 3]), ValueError, "go up to 3"),
    (lambda: nn.embedding_bag(np.zeros((1, 1, 1), int), w), ValueError, "got shape"),
    (lambda: nn.embedding_bag(np.zeros((1, 1), int), w, mode="min"), ValueError, "'mean' or 'max'"),  # type: ignore[arg-type]
    (
        lambda: nn.embedding_bag(np.zeros((1, 1), int), w, per_sample_weights=[[1.0]]),
        ValueError,
        "needs mode 'sum'",
    ),
    (lambda: nn.grid_sample(x, x), ValueError, "input and grid must have shapes"),
    (lambda: nn.affine_grid(x, (4, 1, 2, 2)), ValueError, "theta must have shape"),
    (lambda: nn.max_unpool1d(x, np.zeros(3, int), 2), ValueError, "shape of the input"),
    (lambda: nn.max_unpool1d(b, np.full(b.shape, 9), 2), ValueError, "go up to 9"),
    (lambda: nn.multi_margin_loss(x, [0]), ValueError, "input must have shape"),
    (lambda: nn.multi_margin_loss(w, [0, 1], p=3), ValueError, "p must be 1 or 2"),
    (lambda: nn.rnn(x, None, []), ValueError, "params must hold"),
    (lambda: nn.gru(x, None, cells(3, 2, 3, 1, 1)), ValueError, r"params\[0\] has shapes"),
    (lambda: nn.gru(x, np.ones((1, 1, 2)), cells(2, 2, 3, 1, 1)), ValueError, r"= \(1, 4, 2\)"),
    (lambda: nn.gru(x[:0], None, cells(2, 2, 3, 1, 1)), ValueError, "sequences are empty"),
    (lambda: nn.gru(x, None, [cells(2, 2, 3, 1, 1)[0][:3]]), ValueError, "got 3 arrays"),
    (lambda: nn.gru(x, None, cells(2, 2, 3, 1, 1), lengths=[1]), ValueError, "for each of 4"),
    (lambda: nn.gru(x, None, cells(2, 2, 3, 1, 1), lengths=[9] * 4), ValueError, "go up to 9"),
    (lambda: nn.bilinear(b, b, w), ValueError, "do not fit a weight"),
    (lambda: nn.local_response_norm(x, 0), ValueError, "size must be at"),
    (lambda: nn.rnn_cell(b, b, w, w, nonlinearity="exp"), ValueError, "'tanh' or 'relu'"),  # type: ignore[arg-type]
    (
        lambda: nn.scaled_dot_product_attention(x, x, x, np.ones((4, 4)), is_causal=True),
        ValueError,
        "not both",
    ),
    (
        lambda: nn.multi_head_attention(x, x, x, 3, np.ones((6, 2)), None, np.eye(2), None),
        ValueError,
        "among 3 heads",
    ),
    (lambda: nn.ctc_loss(x[0, 0], [[1]], [1], [1]), ValueError, "log_probs must have shape"),
    (lambda: nn.ctc_loss(x, np.ones((4, 1), int), [3] * 4, [9] * 4), ValueError, "do not hold"),
    (lambda: nn.ctc_loss(x, np.ones((4, 1), int), [4] * 4, [1] * 4), ValueError, "from 0 to 3"),
    (lambda: nn.ctc_loss(x, np.ones((4, 1), int), [3], [1] * 4), ValueError, "must be 4 integers"),
    (lambda: nn.ctc_loss(x, np.full((4, 1), 2), [3] * 4, [1] * 4), IndexError, "2 is no label"),
    (lambda: nn.ctc_loss(x, np.zeros((4, 1), int), [3] * 4, [1] * 4), IndexError, "not the blank"),
    (lambda: nn.pad(x, (1,)), ValueError, "pairs"),
    (lambda: nn.pad(x, (2, 0), "reflect"), ValueError, "can be padded by 1"),
    (lambda: nn.pad(x, (1, 1), "edge"), ValueError, "mode must be one of"),  # type: ignore[arg-type]
    (lambda: nn.pad(x, (-2, -1)), ValueError, "take away more"),
    (lambda: nn.interpolate(x), ValueError, "either size or scale_factor"),
    (lambda: nn.interpolate(x, 3, mode="bilinear"), ValueError, "is for 2 axes"),
    (lambda: nn.interpolate(x, 3, antialias=True), ValueError, "for the modes 'bilinear'"),
    (lambda: nn.interpolate(x, scale_factor=0.1), ValueError, "would have size"),
    (lambda: nn.pixel_shuffle(x, 3), ValueError, "multiple of 9"),
    (lambda: nn.pixel_unshuffle(x, 3), ValueError, "multiples of 3"),
    (lambda: nn.init.calculate_gain("softplus"), ValueError, "known are"),
    (lambda: nn.init.xavier_normal((3,), rng), ValueError, "a weight needs axes"),
    (lambda: nn.init.truncated_normal((3,), rng, 9.0), ValueError, "hardly any"),
]


@pytest.mark.parametrize("i", range(len(REFUSED)))
def test_refusals(i: int) -> None:
    call, error, message = REFUSED[i]
    with pytest.raises(error, match=message):
        call()
