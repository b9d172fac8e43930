"""The workloads, in the order of the report: one file each. A new one is a file and a line here."""

from __future__ import annotations

from importlib.util import find_spec

from benchmarks.workload import AnyWorkload
from benchmarks.workloads import (
    adam,
    black_scholes,
    calls,
    chain,
    first_result,
    fresh_process,
    gaussian_process,
    gelu,
    hessian,
    import_time,
    kalman,
    layer_norm,
    lotka_volterra,
    lstm,
    mlp,
    n_body,
    newton,
    per_example,
    random_normal,
    rk4,
    rnn,
    scalar_function,
    scan_rnn,
    softmax_loss,
    staged_chain,
    stencil,
    tape,
    tensor_chain,
    tensor_mlp,
    tensor_resnet,
    transformer,
    untraced,
)

# Its error function is SciPy's.
WITH_SCIPY: tuple[AnyWorkload, ...] = (black_scholes.WORKLOAD,) if find_spec("scipy") else ()

WORKLOADS: tuple[AnyWorkload, ...] = (
    untraced.WORKLOAD,
    calls.WORKLOAD,
    chain.WORKLOAD,
    staged_chain.WORKLOAD,
    *WITH_SCIPY,
    scalar_function.WORKLOAD,
    mlp.WORKLOAD,
    hessian.WORKLOAD,
    per_example.WORKLOAD,
    rnn.WORKLOAD,
    scan_rnn.WORKLOAD,
    rk4.WORKLOAD,
    first_result.WORKLOAD,
    fresh_process.WORKLOAD,
    stencil.WORKLOAD,
    gelu.WORKLOAD,
    softmax_loss.WORKLOAD,
    layer_norm.WORKLOAD,
    adam.WORKLOAD,
    lotka_volterra.WORKLOAD,
    kalman.WORKLOAD,
    lstm.WORKLOAD,
    transformer.WORKLOAD,
    gaussian_process.WORKLOAD,
    newton.WORKLOAD,
    n_body.WORKLOAD,
    random_normal.WORKLOAD,
    import_time.WORKLOAD,
    tape.WORKLOAD,
    # Last: with functrans.torch an engine lies below what the others measure.
    tensor_chain.WORKLOAD,
    tensor_mlp.WORKLOAD,
    tensor_resnet.WORKLOAD,
)
