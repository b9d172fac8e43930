"""The rule book: one file a family."""

from functrans.core.algebra import algebra

from .accumulation import accumulate as accumulate
from .activation import (
    binary_cross_entropy as binary_cross_entropy,
    cross_entropy as cross_entropy,
    normal_cdf as normal_cdf,
    relu as relu,
    softplus as softplus,
)
from .arithmetic import (
    absolute as absolute,
    add as add,
    angle as angle,
    astype as astype,
    conjugate as conjugate,
    copysign as copysign,
    divide as divide,
    exponent as exponent,
    fabs as fabs,
    floor_divide as floor_divide,
    fmod as fmod,
    gcd as gcd,
    imag as imag,
    lcm as lcm,
    ldexp as ldexp,
    make_complex as make_complex,
    multiply as multiply,
    nan_to_num as nan_to_num,
    negative as negative,
    nextafter as nextafter,
    positive as positive,
    python_number as python_number,
    real as real,
    reciprocal as reciprocal,
    remainder as remainder,
    sign as sign,
    spacing as spacing,
    square as square,
    subtract as subtract,
)
from .cardinal_sine import sinc as sinc, spherical_bessel as spherical_bessel
from .comparison import (
    bitwise_and as bitwise_and,
    bitwise_count as bitwise_count,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    ceil as ceil,
    clip as clip,
    equal as equal,
    floor as floor,
    fmax as fmax,
    fmin as fmin,
    greater as greater,
    greater_equal as greater_equal,
    heaviside as heaviside,
    invert as invert,
    isfinite as isfinite,
    isinf as isinf,
    isnan as isnan,
    left_shift as left_shift,
    less as less,
    less_equal as less_equal,
    logical_and as logical_and,
    logical_not as logical_not,
    logical_or as logical_or,
    logical_xor as logical_xor,
    maximum as maximum,
    minimum as minimum,
    not_equal as not_equal,
    packbits as packbits,
    right_shift as right_shift,
    rint as rint,
    round as round,
    signbit as signbit,
    trunc as trunc,
    unpackbits as unpackbits,
    where as where,
)
from .contraction import (
    affine as affine,
    dot as dot,
    inner as inner,
    kron as kron,
    matmul as matmul,
    outer as outer,
    tensordot as tensordot,
    vdot as vdot,
)
from .convolution import (
    convolution as convolution,
    convolution_input as convolution_input,
    convolution_weight as convolution_weight,
    output_size as output_size,
)
from .cumulative import (
    cumprod as cumprod,
    cumsum as cumsum,
    prod_others as prod_others,
    recurrence as recurrence,
    shift as shift,
)
from .decompositions import cholesky as cholesky, qr as qr
from .einstein import einsum as einsum, einsum_of as einsum_of
from .exponential import (
    cbrt as cbrt,
    direction as direction,
    exp as exp,
    exp2 as exp2,
    expm1 as expm1,
    float_power as float_power,
    hypot as hypot,
    log as log,
    log1p as log1p,
    log2 as log2,
    log10 as log10,
    logaddexp as logaddexp,
    logaddexp2 as logaddexp2,
    modified_bessel as modified_bessel,
    power as power,
    sigmoid as sigmoid,
    sqrt as sqrt,
)
from .exponential_sums import (
    log_softmax as log_softmax,
    logsumexp as logsumexp,
    softmax as softmax,
)
from .fourier import fft as fft, ifft as ifft, irfft as irfft, rfft as rfft
from .index_expression import (
    ARRAY as ARRAY,
    Index as Index,
    index_arguments as index_arguments,
    is_static as is_static,
)
from .indexing import (
    along_axis as along_axis,
    diagonal as diagonal,
    first_axis as first_axis,
    from_diagonal as from_diagonal,
    getitem as getitem,
    index_ as index_,
    index_add as index_add,
    index_update as index_update,
    put_along_axis as put_along_axis,
    rows as rows,
    setitem as setitem,
    take as take,
    take_along_axis as take_along_axis,
    to_assign as to_assign,
    updated as updated,
)
from .least_squares import lstsq as lstsq, pinv as pinv
from .linalg import (
    cofactor as cofactor,
    det as det,
    inv as inv,
    slogdet as slogdet,
    solve as solve,
)
from .matrix_functions import eigh_function as eigh_function
from .normalization import standardize as standardize
from .polar import (
    nuclear as nuclear,
    polar as polar,
)
from .pooling import (
    window_argmax as window_argmax,
    window_spread as window_spread,
    window_sum as window_sum,
)
from .random import (
    random_bits as random_bits,
    random_fold as random_fold,
    random_integers as random_integers,
    random_key as random_key,
    random_normal as random_normal,
    random_split as random_split,
    random_uniform as random_uniform,
    truncated_quantile as truncated_quantile,
)
from .random_generators import (
    generator_beta as generator_beta,
    generator_draw as generator_draw,
    generator_lognormal as generator_lognormal,
    generator_pareto as generator_pareto,
    generator_pick as generator_pick,
    generator_power as generator_power,
    generator_standard_gamma as generator_standard_gamma,
    generator_triangular as generator_triangular,
    generator_wald as generator_wald,
    generator_weibull as generator_weibull,
)
from .random_rejection import (
    random_binomial as random_binomial,
    random_loggamma as random_loggamma,
    random_poisson as random_poisson,
)
from .random_wald import random_wald as random_wald
from .reduction import (
    all as all,
    any as any,
    argmax as argmax,
    argmin as argmin,
    attained as attained,
    count_nonzero as count_nonzero,
    max as max,
    mean as mean,
    min as min,
    norm as norm,
    prod as prod,
    sum as sum,
    var as var,
)
from .shape import (
    broadcast_to as broadcast_to,
    concatenate as concatenate,
    flip as flip,
    inverse_permutation as inverse_permutation,
    pad as pad,
    reshape as reshape,
    roll as roll,
    stack as stack,
    transpose as transpose,
)
from .shifts import SHIFTS as SHIFTS, check_within as check_within, shifted_rates as shifted_rates
from .sorting import (
    argpartition as argpartition,
    argsort as argsort,
    lexsort as lexsort,
    partition as partition,
    searchsorted as searchsorted,
    sort as sort,
    tie_mean as tie_mean,
)
from .spectral import (
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    svd as svd,
)
from .spectral_values import (
    eigvalsh as eigvalsh,
    svdvals as svdvals,
)
from .trigonometric import (
    arccos as arccos,
    arccosh as arccosh,
    arcsin as arcsin,
    arcsinh as arcsinh,
    arctan as arctan,
    arctan2 as arctan2,
    arctanh as arctanh,
    cos as cos,
    cosh as cosh,
    deg2rad as deg2rad,
    degrees as degrees,
    one_minus_square as one_minus_square,
    rad2deg as rad2deg,
    radians as radians,
    sin as sin,
    sinh as sinh,
    tan as tan,
    tanh as tanh,
)

algebra.define(
    add=add,
    multiply=multiply,
    negative=negative,
    not_equal=not_equal,
    python_number=python_number,
    where=where,
    real=real,
    astype=astype,
    sum=sum,
    reshape=reshape,
    broadcast_to=broadcast_to,
    transpose=transpose,
    index=index_,
    index_add=index_add,
    concatenate=concatenate,
    first_axis=first_axis,
    rows=rows,
    stack=stack,
)
