"""Layers beside PyTorch's: text, keys of the state, values and gradients with the same weights."""

from __future__ import annotations

import inspect
import operator
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import functrans.torch as ours

pytestmark = pytest.mark.oracle("torch", "scipy")

_EVAL = {"OrderedDict": OrderedDict, "np": np}


def draw(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def evaluated(torch: Any, source: str, **values: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scope = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, **_EVAL, **values}
        return eval(source, scope)


def flat(out: Any) -> list[Any]:
    """The tensors in nested tuples."""
    if isinstance(out, tuple | list):
        return [t for x in out for t in flat(x)]
    return [] if out is None else [out]


def results(
    torch: Any, function: Callable[..., Any], inputs: list[Any], parameters: list[Any], second: bool
) -> list[Any]:
    """The values, the gradients by inputs and parameters, and those of the squared gradients."""
    args = [
        torch.tensor(x, requires_grad=True) if np.asarray(x).dtype.kind == "f" else torch.tensor(x)
        for x in inputs
    ]
    outs = flat(function(*args))
    found = [out.detach().numpy() for out in outs]
    sources = [a for a in args if a.requires_grad] + parameters
    loss: Any = 0.0
    for out in outs:
        if out.requires_grad:
            weights = torch.tensor(np.cos(np.arange(out.numel())).reshape(tuple(out.shape)))
            loss = loss + (out * weights).sum() + (out * out * weights).sum()
    if not sources or isinstance(loss, float):
        return found
    grads = torch.autograd.grad(loss, sources, create_graph=second, allow_unused=True)
    found += [np.zeros(()) if g is None else g.detach().numpy() for g in grads]
    if second:
        square = sum((g * g).sum() for g in grads if g is not None and g.requires_grad)
        if not isinstance(square, int):
            again = torch.autograd.grad(square, sources, allow_unused=True)
            found += [np.zeros(()) if g is None else g.detach().numpy() for g in again]
    return found


def compare(given: list[Any], expected: list[Any], rtol: float = 1e-9) -> None:
    assert len(given) == len(expected)
    for a, b in zip(given, expected, strict=True):
        if not b.shape and not a.any():  # PyTorch has no gradient, ours is zero, or the reverse
            continue
        if not a.shape and not b.any():
            continue
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def check_layer(
    source: str, inputs: list[Any], second: bool, training: bool = True, rtol: float = 1e-9
) -> None:
    import torch

    theirs, mine = evaluated(torch, source), evaluated(ours, source)
    assert repr(mine) == repr(theirs)
    state = theirs.double().state_dict()
    assert list(mine.state_dict()) == list(state)
    assert [k for k, _ in mine.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    mine.double().load_state_dict({k: v.numpy() for k, v in state.items()})
    pairs = []
    for module, t in ((mine, ours), (theirs, torch)):
        module.train(training)
        parameters = list(module.parameters())
        pairs.append(results(t, module, inputs, parameters, second))
        pairs[-1] += [b.numpy().astype(float) for b in module.buffers()]
    compare(*pairs, rtol=rtol)


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
]


def shapes_of(given: Any) -> list[tuple[int, ...]]:
    return list(given) if given and isinstance(given[0], tuple) else [given]


@pytest.mark.filterwarnings("ignore:Implicit dimension choice")
@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("source", "shapes"), LAYERS)
def test_layers(source: str, shapes: Any) -> None:
    inputs = [draw(*shape, seed=i) for i, shape in enumerate(shapes_of(shapes))]
    # PyTorch multiplies the gradient of hardsigmoid by 1/6 in single precision.
    rtol = 1e-7 if "Hardsigmoid" in source else 1e-9
    check_layer(source, inputs, second="nn.Hards" not in source, rtol=rtol)


@pytest.mark.parametrize(
    ("source", "shape"),
    [
        ("nn.BatchNorm1d(4)", (5, 4)),
        ("nn.BatchNorm2d(3, track_running_stats=False)", (2, 3, 2, 4)),
        ("nn.InstanceNorm2d(3, track_running_stats=True)", (2, 3, 4, 2)),
        ("nn.Dropout(0.5)", (3, 4)),
        ("nn.RReLU()", (3, 4)),
        ("nn.AlphaDropout(0.5)", (3, 4)),
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
""".strip().split("\n")


@pytest.mark.parametrize("source", TABLES)
def test_tables(source: str) -> None:
    # PyTorch scales rows with a single-precision constant.
    rtol = 1e-6 if "max_norm" in source else 1e-9
    second = "max_norm" not in source
    check_layer(source, [np.array([[0, 2, 2], [4, 1, 2]])], second=second, rtol=rtol)


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
    ("nn.GaussianNLLLoss(%s)", [draw(3, 4), draw(3, 4, seed=1), PROBABILITIES]),
]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("source", "inputs"), LOSSES)
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
def test_losses(source: str, inputs: list[Any], reduction: str) -> None:
    if source.startswith("nn.BCELoss"):
        inputs = inputs[:1] + [np.round(inputs[1])]
    written = source % f"reduction={reduction!r}"
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
        pairs.append(results(t, call, free, [], second=True))
        texts.append(repr(loss))
    compare(*pairs)
    assert texts[0] == texts[1]


NOT_TAKEN = {"min_value", "max_value", "_stacklevel"}
"""Parameters that PyTorch itself has given up, or that are nobody's."""


def parameters(function: Any) -> list[tuple[str, Any]] | None:
    try:
        every = inspect.signature(function).parameters.values()
    except ValueError:  # PyTorch's functions in C++ have none
        return None
    named = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [(p.name, repr(p.default)) for p in named if p.name not in NOT_TAKEN]


def test_signatures() -> None:
    """Every class and function of the namespaces has PyTorch's parameters and defaults."""
    import torch

    for space in ("nn", "nn.functional", "nn.init"):
        mine, theirs = (operator.attrgetter(space)(t) for t in (ours, torch))
        for name, function in vars(mine).items():
            other = getattr(theirs, name, None)
            if name[0] == "_" or not callable(function) or other is None:
                continue
            wanted = parameters(other)
            # Functions behind a dispatch show no parameters, and functools.partial other ones.
            if wanted and not name.startswith("Uninitialized"):
                assert parameters(function) == wanted, f"{space}.{name}"


TEXTS = """
nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)])
nn.ModuleList()
nn.ModuleDict({'a': nn.Linear(1, 1), 'b': nn.Sequential(nn.ReLU(True))})
nn.ParameterList([torch.ones(2), torch.zeros(3, 2)])
nn.ParameterDict({'a': torch.ones(2)})
nn.Parameter(torch.ones(2, 2))
nn.Sequential()
nn.Sequential(nn.Sequential(nn.Sequential(nn.Tanh())))
nn.Linear(2, 1).state_dict(prefix='x.').keys()
nn.Linear(2, 1, bias=False).load_state_dict({'weight': torch.ones(1, 2)})
nn.Sequential(nn.Linear(1, 1)).load_state_dict({}, strict=False)
nn.Hardtanh(inplace=True)
nn.LeakyReLU(inplace=True)
nn.RReLU()
nn.Embedding(5, 3, 1, 2.0, 3.0)
nn.Conv2d(2, 4, 3, groups=2, bias=False, dilation=2)
nn.ConvTranspose2d(2, 4, 3, 2, output_padding=1)
nn.Dropout(inplace=True)
nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)).state_dict().keys()
nn.BatchNorm2d(2).state_dict()._metadata
F.one_hot(torch.tensor([[0, 2]]))
F.one_hot(torch.tensor([1]), 3)
F.pad(torch.ones(1, 2), (1, 0), value=3)
""".strip().split("\n")


@pytest.mark.parametrize("source", TEXTS)
def test_text(source: str) -> None:
    import torch

    assert repr(evaluated(ours, source)) == repr(evaluated(torch, source))


ERRORS = """
nn.Linear(2, 1)(torch.ones(3))
nn.Linear(2, 1)(torch.ones(4, 3))
nn.Linear(2, 1)(torch.ones(4, 2).double())
nn.Linear(2, 1).load_state_dict({})
nn.Linear(2, 1).load_state_dict({'weight': torch.ones(2, 2), 'bias': torch.ones(1), 'x': 3})
nn.Linear(2, 1).load_state_dict({'weight': torch.ones(1, 2), 'bias': 3})
nn.Linear(2, 1).load_state_dict([])
nn.Linear(2, 1).register_parameter('a.b', None)
nn.Linear(2, 1).register_parameter('', None)
nn.Linear(2, 1).register_parameter('forward', None)
nn.Linear(2, 1).register_parameter(3, None)
nn.Linear(2, 1).register_parameter('w', torch.ones(1))
nn.Linear(2, 1).register_buffer('a.b', None)
nn.Linear(2, 1).register_buffer('w', 3)
nn.Linear(2, 1).register_module('w', 3)
nn.Linear(2, 1).register_module('a.b', None)
nn.Linear(2, 1).__setattr__('weight', torch.ones(1))
nn.Linear(2, 1).__setattr__('weight', 'a')
nn.Sequential(nn.Tanh()).__setattr__('0', 3)
nn.Linear(2, 1).nothing
nn.Linear(2, 1).get_submodule('a.b')
nn.Linear(2, 1).get_parameter('forward')
nn.Linear(2, 1).get_buffer('weight')
nn.Module()(torch.ones(1))
nn.Linear(2, 1).to(torch.int32)
nn.Linear(2, 1).train(3)
nn.Sequential(3)
nn.Sequential(nn.Tanh())[3]
nn.ModuleList(nn.Tanh())
nn.ModuleDict([3])
F.cross_entropy(torch.ones(3, 2), torch.tensor([1, 1]))
F.cross_entropy(torch.ones(3, 2), torch.tensor([1, 1, 2]))
F.cross_entropy(torch.ones(3, 2), torch.ones(3, 2).long())
F.cross_entropy(torch.ones(2, 3, 2), torch.ones(2, 3).long())
F.nll_loss(torch.ones(3, 2), torch.tensor([1, 1, -1]))
F.mse_loss(torch.ones(2), torch.ones(2), reduction='x')
F.binary_cross_entropy(torch.ones(2), torch.ones(3))
F.binary_cross_entropy(torch.ones(2) * 2, torch.ones(2))
F.binary_cross_entropy_with_logits(torch.ones(2), torch.ones(3))
F.gelu(torch.ones(2), approximate='x')
F.glu(torch.ones(3))
F.softshrink(torch.ones(3), -1.0)
F.prelu(torch.ones(3, 3), torch.ones(2))
nn.init.kaiming_uniform_(torch.ones(3))
nn.init.kaiming_uniform_(torch.ones(3, 3), mode='x')
nn.init.calculate_gain('x')
nn.init.eye_(torch.ones(3))
nn.init.dirac_(torch.ones(3))
nn.init.orthogonal_(torch.ones(3))
nn.Unflatten(1, 3)
nn.Hardtanh(2.0, 1.0)
nn.TripletMarginLoss(-1.0)
F.conv2d(torch.ones(2, 3), torch.ones(4, 3, 3, 3))
F.conv2d(torch.ones(1, 2, 8, 8), torch.ones(4, 3, 3, 3))
F.conv2d(torch.ones(1, 3, 2, 2), torch.ones(4, 3, 3, 3))
F.conv2d(torch.ones(1, 3, 8, 8).double(), torch.ones(4, 3, 3, 3))
F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), torch.ones(3))
F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), padding='same', stride=2)
F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), padding='x')
F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), stride=0)
F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(4, 3, 3, 3), groups=2)
F.conv_transpose2d(torch.ones(1, 2, 4, 4), torch.ones(3, 3, 3, 3))
nn.Conv2d(3, 4, 3, padding='same', stride=2)
nn.Conv2d(3, 4, 3, groups=2)
nn.Conv2d(3, 4, 3, groups=0)
nn.ConvTranspose2d(2, 2, 3)(torch.ones(1, 2, 4, 4), output_size=(20, 20))
F.max_pool2d(torch.ones(3, 3), 2)
F.max_pool2d(torch.ones(1, 3, 3), 5)
F.max_pool2d(torch.ones(1, 3, 3), 2, padding=2)
F.avg_pool2d(torch.ones(1, 3, 3), 2, padding=2)
F.max_pool1d(torch.ones(3), 2)
F.adaptive_avg_pool2d(torch.ones(3, 3), 2)
F.batch_norm(torch.ones(1, 3), None, None, training=True)
F.batch_norm(torch.ones(2, 3), torch.ones(4), torch.ones(4), training=True)
F.batch_norm(torch.ones(2, 3), None, None)
nn.BatchNorm1d(3)(torch.ones(2, 3, 4, 5))
nn.BatchNorm2d(3)(torch.ones(2, 3))
nn.BatchNorm2d(3)(torch.ones(2, 4, 5, 5))
F.layer_norm(torch.ones(3, 4), (5,))
F.rms_norm(torch.ones(3, 4), (5,))
F.group_norm(torch.ones(2, 5), 2)
nn.GroupNorm(2, 5)
nn.GroupNorm(2, 4)(torch.ones(2, 6, 3))
F.instance_norm(torch.ones(1, 3, 1))
nn.InstanceNorm1d(3)(torch.ones(2, 3, 4, 5))
F.dropout(torch.ones(2), 1.5)
nn.Dropout(2)
F.embedding(torch.tensor([5]), torch.ones(3, 2))
F.embedding(torch.ones(3), torch.ones(3, 2))
F.embedding(torch.tensor([1]), torch.ones(3, 2), padding_idx=7)
F.one_hot(torch.tensor([3]), 2)
F.one_hot(torch.tensor([-3]))
F.one_hot(torch.ones(3))
F.pad(torch.ones(2, 3), (1, 1, 1))
F.pad(torch.ones(1, 2, 3), (4, 1), mode='reflect')
F.pad(torch.ones(1, 2, 3), (4, 1), mode='x')
F.pad(torch.ones(2), (1, 1, 1, 1))
F.interpolate(torch.ones(1, 2, 3))
F.interpolate(torch.ones(1, 2, 3), size=4, scale_factor=2)
F.interpolate(torch.ones(1, 2, 3), size=4, mode='bilinear')
F.interpolate(torch.ones(1, 2, 3), size=4, align_corners=True)
F.pixel_shuffle(torch.ones(1, 3, 2, 2), 2)
F.fold(torch.ones(1, 3, 4), (2, 2), 2)
F.channel_shuffle(torch.ones(1, 3, 2, 2), 2)
nn.ReflectionPad2d(5)(torch.ones(1, 2, 2))
""".strip().split("\n")


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source: str) -> None:
    """The class of the error and its text."""
    import torch

    messages = []
    for t in (torch, ours):
        with pytest.raises(Exception) as error:  # noqa: B017, PT011
            evaluated(t, source)
        messages.append((type(error.value).__name__, str(error.value)))
    theirs, mine = messages
    assert mine[0] == theirs[0]
    assert mine[1].replace("functrans.torch", "torch")[:60] == theirs[1][:60]
