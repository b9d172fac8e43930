"""Signatures, texts and errors of the namespaces of modules beside PyTorch's."""

from __future__ import annotations

import inspect
import operator
from typing import Any

import pytest

import functrans.torch as ours
from tests.shim.as_pytorch import evaluated

pytestmark = pytest.mark.oracle("torch", "scipy")

NOT_TAKEN = {"min_value", "max_value", "_stacklevel"}
"""Parameters that PyTorch itself has given up, or that are nobody's."""


def parameters(function: Any) -> list[tuple[str, Any]] | None:
    try:
        every = inspect.signature(function).parameters.values()
    except ValueError:  # PyTorch's functions in C++ have none
        return None
    named = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    defaults = [(p.name, p.default) for p in named if p.name not in NOT_TAKEN]
    return [(name, d.__name__ if inspect.isroutine(d) else repr(d)) for name, d in defaults]


def test_signatures() -> None:
    """Every class and function of the namespaces has PyTorch's parameters and defaults."""
    import torch

    for space in ("nn", "nn.functional", "nn.init", "nn.utils", "nn.utils.rnn"):
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
nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
nn.utils.parametrizations.weight_norm(nn.Conv2d(2, 3, 1), dim=1).state_dict().keys()
nn.utils.parametrize.is_parametrized(nn.Linear(2, 3))
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
nn.Linear(2, 1).set_submodule('', nn.Tanh())
nn.Linear(2, 1).set_submodule('a.b', nn.Tanh())
nn.Linear(2, 1).set_submodule('weight', nn.Tanh())
nn.Linear(2, 1).set_submodule('a', nn.Tanh(), strict=True)
nn.Linear(2, 1).set_submodule('a', 3)
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
nn.MultiheadAttention(5, 2)
nn.MultiheadAttention(4, 2)(*[torch.ones(3, 1, 4)] * 3, is_causal=True)
nn.LSTM(3, 4)(torch.ones(2, 3, 5))
nn.LSTM(3, 4)(torch.ones(2, 3))[0].sum().backward(torch.ones(3))
nn.LSTM(3, 4)(torch.ones(2, 3, 3), (torch.ones(1, 2, 4), torch.ones(1, 2, 4)))
nn.RNN(3, 4)(torch.ones(2, 3, 3), torch.ones(1, 2, 4))
nn.RNN(3, 4)(torch.ones(3))
nn.LSTM(3, 4, dropout=2.0)
nn.RNN(3, 4, nonlinearity='x')
nn.GRU(3, 4, proj_size=2)
nn.LSTM(3, 4, proj_size=5)
nn.LSTM(3, 0)
nn.LSTM(3, 4.0)
nn.LSTM(3, 4, 0)
nn.RNNCell(3, 4)(torch.ones(2, 5))
nn.RNNCell(3, 4)(torch.ones(2, 3), torch.ones(3, 4))
nn.RNNCell(3, 4)(torch.ones(2, 3), torch.ones(2, 3))
nn.RNNCell(3, 4)(torch.ones(2, 3), torch.ones(4))
nn.Transformer(d_model=5)
nn.LSTM(3, 4)(torch.ones(3, 3), (torch.ones(1, 1, 4),) * 2)
nn.LSTM(3, 4)(torch.ones(3, 3), (torch.ones(2, 4),) * 2)
nn.GRU(3, 4)(torch.ones(2, 3, 3), torch.ones(1, 4))
nn.GRU(3, 4)(torch.ones(3))
nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 1), [1, 3])
nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 1), [3])
nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 1), [3, 0])
nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([torch.ones(3)]), total_length=2)
F.scaled_dot_product_attention(*[torch.ones(2, 3)] * 3, attn_mask=torch.ones(2, 2), is_causal=True)
nn.utils.vector_to_parameters(3, [])
nn.utils.parametrize.register_parametrization(nn.Linear(2, 3), 'x', nn.Identity())
nn.utils.parametrize.register_parametrization(nn.Linear(2, 3), 'weight', nn.Flatten(0))
nn.utils.parametrize.remove_parametrizations(nn.Linear(2, 3), 'weight')
nn.MultiMarginLoss(3)
F.grid_sample(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 2), mode='x')
F.grid_sample(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 2), padding_mode='x')
F.affine_grid(torch.ones(1, 2, 2), (1, 1, 2, 2))
F.affine_grid(torch.ones(1, 2, 3), (1, 2, 2))
F.max_unpool2d(torch.ones(1, 2, 2), torch.ones(1, 2).long(), 2)
nn.MultiMarginLoss(weight=torch.ones(1, 2))
nn.EmbeddingBag(3, 2, padding_idx=5)
F.embedding_bag(torch.tensor([1]), torch.ones(3, 2))
F.embedding_bag(torch.tensor([[1]]), torch.ones(3, 2), torch.tensor([0]))
F.embedding_bag(torch.tensor([[1]]), torch.ones(3, 2), mode='x')
F.embedding_bag(torch.tensor([[1]]), torch.ones(3, 2), per_sample_weights=torch.ones(1, 1))
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
