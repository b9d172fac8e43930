"""Recurrent networks, attention, transformers and packed sequences beside PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import functrans.torch as ours
from tests.shim.as_pytorch import check_layer, compare, draw, evaluated, results, shapes_of

pytestmark = pytest.mark.oracle("torch", "scipy")

LAYERS: list[tuple[str, tuple[int, ...] | tuple[tuple[int, ...], ...]]] = [
    ("nn.RNN(3, 2)", (4, 2, 3)),
    ("nn.RNN(3, 2, 2, nonlinearity='relu', batch_first=True)", (2, 4, 3)),
    ("nn.RNN(3, 2, bidirectional=True, bias=False)", ((4, 2, 3), (2, 2, 2))),
    ("nn.GRU(3, 2, num_layers=2, bidirectional=True)", (4, 2, 3)),
    ("nn.GRU(3, 2)", ((4, 3), (1, 2))),
    ("nn.LSTM(3, 2, num_layers=2)", (4, 2, 3)),
    ("nn.LSTM(3, 4, proj_size=2, bidirectional=True, num_layers=2, batch_first=True)", (2, 4, 3)),
    ("nn.LSTM(3, 4, proj_size=2, bias=False)", (4, 3)),
    ("nn.RNNCell(3, 2, nonlinearity='relu')", (4, 3)),
    ("nn.RNNCell(3, 2, bias=False)", ((4, 3), (4, 2))),
    ("nn.GRUCell(3, 2)", ((4, 3), (4, 2))),
    ("nn.LSTMCell(3, 2)", (4, 3)),
    ("nn.MultiheadAttention(4, 2)", ((3, 2, 4), (5, 2, 4), (5, 2, 4))),
    ("nn.MultiheadAttention(4, 2, bias=False, batch_first=True)", ((2, 3, 4),) * 3),
    ("nn.MultiheadAttention(4, 2, kdim=3, vdim=5)", ((3, 2, 4), (6, 2, 3), (6, 2, 5))),
    ("nn.MultiheadAttention(4, 1)", ((3, 4),) * 3),
    ("nn.MultiheadAttention(4, 2, add_bias_kv=True)", ((3, 2, 4), (5, 2, 4), (5, 2, 4))),
    (
        "nn.MultiheadAttention(4, 2, add_zero_attn=True, kdim=3, vdim=3)",
        ((3, 2, 4), *((6, 2, 3),) * 2),
    ),
    ("nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True)", ((3, 4),) * 3),
    ("nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0)", (3, 2, 4)),
    (
        "nn.TransformerEncoderLayer(4, 2, 6, 0.0, 'gelu', batch_first=True, norm_first=True)",
        (2, 3, 4),
    ),
    ("nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, bias=False)", (3, 2, 4)),
    ("nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0)", ((3, 2, 4), (5, 2, 4))),
    ("nn.TransformerDecoderLayer(4, 2, 6, 0.0, norm_first=True)", ((3, 2, 4), (5, 2, 4))),
    (
        "nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6, 0.0), 2, nn.LayerNorm(4),"
        " enable_nested_tensor=False)",
        (3, 2, 4),
    ),
    ("nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 6, 0.0), 2)", ((3, 2, 4),) * 2),
    ("nn.Transformer(4, 2, 1, 1, 6, 0.0, batch_first=True)", ((2, 3, 4), (2, 5, 4))),
]


@pytest.mark.parametrize(("source", "shapes"), LAYERS)
def test_layers(source: str, shapes: Any) -> None:
    inputs = [draw(*shape, seed=i) for i, shape in enumerate(shapes_of(shapes))]
    # PyTorch has no second derivatives of attention without weights.
    check_layer(source, inputs, second="Transformer" not in source)


def test_states_and_masks() -> None:
    """Arguments that a layer takes besides its inputs."""
    import torch

    padding = np.array([[False, False, True], [False, False, False]])
    causal = np.triu(np.ones((3, 3), bool), 1)
    programs = [
        ("nn.LSTM(3, 2)", "m(x, (h, h * 2))"),
        ("nn.LSTMCell(3, 2)", "m(x[0], (h[0], h[0] * 2))"),
        ("nn.MultiheadAttention(4, 2)", "m(z, z, z, key_padding_mask=pad)"),
        ("nn.MultiheadAttention(4, 2)", "m(z, z, z, attn_mask=causal, is_causal=True)"),
        (
            "nn.MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True)",
            "m(z, z, z, key_padding_mask=pad, attn_mask=causal)",
        ),
        ("nn.MultiheadAttention(4, 2)", "m(z, z, z, average_attn_weights=False)"),
        ("nn.MultiheadAttention(4, 2)", "m(z, z, z, need_weights=False)[0]"),
        (
            "nn.TransformerEncoderLayer(4, 2, 6, 0.0)",
            "m(z, src_mask=nn.Transformer.generate_square_subsequent_mask(3).double(),"
            " is_causal=True)",
        ),
        ("nn.TransformerEncoderLayer(4, 2, 6, 0.0)", "m(z, src_key_padding_mask=pad)"),
        (
            "nn.Transformer(4, 2, 1, 1, 6, 0.0)",
            "m(z, z, tgt_mask=causal, src_key_padding_mask=pad, memory_key_padding_mask=pad)",
        ),
    ]
    for source, call in programs:
        theirs, mine = evaluated(torch, source).double(), evaluated(ours, source).double()
        mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        pairs = []
        for module, t in ((mine, ours), (theirs, torch)):

            def run(
                x: Any, h: Any, z: Any, module: Any = module, t: Any = t, call: str = call
            ) -> Any:
                masks = {"pad": t.tensor(padding), "causal": t.tensor(causal)}
                return evaluated(t, call, m=module, x=x, h=h, z=z, **masks)

            inputs = [draw(4, 2, 3), draw(1, 2, 2), draw(3, 2, 4)]
            pairs.append(results(t, run, inputs, list(module.parameters()), second=False))
        compare(*pairs)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["RNN(3, 2", "GRU(3, 2", "LSTM(3, 2", "LSTM(3, 4, proj_size=2"])
def test_packed_sequences(kind: str, bidirectional: bool) -> None:
    import torch

    source = f"nn.{kind}, num_layers=2, bidirectional={bidirectional})"
    theirs, mine = evaluated(torch, source).double(), evaluated(ours, source).double()
    mine.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    pairs = []
    for module, t in ((mine, ours), (theirs, torch)):

        def run(x: Any, h: Any, module: Any = module, t: Any = t) -> Any:
            rnn = t.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, t.tensor([2, 4, 1]), enforce_sorted=False)
            out, last = module(packed)
            padded, lengths = rnn.pad_packed_sequence(out, padding_value=-1.0)
            return [out.data, out.batch_sizes, out.sorted_indices, padded, lengths, last]

        parameters = list(module.parameters())
        pairs.append(results(t, run, [draw(4, 3, 3), draw(1)], parameters, second=False))
    compare(*pairs)


def test_sequences() -> None:
    import torch

    pairs = []
    for t in (ours, torch):

        def run(a: Any, b: Any, t: Any = t) -> Any:
            rnn = t.nn.utils.rnn
            packed = rnn.pack_sequence([a, b])
            padded = rnn.pad_sequence([a, b], batch_first=True, padding_value=2.0)
            left = rnn.pad_sequence([b, a], padding_side="left")
            again = rnn.unpack_sequence(packed)
            parts = rnn.unpad_sequence(padded, t.tensor([4, 2]), batch_first=True)
            total = rnn.pad_packed_sequence(packed, total_length=6)
            return [packed.data, packed.batch_sizes, padded, left, again, parts, total]

        pairs.append(results(t, run, [draw(4, 2), draw(2, 2, seed=1)], [], second=True))
    compare(*pairs)
