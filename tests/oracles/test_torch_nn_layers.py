"""Normalisation, recurrent networks, attention and resampling give PyTorch's values, gradients and
second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from functrans import nn
from tests.oracles.test_torch_nn import check, compare, draw

pytestmark = pytest.mark.oracle("torch")

X = draw(3, 4, 5)
MEAN, VAR = draw(4, seed=1), draw(4, low=0.5, high=2.0, seed=2)
WEIGHT, BIAS = draw(4, seed=3), draw(4, seed=4)


# PyTorch refuses to take the statistics of a batch outside of training.
@pytest.mark.parametrize(("training", "running"), [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("instance", [True, False])
def test_batch_and_instance_norm(training: bool, running: bool, instance: bool) -> None:
    import torch
    import torch.nn.functional as F

    statistics = (MEAN, VAR) if running else (None, None)
    theirs = [torch.tensor(s) if running else None for s in (MEAN, VAR)]
    flag = {"use_input_stats" if instance else "training": training}
    ours: Any = nn.instance_norm if instance else nn.batch_norm
    other: Any = F.instance_norm if instance else F.batch_norm

    def normalized(x: Any, weight: Any, bias: Any) -> Any:
        return ours(x, *statistics, weight, bias, momentum=0.3, **flag)

    compare(
        lambda *args: normalized(*args)[0],
        lambda x, w, b: other(
            x, *[s if s is None else s.clone() for s in theirs], w, b, momentum=0.3, **flag
        ),
        (X, WEIGHT, BIAS),
        second=True,
        rtol=1e-11,
    )
    if running:
        other(torch.tensor(X), *theirs, None, None, momentum=0.3, **flag)
        for one, wanted in zip(normalized(X, None, None)[1], theirs, strict=True):
            check(one, wanted, "running statistics", 1e-13)


def test_layer_group_and_rms_norm() -> None:
    import torch.nn.functional as F

    compare(
        lambda x, w, b: nn.layer_norm(x, (4, 5), w, b),
        lambda x, w, b: F.layer_norm(x, (4, 5), w, b),
        (X, draw(4, 5, seed=1), draw(4, 5, seed=2)),
        second=True,
        rtol=1e-11,
    )
    compare(
        lambda x, w, b: nn.group_norm(x, 2, w, b, eps=1e-3),
        lambda x, w, b: F.group_norm(x, 2, w, b, 1e-3),
        (X, WEIGHT, BIAS),
        second=True,
        rtol=1e-11,
    )
    compare(
        lambda x, w: nn.rms_norm(x, 5, w),
        lambda x, w: F.rms_norm(x, (5,), w),
        (X, draw(5, seed=1)),
        second=True,
        rtol=1e-11,
    )


def weights(module: Any, layers: int, directions: int) -> list[tuple[Any, ...]]:
    """The parameters of a recurrent module of PyTorch, layer by layer."""
    flat = [w.detach().numpy() for w in module._flat_weights]
    count = len(flat) // (layers * directions)
    return [tuple(flat[i : i + count]) for i in range(0, len(flat), count)]


@pytest.mark.parametrize("kind", ["rnn", "relu", "lstm", "gru"])
@pytest.mark.parametrize(("bidirectional", "bias"), [(False, True), (True, False), (True, True)])
@pytest.mark.parametrize("batch_first", [False, True])
def test_recurrent(kind: str, bidirectional: bool, bias: bool, batch_first: bool) -> None:
    import torch

    torch.manual_seed(0)
    options: dict[str, Any] = {"bidirectional": bidirectional, "batch_first": batch_first}
    classes = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
    kinds = {"nonlinearity": "relu"} if kind == "relu" else {}
    module = classes.get(kind, torch.nn.RNN)(
        3, 2, num_layers=2, bias=bias, dtype=torch.float64, **options, **kinds
    )
    directions = 2 if bidirectional else 1
    params = weights(module, 2, directions)
    ours: Any = {"rnn": nn.rnn, "lstm": nn.lstm, "gru": nn.gru}.get(kind, nn.rnn)
    x = draw(4, 5, 3)
    states = [draw(2 * directions, 4 if batch_first else 5, 2, seed=i) for i in (1, 2)]

    def f(x: Any, *given: Any) -> Any:
        hx = given if kind == "lstm" else given[0]
        out, last = ours(x, hx, params, **options, **kinds)
        last = last if kind == "lstm" else (last,)
        return np.concatenate([np.ravel(out), *[np.ravel(h) for h in last]])

    def g(x: Any, *given: Any) -> Any:
        out, last = module(x, given if kind == "lstm" else given[0])
        last = last if kind == "lstm" else (last,)
        return torch.cat([out.ravel(), *[h.ravel() for h in last]])

    used = states if kind == "lstm" else states[:1]
    compare(f, g, (x, *used), second=True)
    single = x[:, 0]
    theirs = module(torch.tensor(single))[0]
    check(ours(single, None, params, **options, **kinds)[0], theirs, "one sequence", 1e-12)


def test_cells() -> None:
    import torch

    x, h, c = draw(4, 3), draw(4, 2, seed=1), draw(4, 2, seed=2)
    for ours, theirs, gates in (
        (nn.rnn_cell, torch.rnn_tanh_cell, 1),
        (nn.gru_cell, torch.gru_cell, 3),
        (nn.lstm_cell, torch.lstm_cell, 4),
    ):
        n = 2 * gates
        params = (draw(n, 3, seed=3), draw(n, 2, seed=4), draw(n, seed=5), draw(n, seed=6))
        f: Callable[..., Any] = ours
        if gates == 4:
            compare(
                lambda x, h, c, *w, f=f: np.concatenate(f(x, (h, c), *w)),
                lambda x, h, c, *w, g=theirs: torch.cat(g(x, (h, c), *w)),
                (x, h, c, *params),
                second=True,
            )
        else:
            compare(f, theirs, (x, h, *params), second=True)


MASK = np.array([[True, False, True, True], [False, False, True, True], [True] * 4])


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (None, {}),
        (None, {"is_causal": True, "scale": 0.3}),
        (MASK, {}),
        (draw(3, 4, seed=5), {}),
        (np.where(MASK, 0.5, -np.inf), {}),
        (np.array([[True] * 4, [False] * 4, [True] * 4]), {}),
    ],
)
def test_attention(mask: Any, options: dict[str, Any]) -> None:
    import torch
    import torch.nn.functional as F

    q, k, v = draw(2, 3, 5), draw(2, 4, 5, seed=1), draw(2, 4, 6, seed=2)
    theirs = None if mask is None else torch.tensor(mask)
    compare(
        lambda q, k, v: nn.scaled_dot_product_attention(q, k, v, mask, **options),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, theirs, **options),
        (q, k, v),
        second=mask is None or bool(np.any(mask[1])),  # PyTorch's is NaN for a query without keys
    )


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("masks", ["none", "both", "numbers"])
@pytest.mark.parametrize("separate", [False, True])
def test_multi_head_attention(batch_first: bool, masks: str, separate: bool) -> None:
    import torch

    torch.manual_seed(0)
    sizes = {"kdim": 5, "vdim": 3} if separate else {}
    module = torch.nn.MultiheadAttention(
        6, 2, batch_first=batch_first, dtype=torch.float64, **sizes
    )
    named = {k: w.detach().numpy() for k, w in module.named_parameters()}
    inner: Any = named.get("in_proj_weight")
    if separate:
        inner = tuple(named[f"{x}_proj_weight"] for x in "qkv")
    q = draw(3, 2, 6)
    k, v = draw(4, 2, sizes.get("kdim", 6), seed=1), draw(4, 2, sizes.get("vdim", 6), seed=2)
    if batch_first:
        q, k, v = (np.swapaxes(x, 0, 1).copy() for x in (q, k, v))
    padding: Any = np.array([[False, False, False, True], [False] * 4])
    given: dict[str, Any] = {
        "none": {},
        "both": {"key_padding_mask": padding, "attn_mask": ~MASK},
        "numbers": {"key_padding_mask": padding, "attn_mask": draw(4, 3, 4, seed=7)},
    }[masks]
    theirs = {name: torch.tensor(m) for name, m in given.items()}
    if masks == "numbers":
        theirs["key_padding_mask"] = torch.zeros(2, 4, dtype=torch.float64).masked_fill_(
            theirs["key_padding_mask"], -torch.inf
        )
    average = masks != "both"

    def f(q: Any, k: Any, v: Any) -> Any:
        out, weights = nn.multi_head_attention(
            q,
            k,
            v,
            2,
            inner,
            named["in_proj_bias"],
            named["out_proj.weight"],
            named["out_proj.bias"],
            batch_first=batch_first,
            average_attn_weights=average,
            **given,
        )
        return np.concatenate([np.ravel(out), np.ravel(weights)])

    def g(q: Any, k: Any, v: Any) -> Any:
        out, weights = module(q, k, v, average_attn_weights=average, **theirs)
        return torch.cat([out.ravel(), weights.ravel()])

    compare(f, g, (q, k, v), second=True)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_loss(reduction: Any, zero_infinity: bool) -> None:
    """As a function of logits: PyTorch's gradient by `log_probs` presumes that they come from
    these."""
    import torch
    import torch.nn.functional as F

    labels = np.array([[1, 2, 2], [3, 1, 0], [4, 4, 4], [0, 0, 0]])
    # The third target is too long for four steps.
    sizes, lengths = np.array([3, 2, 3, 0]), np.array([6, 5, 4 if zero_infinity else 6, 4])
    options: dict[str, Any] = {"reduction": reduction, "zero_infinity": zero_infinity}
    others = [torch.tensor(a) for a in (labels, lengths, sizes)]
    compare(
        lambda x: nn.ctc_loss(nn.log_softmax(x, axis=2), labels, lengths, sizes, **options),
        lambda x: F.ctc_loss(torch.log_softmax(x, 2), *others, **options),
        (draw(6, 4, 5),),
        second=False,  # PyTorch has none
    )


def test_embedding() -> None:
    import torch
    import torch.nn.functional as F

    places = np.array([[0, 2, 2], [3, 1, 0]])
    compare(
        lambda w: nn.embedding(places, w, padding_idx=-2) ** 2,
        lambda w: F.embedding(torch.tensor(places), w, padding_idx=2) ** 2,
        (draw(4, 3),),
        second=True,
    )


@pytest.mark.parametrize(
    ("widths", "mode"),
    [
        ((1, 2), "constant"),
        ((2, -1, -2, 1), "constant"),
        ((1, 2, 3, 0), "reflect"),
        ((1, 2, 3, 0), "replicate"),
        ((1, 2, 3, 0), "circular"),
        ((-1, 2, 1, -1), "reflect"),
    ],
)
def test_pad(widths: tuple[int, ...], mode: Any) -> None:
    import torch.nn.functional as F

    value = 0.7 if mode == "constant" else None
    compare(
        lambda x: nn.pad(x, widths, mode, value or 0.0),
        lambda x: F.pad(x, widths, mode, value),
        (draw(2, 3, 4, 5),),
        second=True,
    )


@pytest.mark.parametrize(
    ("mode", "axes", "align_corners"),
    [
        ("nearest", 2, None),
        ("nearest-exact", 2, None),
        ("area", 2, None),
        ("area", 3, None),
        *[
            (mode, axes, corners)
            for mode, axes in (("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2))
            for corners in (False, True)
        ],
    ],
)
@pytest.mark.parametrize("given", [{"scale_factor": 1.7}, {"scale_factor": 0.6}, {"size": 7}])
def test_interpolate(
    mode: Any, axes: int, align_corners: bool | None, given: dict[str, Any]
) -> None:
    import torch.nn.functional as F

    compare(
        lambda x: nn.interpolate(x, mode=mode, align_corners=bool(align_corners), **given),
        lambda x: F.interpolate(x, mode=mode, align_corners=align_corners, **given),
        (draw(2, 1, *(5, 4, 6)[:axes]),),
        second=True,
        rtol=1e-11,
    )


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("given", [{"size": (3, 4)}, {"size": (13, 2)}, {"scale_factor": 0.4}])
def test_interpolate_with_means(mode: Any, corners: bool, given: dict[str, Any]) -> None:
    import torch.nn.functional as F

    options = {"mode": mode, "align_corners": corners, "antialias": True, **given}
    compare(
        lambda x: nn.interpolate(x, **options),
        lambda x: F.interpolate(x, **options),
        (draw(2, 3, 9, 11),),
        second=True,
        rtol=1e-11,
    )


def test_pixel_shuffle() -> None:
    import torch.nn.functional as F

    x = draw(2, 12, 4, 6)
    compare(lambda x: nn.pixel_shuffle(x, 2), lambda x: F.pixel_shuffle(x, 2), (x,), second=True)
    compare(
        lambda x: nn.pixel_unshuffle(x, 2), lambda x: F.pixel_unshuffle(x, 2), (x,), second=True
    )


@pytest.mark.parametrize("nonlinearity", ["linear", "tanh", "relu", "selu", "leaky_relu", "conv2d"])
def test_gains(nonlinearity: Any) -> None:
    import torch

    assert nn.init.calculate_gain(nonlinearity) == torch.nn.init.calculate_gain(nonlinearity)
