"""functrans.nn gives PyTorch's values, gradients and second derivatives, function by function.

A row is a function, what PyTorch calls it, and where they are compared. At kinks, and where the
arguments say so, first derivatives only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import functrans as ft
from functrans import nn
from functrans.core.types import dtype_of, is_inexact

pytestmark = pytest.mark.oracle("torch")

Function = Callable[..., Any]


class Row(NamedTuple):
    ours: Function
    theirs: str
    args: tuple[Any, ...]
    options: dict[str, Any] = {}
    renamed: dict[str, Any] = {}
    """Options that have another name or form in PyTorch."""
    second: bool = True
    label: str = ""
    rtol: float = 1e-12

    def __str__(self) -> str:
        options = [f"{k}={v}" for k, v in self.options.items() if not isinstance(v, np.ndarray)]
        return "-".join([self.theirs, *options, *([self.label] if self.label else [])])


def row(
    ours: Function,
    theirs: str,
    *args: Any,
    second: bool = True,
    label: str = "",
    rtol: float = 1e-12,
    renamed: dict[str, Any] | None = None,
    **options: Any,
) -> Row:
    return Row(ours, theirs, args, options, renamed or {}, second, label, rtol)


def draw(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(low, high, shape)


KINKS = np.array([-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0])
FAR = np.array([-1e4, -50.0, 50.0, 1e4])

ACTIVATIONS: dict[str, tuple[Function, str, dict[str, Any]]] = {
    "relu": (nn.relu, "relu", {}),
    "relu6": (nn.relu6, "relu6", {}),
    "leaky_relu": (nn.leaky_relu, "leaky_relu", {"negative_slope": 0.1}),
    "elu": (nn.elu, "elu", {"alpha": 0.7}),
    "selu": (nn.selu, "selu", {}),
    "celu": (nn.celu, "celu", {"alpha": 0.5}),
    "gelu": (nn.gelu, "gelu", {}),
    "gelu tanh": (nn.gelu, "gelu", {"approximate": "tanh"}),
    "silu": (nn.silu, "silu", {}),
    "mish": (nn.mish, "mish", {}),
    "sigmoid": (nn.sigmoid, "sigmoid", {}),
    "tanh": (nn.tanh, "tanh", {}),
    "log_sigmoid": (nn.log_sigmoid, "logsigmoid", {}),
    "softplus": (nn.softplus, "softplus", {}),
    "softplus of beta": (nn.softplus, "softplus", {"beta": 2.0, "threshold": 1.5}),
    "softsign": (nn.softsign, "softsign", {}),
    "tanhshrink": (nn.tanhshrink, "tanhshrink", {}),
    "softshrink": (nn.softshrink, "softshrink", {"lambd": 0.5}),
    "hardshrink": (nn.hardshrink, "hardshrink", {"lambd": 0.5}),
    "threshold": (nn.threshold, "threshold", {"threshold": 0.5, "value": -3.0}),
    "hardtanh": (nn.hardtanh, "hardtanh", {"min_val": -1.0, "max_val": 0.5}),
    "hardsigmoid": (nn.hardsigmoid, "hardsigmoid", {}),
    "hardswish": (nn.hardswish, "hardswish", {}),
}
# PyTorch's forms cancel far out.
INEXACT_FAR_OUT = {"gelu", "gelu tanh", "sigmoid", "tanh"}
# PyTorch's constants (1/6 here, 1e-12 below) are in single precision.
SINGLE = 1e-7

ROWS: list[Row] = []
for name, (ours, theirs, options) in ACTIVATIONS.items():
    rtol = SINGLE if name == "hardsigmoid" else 1e-12
    # PyTorch has no second derivative of hardsigmoid.
    second = name != "hardsigmoid"
    ROWS.append(row(ours, theirs, draw(5, 3), second=second, rtol=rtol, **options))
    ROWS.append(row(ours, theirs, KINKS, second=False, label="kinks", rtol=rtol, **options))
    if name not in INEXACT_FAR_OUT:
        ROWS.append(row(ours, theirs, FAR, second=False, label="far out", **options))

X, Y = draw(4, 3), draw(4, 3, seed=1)
SIGNS = np.array([1, -1, 1, -1])
SPATIAL = draw(2, 3, 4)
CLASSES, POSITIONS = np.array([2, 0, -100, 1]), np.array([[0, 2, 1, 1], [2, -100, 0, 0]])
WEIGHT = np.array([0.5, 1.0, 2.0])
PROBABILITIES = draw(4, 3, low=0.1, high=0.9, seed=3)


def dim(axis: int) -> dict[str, Any]:
    return {"axis": ("dim", axis)}


ROWS += [
    row(nn.prelu, "prelu", SPATIAL, np.array([0.25])),
    row(nn.prelu, "prelu", SPATIAL, np.array([0.25, 0.5, -1.0])),
    row(nn.glu, "glu", draw(3, 4), axis=-1, renamed=dim(-1)),
    row(nn.glu, "glu", draw(2, 4, 3), axis=1, renamed=dim(1)),
    *[
        row(ours, theirs, draw(3, 4), axis=0, renamed=dim(0))
        for ours, theirs in (
            (nn.softmax, "softmax"),
            (nn.softmin, "softmin"),
            (nn.log_softmax, "log_softmax"),
        )
    ],
    row(nn.log_softmax, "log_softmax", FAR, axis=0, renamed=dim(0), second=False, label="far"),
    row(nn.normalize, "normalize", draw(4, 3)),
    row(nn.normalize, "normalize", draw(4, 3), p=3.0, axis=0, renamed=dim(0)),
    row(nn.cosine_similarity, "cosine_similarity", draw(4, 3), draw(4, 3, seed=1)),
    row(nn.pairwise_distance, "pairwise_distance", draw(4, 3), draw(4, 3, seed=1)),
    *[
        row(nn.pairwise_distance, "pairwise_distance", X, Y, p=order)
        for order in (1.0, 3.0, np.inf)
    ],
]
for reduction in ("none", "mean", "sum"):
    ROWS += [
        row(nn.mse_loss, "mse_loss", X, Y, reduction=reduction),
        row(nn.l1_loss, "l1_loss", X, Y, reduction=reduction),
        row(nn.smooth_l1_loss, "smooth_l1_loss", X, Y, beta=0.7, reduction=reduction),
        row(nn.huber_loss, "huber_loss", X, Y, delta=0.7, reduction=reduction),
        row(
            nn.binary_cross_entropy,
            "binary_cross_entropy",
            PROBABILITIES,
            PROBABILITIES[::-1].copy(),
            reduction=reduction,
        ),
        row(
            nn.binary_cross_entropy_with_logits,
            "binary_cross_entropy_with_logits",
            X,
            PROBABILITIES,
            pos_weight=WEIGHT,
            reduction=reduction,
        ),
        row(nn.kl_div, "kl_div", X, PROBABILITIES, reduction=reduction),
        row(nn.hinge_embedding_loss, "hinge_embedding_loss", X[:, 0], SIGNS, reduction=reduction),
        row(nn.soft_margin_loss, "soft_margin_loss", X[:, 0], SIGNS, reduction=reduction),
        row(
            nn.margin_ranking_loss,
            "margin_ranking_loss",
            X[:, 0],
            Y[:, 0],
            SIGNS,
            margin=0.3,
            reduction=reduction,
        ),
        row(
            nn.cosine_embedding_loss,
            "cosine_embedding_loss",
            X,
            Y,
            SIGNS,
            margin=-0.3,
            reduction=reduction,
        ),
        row(
            nn.triplet_margin_loss, "triplet_margin_loss", X, Y, X[::-1].copy(), reduction=reduction
        ),
        row(nn.poisson_nll_loss, "poisson_nll_loss", X, Y + 2.5, reduction=reduction),
        row(nn.gaussian_nll_loss, "gaussian_nll_loss", X, Y, PROBABILITIES, reduction=reduction),
        row(nn.cross_entropy, "cross_entropy", X, CLASSES, reduction=reduction),
        row(
            nn.cross_entropy,
            "cross_entropy",
            SPATIAL,
            POSITIONS,
            weight=WEIGHT,
            label_smoothing=0.2,
            reduction=reduction,
        ),
        row(
            nn.cross_entropy,
            "cross_entropy",
            X,
            PROBABILITIES,
            weight=WEIGHT,
            label_smoothing=0.1,
            reduction=reduction,
        ),
        row(nn.nll_loss, "nll_loss", SPATIAL, POSITIONS, weight=WEIGHT, reduction=reduction),
    ]
ROWS += [
    row(nn.l1_loss, "l1_loss", X, X.copy(), second=False, label="equal"),
    row(nn.kl_div, "kl_div", X, Y, log_target=True, reduction="batchmean"),
    row(nn.huber_loss, "huber_loss", KINKS, np.zeros(9), second=False, label="kinks"),
    row(nn.smooth_l1_loss, "smooth_l1_loss", KINKS, np.zeros(9), second=False, label="kinks"),
    row(nn.smooth_l1_loss, "smooth_l1_loss", X, Y, beta=0.0),
    row(
        nn.hinge_embedding_loss,
        "hinge_embedding_loss",
        np.array([1.0, 0.0]),
        np.array([-1, 1]),
        second=False,
        label="kink",
    ),
    row(
        nn.margin_ranking_loss,
        "margin_ranking_loss",
        np.ones(2),
        np.ones(2),
        SIGNS[:2],
        second=False,
        label="kink",
    ),
    row(
        nn.binary_cross_entropy_with_logits,
        "binary_cross_entropy_with_logits",
        FAR,
        np.array([1.0, 0.0, 1.0, 0.0]),
        second=False,
        label="far out",
    ),
    row(nn.binary_cross_entropy, "binary_cross_entropy", PROBABILITIES, np.round(PROBABILITIES)),
    row(
        nn.binary_cross_entropy,
        "binary_cross_entropy",
        np.array([0.0, 0.0, 1.0, 1.0]),
        target=np.array([0.0, 1.0, 0.0, 1.0]),
        second=False,
        label="certain",
        rtol=SINGLE,
    ),
    row(nn.poisson_nll_loss, "poisson_nll_loss", X + 2.5, Y + 2.5, log_input=False, full=True),
    row(nn.gaussian_nll_loss, "gaussian_nll_loss", X, Y, PROBABILITIES[:, 0], full=True),
    row(
        nn.gaussian_nll_loss,
        "gaussian_nll_loss",
        X,
        Y,
        np.full((4, 3), 1e-9),
        second=False,
        label="small variance",
    ),
    row(nn.triplet_margin_loss, "triplet_margin_loss", X, Y, X[::-1].copy(), swap=True, p=3.0),
    row(nn.cross_entropy, "cross_entropy", X[0], np.array(1)),
    row(nn.cross_entropy, "cross_entropy", FAR[None], np.array([1]), second=False, label="far"),
    row(nn.cross_entropy, "cross_entropy", X, np.array([0, 1, 1, 2]), ignore_index=1),
]

IMAGES, LINES, VOLUMES = draw(2, 4, 7, 6), draw(2, 4, 9), draw(2, 2, 4, 3, 4)
TIED = np.round(draw(2, 3, 7, 6, seed=2))
ROWS += [
    row(nn.linear, "linear", draw(2, 3, 4), draw(5, 4, seed=1), draw(5, seed=2)),
    row(nn.conv1d, "conv1d", LINES, draw(6, 4, 3), draw(6)),
    row(nn.conv1d, "conv1d", LINES, draw(6, 2, 3), stride=2, padding=3, dilation=2, groups=2),
    row(nn.conv1d, "conv1d", LINES, draw(6, 4, 4), padding="same", dilation=2),
    row(nn.conv2d, "conv2d", IMAGES, draw(3, 4, 3, 2), draw(3)),
    row(nn.conv2d, "conv2d", IMAGES[0], draw(3, 4, 3, 2), padding="same", label="single"),
    row(nn.conv2d, "conv2d", IMAGES, draw(8, 1, 3, 3), padding=(1, 2), stride=(3, 2), groups=4),
    row(nn.conv2d, "conv2d", draw(1, 4, 2, 2), draw(30, 4, 2, 2), padding="valid"),
    row(nn.conv3d, "conv3d", VOLUMES, draw(3, 1, 2, 2, 2)[[0, 1, 2, 0]], groups=2, padding=1),
    row(nn.conv_transpose1d, "conv_transpose1d", LINES, draw(4, 3, 3), draw(3), stride=2),
    row(nn.conv_transpose2d, "conv_transpose2d", IMAGES, draw(4, 3, 3, 2), draw(3)),
    row(
        nn.conv_transpose2d,
        "conv_transpose2d",
        IMAGES,
        draw(4, 3, 3, 3),
        draw(6),
        stride=(2, 3),
        padding=1,
        output_padding=(1, 2),
        groups=2,
        dilation=(1, 2),
    ),
    row(
        nn.conv_transpose2d,
        "conv_transpose2d",
        IMAGES,
        draw(4, 1, 2, 2),
        output_padding=(1, 2),
        dilation=(2, 3),
        label="output padding beyond the stride",
    ),
    row(nn.conv_transpose3d, "conv_transpose3d", VOLUMES, draw(2, 3, 2, 1, 2), stride=2),
    row(nn.unfold, "unfold", IMAGES, kernel_size=(2, 3), dilation=2, padding=1, stride=(1, 2)),
    row(nn.fold, "fold", draw(2, 12, 6), output_size=(4, 3), kernel_size=2, label="plain"),
    row(
        nn.fold,
        "fold",
        draw(2, 12, 12),
        output_size=(5, 4),
        kernel_size=(2, 3),
        padding=1,
        stride=(2, 1),
    ),
    row(nn.max_pool1d, "max_pool1d", LINES, kernel_size=3, stride=2, padding=1),
    row(nn.max_pool2d, "max_pool2d", IMAGES, kernel_size=2),
    row(nn.max_pool2d, "max_pool2d", IMAGES, kernel_size=(3, 2), stride=2, ceil_mode=True),
    row(nn.max_pool2d, "max_pool2d", TIED, kernel_size=3, stride=2, padding=1, label="ties"),
    row(nn.max_pool2d, "max_pool2d", TIED, kernel_size=2, dilation=(3, 2), stride=1, padding=1),
    row(nn.max_pool3d, "max_pool3d", VOLUMES, kernel_size=2, stride=1),
    row(nn.avg_pool1d, "avg_pool1d", LINES, kernel_size=4, padding=2),
    row(nn.avg_pool2d, "avg_pool2d", IMAGES, kernel_size=2),
    row(nn.avg_pool2d, "avg_pool2d", IMAGES, kernel_size=3, stride=2, padding=1, ceil_mode=True),
    row(
        nn.avg_pool2d,
        "avg_pool2d",
        IMAGES,
        kernel_size=(4, 3),
        stride=(3, 2),
        padding=(2, 1),
        ceil_mode=True,
        count_include_pad=False,
    ),
    row(nn.avg_pool2d, "avg_pool2d", IMAGES, kernel_size=3, padding=1, divisor_override=7),
    row(nn.avg_pool3d, "avg_pool3d", VOLUMES, kernel_size=2),
    *[
        row(ours, theirs, TIED, output_size=size)
        for ours, theirs in (
            (nn.adaptive_avg_pool2d, "adaptive_avg_pool2d"),
            (nn.adaptive_max_pool2d, "adaptive_max_pool2d"),
        )
        for size in (1, (3, 4), (None, 3), (9, 2))
    ],
    row(nn.lp_pool1d, "lp_pool1d", LINES, norm_type=2.0, kernel_size=3, stride=2),
    row(nn.adaptive_avg_pool1d, "adaptive_avg_pool1d", LINES, output_size=4),
    row(nn.adaptive_max_pool1d, "adaptive_max_pool1d", LINES, output_size=3),
]


def in_torch(options: dict[str, Any], renamed: dict[str, Any]) -> dict[str, Any]:
    import torch

    given = dict(options)
    for ours, (theirs, value) in renamed.items():
        del given[ours]
        given[theirs] = value
    return {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in given.items()}


def check(found: Any, wanted: Any, what: str, rtol: float) -> None:
    wanted = wanted.detach().numpy(force=True) if hasattr(wanted, "detach") else wanted
    assert np.shape(found) == np.shape(wanted), what
    scale = np.max(np.abs(wanted), initial=0)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * scale, err_msg=what)


def compare(
    ours: Function, theirs: Function, args: tuple[Any, ...], *, second: bool, rtol: float = 1e-12
) -> None:
    """Compare values, gradients of a weighted sum, and their derivative along a direction."""
    import torch

    active = [i for i, a in enumerate(args) if is_inexact(dtype_of(a))]

    def f(*xs: Any) -> Any:
        given = list(args)
        for i, x in zip(active, xs, strict=True):
            given[i] = x
        return ours(*given)

    tensors = [torch.from_numpy(np.array(a)) for a in args]
    for i in active:
        tensors[i].requires_grad_(True)
    xs = tuple(args[i] for i in active)
    value, wanted = f(*xs), theirs(*tensors)
    check(value, wanted, "value", rtol)
    rng = np.random.default_rng(7)
    g = rng.normal(size=np.shape(value))
    gradient = ft.vjp(f, *xs)[1](np.asarray(g, dtype_of(value))[()])
    inputs = [tensors[i] for i in active]
    expected = torch.autograd.grad(
        wanted, inputs, torch.tensor(g), create_graph=second, allow_unused=True
    )
    for found, other in zip(gradient, expected, strict=True):
        check(found, np.zeros_like(found) if other is None else other, "gradient", rtol)
    if not second:
        return
    ts = tuple(rng.normal(size=np.shape(x)) for x in xs)
    found = ft.jvp(lambda *ys: ft.vjp(f, *ys)[1](g[()]), xs, ts)[1]
    product = sum(
        (e * torch.from_numpy(np.asarray(t))).sum()
        for e, t in zip(expected, ts, strict=True)
        if e is not None
    )
    if not product.requires_grad:  # a linear function
        assert not any(np.any(one) for one in found)
        return
    double = torch.autograd.grad(product, inputs, allow_unused=True)
    for one, other in zip(found, double, strict=True):
        check(one, np.zeros_like(one) if other is None else other, "second derivative", 10 * rtol)


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides the total loss")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("case", ROWS, ids=str)
def test_function(case: Row) -> None:
    import torch.nn.functional as F

    theirs = getattr(F, case.theirs)
    options = in_torch(case.options, case.renamed)
    compare(
        lambda *xs: case.ours(*xs, **case.options),
        lambda *xs: theirs(*xs, **options),
        case.args,
        second=case.second,
        rtol=case.rtol,
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
        ("max_pool2d", {"kernel_size": 2, "ceil_mode": True, "dilation": 2}),
        ("adaptive_max_pool2d", {"output_size": (3, 4)}),
        ("adaptive_max_pool2d", {"output_size": (7, 2)}),
    ],
)
def test_indices(name: str, options: dict[str, Any]) -> None:
    """Where the greatest elements lie, the first of equal ones, beside NaN and infinities."""
    import torch

    x = TIED.copy()
    x[0, 0, 3, 2] = np.nan
    x[0, 1] = -np.inf
    theirs = getattr(torch.nn.functional, name)(torch.tensor(x), return_indices=True, **options)
    ours = getattr(nn, name)(x, return_indices=True, **options)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
