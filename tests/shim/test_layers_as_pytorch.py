"""Layers and losses beside PyTorch's: text, keys of the state, values and gradients with the same
weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from tests.shim.as_pytorch import check_layer, compare, draw, evaluated, results, shapes_of

pytestmark = pytest.mark.oracle("torch", "scipy")

LAYERS: list[tuple[str, tuple[int, ...] | tuple[tuple[int, ...], ...]]] = [
    ("nn.Identity()", (3, 4)),
    ("nn.Linear(4, 2)", (3, 4)),
    ("nn.Linear(4, 2, bias=False)", (2, 3, 4)),
    ("nn.Linear(4, 2)", (4,)),
    ("nn.Bilinear(4, 3, 2)", ((5, 4), (5, 3))),
    ("nn.Bilinear(4, 3, 2, bias=False)", ((2, 5, 4), (2, 5, 3))),
    ("nn.Flatten()", (2, 3, 4)),
    ("nn.Flatten(0, 1)", (2, 3, 4)),
    ("nn.Unflatten(1, (2, 2))", (3, 4)),
    (
        "nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Sequential(nn.Linear(5, 1), nn.ReLU()))",
        (3, 4),
    ),
    ("nn.Sequential(OrderedDict(a=nn.Linear(4, 4), b=nn.ReLU(inplace=True)))", (3, 4)),
    ("nn.CosineSimilarity(dim=1)", ((3, 4), (3, 4))),
    ("nn.PairwiseDistance(p=2.0)", ((3, 4), (3, 4))),
    ("nn.ReLU()", (3, 4)),
    ("nn.ReLU6()", (3, 4)),
    ("nn.ELU(0.5)", (3, 4)),
    ("nn.SELU()", (3, 4)),
    ("nn.CELU(0.5)", (3, 4)),
    ("nn.LeakyReLU(0.2)", (3, 4)),
    ("nn.PReLU()", (3, 4)),
    ("nn.PReLU(4)", (3, 4)),
    ("nn.GELU()", (3, 4)),
    ("nn.GELU('tanh')", (3, 4)),
    ("nn.SiLU()", (3, 4)),
    ("nn.Mish()", (3, 4)),
    ("nn.Sigmoid()", (3, 4)),
    ("nn.LogSigmoid()", (3, 4)),
    ("nn.Tanh()", (3, 4)),
    ("nn.Tanhshrink()", (3, 4)),
    ("nn.Softplus(2.0, 1.0)", (3, 4)),
    ("nn.Softsign()", (3, 4)),
    ("nn.Softshrink(0.3)", (3, 4)),
    ("nn.Hardshrink()", (3, 4)),
    ("nn.Hardtanh(-0.5, 0.7)", (3, 4)),
    ("nn.Hardsigmoid()", (3, 4)),
    ("nn.Hardswish()", (3, 4)),
    ("nn.Threshold(0.1, 2.0)", (3, 4)),
    ("nn.GLU()", (3, 4)),
    ("nn.GLU(0)", (4, 3)),
    ("nn.Softmax(1)", (3, 4)),
    ("nn.LogSoftmax(-1)", (3, 4)),
    ("nn.Softmin(0)", (3, 4)),
    ("nn.Softmax2d()", (2, 3, 2, 2)),
    ("nn.Softmax()", (3, 4)),
    ("nn.Conv1d(2, 3, 2, stride=2, padding=1)", (2, 2, 5)),
    ("nn.Conv1d(2, 4, 3, groups=2, bias=False)", (2, 5)),
    ("nn.Conv2d(2, 3, (2, 3), padding=(1, 2), dilation=2)", (2, 2, 5, 6)),
    ("nn.Conv2d(2, 3, 2, padding='same')", (2, 2, 4, 5)),
    ("nn.Conv2d(2, 3, 3, padding='valid', stride=2)", (2, 4, 5)),
    ("nn.Conv2d(2, 2, 3, padding=2, padding_mode='reflect')", (1, 2, 4, 5)),
    ("nn.Conv2d(2, 2, 2, padding='same', padding_mode='circular')", (1, 2, 4, 5)),
    ("nn.Conv3d(1, 2, 2)", (1, 1, 3, 3, 3)),
    ("nn.ConvTranspose1d(2, 3, 3, stride=2, output_padding=1)", (2, 2, 4)),
    ("nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, groups=2, dilation=2)", (2, 2, 3, 4)),
    ("nn.ConvTranspose3d(1, 2, 2, bias=False)", (1, 1, 2, 2, 2)),
    ("nn.Unfold(2, padding=1)", (1, 2, 3, 4)),
    ("nn.Fold((3, 4), 2)", (1, 8, 6)),
    ("nn.BatchNorm1d(4)", (5, 4)),
    ("nn.BatchNorm1d(4, momentum=None)", (3, 4, 2)),
    ("nn.BatchNorm2d(3, eps=1e-3, momentum=0.3)", (2, 3, 2, 4)),
    ("nn.BatchNorm2d(3, affine=False)", (2, 3, 2, 4)),
    ("nn.BatchNorm2d(3, track_running_stats=False)", (2, 3, 2, 4)),
    ("nn.BatchNorm3d(2)", (2, 2, 2, 2, 2)),
    ("nn.InstanceNorm1d(3)", (2, 3, 4)),
    ("nn.InstanceNorm1d(3, affine=True)", (3, 4)),
    ("nn.InstanceNorm2d(3, affine=True, track_running_stats=True)", (2, 3, 4, 2)),
    ("nn.LayerNorm(4)", (2, 3, 4)),
    ("nn.LayerNorm((3, 4), bias=False)", (2, 3, 4)),
    ("nn.LayerNorm(4, elementwise_affine=False)", (3, 4)),
    ("nn.RMSNorm(4)", (3, 4)),
    ("nn.RMSNorm((3, 4), eps=1e-3, elementwise_affine=False)", (2, 3, 4)),
    ("nn.GroupNorm(2, 4)", (3, 4, 2)),
    ("nn.GroupNorm(2, 4, affine=False)", (3, 4)),
    ("nn.LocalResponseNorm(2)", (2, 5, 3)),
    ("nn.LocalResponseNorm(3, alpha=0.5, beta=0.7, k=2.0)", (2, 5, 2, 2)),
    ("nn.MaxPool1d(2)", (2, 3, 5)),
    ("nn.MaxPool2d(3, stride=2, padding=1)", (2, 2, 5, 6)),
    ("nn.MaxPool2d((2, 3), ceil_mode=True, dilation=(2, 1))", (2, 5, 6)),
    ("nn.MaxPool2d(2, return_indices=True)", (2, 2, 4, 4)),
    ("nn.MaxPool3d(2)", (1, 1, 2, 4, 4)),
    ("nn.AvgPool1d(2, stride=1)", (2, 3, 5)),
    ("nn.AvgPool2d(3, padding=1, ceil_mode=True, count_include_pad=False)", (2, 2, 5, 6)),
    ("nn.AvgPool2d(2, divisor_override=3)", (2, 4, 4)),
    ("nn.AvgPool3d(2)", (1, 1, 2, 4, 4)),
    ("nn.LPPool1d(2, 3, stride=2)", (2, 3, 7)),
    ("nn.LPPool1d(2, 3, ceil_mode=True)", (3, 7)),
    ("nn.LPPool2d(4.0, (2, 1))", (2, 2, 5, 6)),
    ("nn.LPPool3d(2, 2)", (1, 2, 2, 4, 4)),
    ("nn.LPPool2d(float('inf'), 2)", (2, 2, 4, 4)),
    ("nn.AdaptiveAvgPool1d(3)", (2, 3, 5)),
    ("nn.AdaptiveAvgPool2d((1, 1))", (2, 3, 5, 4)),
    ("nn.AdaptiveAvgPool2d((3, None))", (2, 3, 5, 4)),
    ("nn.AdaptiveAvgPool3d(2)", (2, 3, 3, 4)),
    ("nn.AdaptiveMaxPool1d(2)", (2, 3, 5)),
    ("nn.AdaptiveMaxPool2d((2, 3), return_indices=True)", (2, 3, 5, 4)),
    ("nn.AdaptiveMaxPool3d((1, 2, 2))", (2, 3, 3, 4)),
    ("nn.Dropout(0.0)", (3, 4)),
    ("nn.Dropout2d(0.0, inplace=True)", (2, 3, 4, 2)),
    ("nn.Dropout(1.0)", (3, 4)),
    ("nn.AlphaDropout(1.0)", (3, 4)),
    ("nn.ConstantPad1d((1, 2), 3.0)", (2, 3)),
    ("nn.ConstantPad2d(1, 0.5)", (1, 2, 3)),
    ("nn.ZeroPad2d((1, -1, 0, 2))", (1, 3, 3)),
    ("nn.ReflectionPad1d(2)", (2, 3)),
    ("nn.ReflectionPad2d((1, 1, 2, 0))", (1, 2, 3, 3)),
    ("nn.ReplicationPad2d(2)", (1, 2, 3, 3)),
    ("nn.ReplicationPad3d(1)", (1, 1, 2, 2, 2)),
    ("nn.CircularPad1d((1, 2))", (1, 2, 3)),
    ("nn.Upsample(scale_factor=2)", (1, 2, 3, 2)),
    ("nn.Upsample(scale_factor=2, mode='bilinear')", (1, 2, 3, 2)),
    ("nn.Upsample(size=(5, 3), mode='bicubic', align_corners=True)", (1, 1, 3, 2)),
    ("nn.Upsample(size=5, mode='linear')", (1, 2, 3)),
    ("nn.Upsample((2, 3, 4), mode='trilinear')", (1, 1, 2, 2, 2)),
    ("nn.UpsamplingNearest2d(scale_factor=3)", (1, 2, 3, 2)),
    ("nn.UpsamplingBilinear2d(size=(4, 4))", (1, 2, 3, 2)),
    ("nn.PixelShuffle(2)", (1, 8, 2, 3)),
    ("nn.PixelUnshuffle(2)", (1, 2, 2, 4)),
    ("nn.ChannelShuffle(2)", (1, 4, 2, 2)),
    ("nn.utils.weight_norm(nn.Linear(4, 3))", (2, 4)),
    ("nn.utils.weight_norm(nn.Conv1d(2, 3, 2), dim=None)", (1, 2, 4)),
    ("nn.utils.spectral_norm(nn.Linear(4, 3))", (2, 4)),
    ("nn.utils.spectral_norm(nn.ConvTranspose2d(2, 3, 2), n_power_iterations=3)", (1, 2, 3, 3)),
    ("nn.utils.remove_spectral_norm(nn.utils.spectral_norm(nn.Linear(4, 3)))", (2, 4)),
    ("nn.utils.parametrizations.weight_norm(nn.Linear(4, 3), dim=1)", (2, 4)),
    ("nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))", (2, 4)),
    ("nn.utils.parametrizations.spectral_norm(nn.Conv2d(2, 3, 2), dim=1)", (1, 2, 3, 3)),
]


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated")
@pytest.mark.parametrize(("source", "shapes"), LAYERS)
def test_layers(source: str, shapes: Any) -> None:
    inputs = [draw(*shape, seed=i) for i, shape in enumerate(shapes_of(shapes))]
    # PyTorch multiplies the gradient of hardsigmoid by 1/6 in single precision.
    rtol = 1e-7 if "Hardsigmoid" in source else 1e-9
    # PyTorch's fused weight_norm has other second derivatives than the formula written out.
    second = "nn.Hards" not in source and "weight_norm" not in source
    check_layer(source, inputs, second=second, rtol=rtol)


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("nn.BatchNorm1d(4)", (5, 4)),
        ("nn.BatchNorm2d(3, track_running_stats=False)", (2, 3, 2, 4)),
        ("nn.InstanceNorm2d(3, track_running_stats=True)", (2, 3, 4, 2)),
        ("nn.Dropout(0.5)", (3, 4)),
        ("nn.RReLU()", (3, 4)),
        ("nn.AlphaDropout(0.5)", (3, 4)),
        ("nn.utils.spectral_norm(nn.Linear(4, 3))", (2, 4)),
        ("nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))", (2, 4)),
    ],
)
def test_layers_in_evaluation(source: str, shape: Any) -> None:
    check_layer(source, [draw(*shape)], second=True, training=False)


TABLES = """
nn.Embedding(5, 3)
nn.Embedding(5, 3, padding_idx=2)
nn.Embedding(5, 3, padding_idx=-1)
nn.Embedding(5, 3, max_norm=1.0)
nn.Embedding.from_pretrained(torch.ones(5, 3))
nn.EmbeddingBag(5, 3)
nn.EmbeddingBag(5, 3, mode='max')
nn.EmbeddingBag(5, 3, mode='sum', padding_idx=2, max_norm=2.0)
""".strip().split("\n")


@pytest.mark.parametrize("source", TABLES)
def test_tables(source: str) -> None:
    # PyTorch scales rows with a single-precision constant.
    rtol = 1e-6 if "max_norm" in source else 1e-9
    second = "max_norm" not in source and "Bag" not in source  # PyTorch has none of bags
    check_layer(source, [np.array([[0, 2, 2], [4, 1, 2]])], second=second, rtol=rtol)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", ["", "padding_idx=1", "include_last_offset=True"])
def test_bags(mode: str, options: str) -> None:
    import torch

    offsets = [0, 0, 3, 5] if options else [0, 2, 2, 5]
    factors = "" if mode != "sum" else "per_sample_weights=w,"
    source = f"F.embedding_bag(i, t, o, mode={mode!r}, {factors} {options})"
    pairs = []
    for t in (ours, torch):
        numbers = {"i": t.tensor([0, 2, 1, 2, 4]), "o": t.tensor(offsets)}

        def call(table: Any, w: Any, t: Any = t, numbers: Any = numbers) -> Any:
            return evaluated(t, source, t=table, w=w, **numbers)

        pairs.append(results(t, call, [draw(5, 3), draw(5, seed=1)], [], second=False))
    compare(*pairs)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("corners", [False, True])
def test_grids(mode: str, padding: str, corners: bool) -> None:
    import torch

    options = f"mode={mode!r}, padding_mode={padding!r}, align_corners={corners}"
    pairs = []
    for t in (ours, torch):

        def flat(x: Any, grid: Any, t: Any = t) -> Any:
            return evaluated(t, f"F.grid_sample(x, grid, {options})", x=x, grid=grid)

        def turned(x: Any, theta: Any, t: Any = t) -> Any:
            grid = f"F.affine_grid(theta, (2, 2, 3, 5), align_corners={corners})"
            return evaluated(t, f"F.grid_sample(x, {grid}, {options})", x=x, theta=theta)

        def deep(x: Any, theta: Any, t: Any = t) -> Any:
            grid = f"F.affine_grid(theta, (1, 1, 2, 3, 2), align_corners={corners})"
            return evaluated(t, f"F.grid_sample(x, {grid}, {options})", x=x, theta=theta)

        images = draw(2, 2, 4, 3)
        second = mode != "bicubic"  # PyTorch has none
        found = results(t, flat, [images, draw(2, 3, 2, 2, seed=1)], [], second=second)
        found += results(t, turned, [images, draw(2, 2, 3, seed=2)], [], second=second)
        if mode != "bicubic":
            volumes = draw(1, 1, 3, 2, 4)
            found += results(t, deep, [volumes, draw(1, 3, 4, seed=3)], [], second=second)
        pairs.append(found)
    compare(*pairs)


def test_unpooling() -> None:
    import torch

    programs = {
        "m.unpool1(*F.max_pool1d(x[0], 2, return_indices=True))": "1d(2)",
        "m.unpool1(*F.max_pool2d(x, 2, return_indices=True), output_size=(5, 6))": "2d(2)",
        "m.unpool1(*F.max_pool2d(x, 3, 3, 1, 1, False, True), output_size=(5, 6))": "2d(3, 3, 1)",
        "m.unpool1(*F.max_pool3d(x, (1, 2, 2), return_indices=True), (3, 5, 6))": "3d((1, 2, 2))",
    }
    for call, layer in programs.items():
        source = f"nn.ModuleDict(dict(unpool1=nn.MaxUnpool{layer}))"
        modules = [(evaluated(t, source), t) for t in (ours, torch)]
        assert repr(modules[0][0]) == repr(modules[1][0])
        pairs = []
        for module, t in modules:

            def run(x: Any, m: Any = module, t: Any = t, call: str = call) -> Any:
                return evaluated(t, call, x=x, m=m)

            pairs.append(results(t, run, [draw(2, 3, 5, 6)], [], second=False))
        compare(*pairs)


def test_running_statistics_over_several_batches() -> None:
    import torch

    found = []
    for t in (ours, torch):
        layer = t.nn.BatchNorm2d(3, momentum=None)
        for seed in range(3):
            layer(t.tensor(draw(4, 3, 2, 2, seed=seed), dtype=t.float32))
        state = layer.state_dict()
        assert str(layer.num_batches_tracked) == "tensor(3)"
        found.append([state[k].numpy() for k in ("running_mean", "running_var")])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


SCORES, CLASSES = draw(3, 4), np.array([1, 0, 3])
SIGNS = np.array([1.0, -1.0, 1.0])
PROBABILITIES = np.exp(draw(3, 4)) / np.exp(draw(3, 4)).sum(1, keepdims=True)

LOSSES: list[tuple[str, list[Any]]] = [
    *[(f"nn.{name}(%s)", [draw(3, 4), draw(3, 4, seed=1)]) for name in ("L1Loss", "MSELoss")],
    ("nn.SmoothL1Loss(%s, beta=0.5)", [draw(3, 4), draw(3, 4, seed=1)]),
    ("nn.HuberLoss(%s, delta=0.5)", [draw(3, 4), draw(3, 4, seed=1)]),
    ("nn.BCEWithLogitsLoss(%s)", [draw(3, 4), PROBABILITIES]),
    ("nn.BCELoss(%s)", [PROBABILITIES, PROBABILITIES[::-1].copy()]),
    (
        "nn.BCEWithLogitsLoss(%s, pos_weight=torch.ones(4).double() * 2)",
        [draw(3, 4), PROBABILITIES],
    ),
    ("nn.CrossEntropyLoss(%s)", [SCORES, CLASSES]),
    ("nn.CrossEntropyLoss(%s)", [SCORES[0], CLASSES[0]]),
    ("nn.CrossEntropyLoss(%s)", [SCORES, PROBABILITIES]),
    ("nn.CrossEntropyLoss(%s, ignore_index=0)", [SCORES, CLASSES]),
    ("nn.CrossEntropyLoss(%s, label_smoothing=0.1)", [SCORES, CLASSES]),
    ("nn.CrossEntropyLoss(torch.arange(1.0, 5.0).double(), %s)", [SCORES, CLASSES]),
    ("nn.CrossEntropyLoss(%s)", [draw(2, 3, 2, 2), np.array([[[0, 1], [2, 0]]] * 2)]),
    ("nn.NLLLoss(%s)", [SCORES, CLASSES]),
    ("nn.KLDivLoss(%s)", [np.log(PROBABILITIES), PROBABILITIES[::-1].copy()]),
    ("nn.KLDivLoss(%s, log_target=True)", [np.log(PROBABILITIES), draw(3, 4)]),
    ("nn.PoissonNLLLoss(%s)", [draw(3, 4), np.exp(draw(3, 4))]),
    ("nn.HingeEmbeddingLoss(%s)", [draw(3), SIGNS]),
    ("nn.SoftMarginLoss(%s)", [draw(3), SIGNS]),
    ("nn.MarginRankingLoss(%s)", [draw(3), draw(3, seed=1), SIGNS]),
    ("nn.CosineEmbeddingLoss(%s)", [draw(3, 4), draw(3, 4, seed=1), SIGNS]),
    ("nn.TripletMarginLoss(%s)", [draw(3, 4), draw(3, 4, seed=1), draw(3, 4, seed=2)]),
    ("nn.TripletMarginWithDistanceLoss(%s)", [draw(3, 4), draw(3, 4, seed=1), draw(3, 4, seed=2)]),
    ("nn.MultiMarginLoss(%s)", [SCORES, CLASSES]),
    ("nn.MultiMarginLoss(2, 0.5, torch.arange(1.0, 5.0).double(), %s)", [SCORES, CLASSES]),
    ("nn.MultiMarginLoss(%s)", [SCORES[0], CLASSES[0]]),
    ("nn.MultiLabelMarginLoss(%s)", [SCORES, np.array([[1, 3, -1, 0], [2, -1, 1, 1], [-1] * 4])]),
    ("nn.MultiLabelMarginLoss(%s)", [SCORES[0], np.array([3, 0, 1, -1])]),
    ("nn.MultiLabelSoftMarginLoss(%s)", [SCORES, PROBABILITIES]),
    ("nn.MultiLabelSoftMarginLoss(torch.arange(4.0).double(), %s)", [SCORES, PROBABILITIES]),
    ("nn.GaussianNLLLoss(%s)", [draw(3, 4), draw(3, 4, seed=1), PROBABILITIES]),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("source", "inputs"), LOSSES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_losses(source: str, inputs: list[Any], reduction: str) -> None:
    if source.startswith("nn.BCELoss"):
        inputs = inputs[:1] + [np.round(inputs[1])]
    written = source % f"reduction={reduction!r}"
    # PyTorch has no second derivatives of these two.
    second = not source.startswith(("nn.MultiMargin", "nn.MultiLabelMargin"))
    constant = {1} if "Loss" in source and len(inputs) == 2 else {len(inputs) - 1}
    import torch

    pairs, texts = [], []
    for t in (ours, torch):
        loss = evaluated(t, written)
        fixed = [t.tensor(inputs[i]) if i in constant else None for i in range(len(inputs))]

        def call(*given: Any, loss: Any = loss, fixed: Any = fixed) -> Any:
            free = iter(given)
            return loss(*[next(free) if f is None else f for f in fixed])

        free = [x for i, x in enumerate(inputs) if i not in constant]
        pairs.append(results(t, call, free, [], second=second))
        texts.append(repr(loss))
    compare(*pairs)
    assert texts[0] == texts[1]
