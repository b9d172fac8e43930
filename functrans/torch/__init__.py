"""PyTorch's imperative interface over functrans: ``import functrans.torch as torch``.

Tensors with ``requires_grad``, ``.grad`` and ``.backward()``, on the rules and the reverse
interpreter of the functional transforms: there are no derivatives in here.

>>> import functrans.torch as torch
>>> a = torch.tensor([2., 3.], requires_grad=True)
>>> b = torch.tensor([6., 4.], requires_grad=True)
>>> Q = 3*a**3 - b**2
>>> Q.backward(gradient=torch.tensor([1., 1.]))
>>> a.grad
tensor([36., 81.])
"""

from __future__ import annotations

import math as _math
from typing import Any as _Any

from functrans.torch import (
    autograd as autograd,
    compiler as compiler,
    fft as fft,
    func as func,
    hub as hub,
    linalg as linalg,
    nn as nn,
    optim as optim,
    random as random,
    return_types as return_types,
    serialization as serialization,
    special as special,
    utils as utils,
)
from functrans.torch.arranging import (
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    block_diag as block_diag,
    broadcast_shapes as broadcast_shapes,
    cartesian_prod as cartesian_prod,
    column_stack as column_stack,
    combinations as combinations,
    complex as complex,
    detach as detach,
    dstack as dstack,
    polar as polar,
    tril_indices as tril_indices,
    triu_indices as triu_indices,
    unravel_index as unravel_index,
    view_as_complex as view_as_complex,
    view_as_real as view_as_real,
)
from functrans.torch.autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from functrans.torch.autograd.anomaly_mode import (
    is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled,
    is_anomaly_enabled as is_anomaly_enabled,
)
from functrans.torch.autograd.grad_mode import (
    is_inference_mode_enabled as is_inference_mode_enabled,
)
from functrans.torch.creation import (
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
    arange as arange,
    as_tensor as as_tensor,
    asarray as asarray,
    bernoulli as bernoulli,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    frombuffer as frombuffer,
    full as full,
    full_like as full_like,
    linspace as linspace,
    logspace as logspace,
    meshgrid as meshgrid,
    multinomial as multinomial,
    normal as normal,
    ones as ones,
    ones_like as ones_like,
    poisson as poisson,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
    scalar_tensor as scalar_tensor,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from functrans.torch.decompositions import chain_matmul as chain_matmul
from functrans.torch.devices import (
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    device as device,
    get_default_device as get_default_device,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    set_default_device as set_default_device,
    strided as strided,
)
from functrans.torch.dtypes import (
    bool as bool,
    cdouble as cdouble,
    cfloat as cfloat,
    complex64 as complex64,
    complex128 as complex128,
    double as double,
    dtype as dtype,
    float as float,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    get_default_dtype as get_default_dtype,
    half as half,
    int as int,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    long as long,
    set_default_dtype as set_default_dtype,
    short as short,
    uint8 as uint8,
)
from functrans.torch.factorizations import geqrf as geqrf, lu_unpack as lu_unpack
from functrans.torch.linear_algebra import (
    addmm as addmm,
    baddbmm as baddbmm,
    bmm as bmm,
    cross as cross,
    det as det,
    dot as dot,
    einsum as einsum,
    ger as ger,
    inner as inner,
    inverse as inverse,
    kron as kron,
    logdet as logdet,
    matmul as matmul,
    mm as mm,
    mv as mv,
    outer as outer,
    slogdet as slogdet,
    tensordot as tensordot,
    trace as trace,
)
from functrans.torch.methods import METHODS as _METHODS, attach as _attach
from functrans.torch.outputs import NAMES as _OUT, taking_out as _taking_out
from functrans.torch.pointwise import rsub as rsub, where as where
from functrans.torch.random import (
    Generator as Generator,
    default_generator as default_generator,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    seed as seed,
    set_rng_state as set_rng_state,
)
from functrans.torch.reductions import std_mean as std_mean, var_mean as var_mean
from functrans.torch.serialization import load as load, save as save
from functrans.torch.settings import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
    backends as backends,
    can_cast as can_cast,
    cuda as cuda,
    finfo as finfo,
    get_float32_matmul_precision as get_float32_matmul_precision,
    get_num_threads as get_num_threads,
    iinfo as iinfo,
    promote_types as promote_types,
    result_type as result_type,
    set_float32_matmul_precision as set_float32_matmul_precision,
    set_num_threads as set_num_threads,
    set_printoptions as set_printoptions,
    use_deterministic_algorithms as use_deterministic_algorithms,
)
from functrans.torch.shaping import (
    broadcast_tensors as broadcast_tensors,
    cat as cat,
    concat as concat,
    concatenate as concatenate,
    hstack as hstack,
    imag as imag,
    real as real,
    stack as stack,
    vstack as vstack,
)
from functrans.torch.statistics import (
    bartlett_window as bartlett_window,
    blackman_window as blackman_window,
    bucketize as bucketize,
    cdist as cdist,
    cumulative_trapezoid as cumulative_trapezoid,
    gradient as gradient,
    hamming_window as hamming_window,
    hann_window as hann_window,
    isin as isin,
    kaiser_window as kaiser_window,
    searchsorted as searchsorted,
    trapezoid as trapezoid,
    trapz as trapz,
    vander as vander,
)
from functrans.torch.tensor import (
    Size as Size,
    Tensor as Tensor,
    UnsupportedError as UnsupportedError,
)
from functrans.torch.titles import FORMS as _FORMS, titled as _titled

_attach()
row_stack = vstack
for _module, _names in _METHODS.items():
    for _name in _names.split():
        globals().setdefault(_name, getattr(_module, _name))
for _name, _function in list(globals().items()):
    if not _name.startswith("_") and _name in _FORMS and callable(_function):
        globals()[_name] = _titled(_function)
globals().update(_taking_out(globals(), _OUT.split()))

vmap = func.vmap
compile = compiler.compile
pi, e, inf, nan = _math.pi, _math.e, _math.inf, _math.nan
newaxis = None


__version__ = "2.13.0+functrans"
"""The version of PyTorch whose behaviour is meant."""


def typename(obj: _Any) -> _Any:
    """The name of the type of an object, of a tensor such as 'torch.FloatTensor'."""
    return obj.type() if isinstance(obj, Tensor) else type(obj).__qualname__


def is_tensor(obj: _Any) -> _Any:
    """Whether an object is a tensor."""
    return isinstance(obj, Tensor)


def is_signed(input: Tensor) -> _Any:
    """Whether a tensor's dtype has negative numbers."""
    return input.dtype.is_signed


def is_same_size(input: Tensor, other: Tensor) -> _Any:
    """Whether two tensors have the same shape."""
    return input.shape == other.shape


def fill(input: Tensor, value: _Any) -> Tensor:
    """A tensor of the same shape and dtype with one value everywhere."""
    return input.clone().fill_(value)  # type: ignore[no-any-return]


def is_nonzero(input: Tensor) -> _Any:
    """Whether the one element of a tensor is not 0."""
    return input.is_nonzero()


def is_floating_point(input: Tensor) -> _Any:
    """Whether a tensor has real floating-point elements."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> _Any:
    """Whether a tensor has complex elements."""
    return input.is_complex()


def numel(input: Tensor) -> _Any:
    """The number of elements."""
    return input.numel()


_OF_NN = """
adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout avg_pool1d batch_norm bilinear
binary_cross_entropy_with_logits celu channel_shuffle conv1d conv2d conv3d conv_transpose1d
conv_transpose2d conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout embedding
embedding_bag feature_alpha_dropout group_norm hardshrink hinge_embedding_loss instance_norm kl_div
layer_norm margin_ranking_loss max_pool1d max_pool2d max_pool3d pairwise_distance pdist
pixel_shuffle pixel_unshuffle poisson_nll_loss prelu rms_norm rrelu selu threshold
triplet_margin_loss
"""
"""The functions of `torch.nn.functional` that PyTorch has here too."""


def __getattr__(name: str) -> _Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'functrans.torch' has no attribute {name!r}")
    if name in _OF_NN.split() and hasattr(nn.functional, name):
        return getattr(nn.functional, name)
    raise UnsupportedError(f"torch.{name} is not supported by functrans.torch")
