"""PyTorch's names for the nodes of functions that are made of several operations here.

A printed tensor shows the name of the last operation: ``grad_fn=<LerpBackward0>``. Functions whose
operation has PyTorch's name by itself (`functrans.torch.names`) are not in here, and pay nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from functrans.torch.tensor import Tensor

F = Callable[..., Any]

WORDS = """
sign Sign sgn Sgn floor Floor ceil Ceil trunc Trunc fix Trunc rsqrt Rsqrt frac Frac angle Angle
logit Logit clamp_min ClampMin clamp_max ClampMax masked_fill MaskedFill frexp Frexp polar Polar
complex Complex fmax Fmax fmin Fmin ldexp Ldexp xlogy Xlogy addcmul Addcmul addcdiv Addcdiv dist
Dist var_mean VarMean std_mean StdMean aminmax Aminmax kthvalue Kthvalue mode Mode cummax Cummax
cummin Cummin logcumsumexp Logcumsumexp norm LinalgVectorNorm renorm Renorm cdist Cdist t T
transpose Transpose swapaxes Transpose swapdims Transpose adjoint Transpose unsqueeze Unsqueeze
diagonal Diagonal as_strided AsStrided unfold Unfold roll Roll rot90 Rot90 repeat Repeat tile
Repeat tril Tril triu Triu diagflat DiagEmbed diag_embed DiagEmbed stack Stack block_diag
BlockDiag chunk Split split_with_sizes SplitWithSizes unbind Unbind narrow Slice select Select
narrow_copy NarrowCopy gather Gather take_along_dim Gather index_select IndexSelect masked_select
MaskedSelect take Take index_copy IndexCopy index_fill IndexFill index_put IndexPut index_reduce
IndexReduce put Put masked_scatter MaskedScatter scatter_add ScatterAdd scatter_reduce
ScatterReduce select_scatter SelectScatter slice_scatter SliceScatter diagonal_scatter
DiagonalScatter mm Mm mv Mv dot Dot vdot Vdot bmm Bmm addmm Addmm addmv Addmv addr Addr baddbmm
Baddbmm addbmm Addbmm cross LinalgCross trace Trace matrix_exp LinalgMatrixExp polygamma Polygamma
mvlgamma Mvlgamma igamma Igamma igammac Igammac lgamma Lgamma cholesky_solve CholeskySolve
cholesky_inverse CholeskyInverse cholesky LinalgCholeskyEx pinverse LinalgPinv svd LinalgSvd
slogdet LinalgSlogdet view_as_complex ViewAsComplex
"""
"""The names of functions, each followed by the words of PyTorch's name."""


def _is_tensor(args: Any, kwargs: Any, place: int, name: str) -> bool:
    return isinstance(args[place] if len(args) > place else kwargs.get(name), Tensor)


def _given(args: Any, kwargs: Any, place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _matmul(args: Any, kwargs: Any) -> str | None:
    ranks = tuple(min(x.ndim, 3) for x in args[:2])
    return {(1, 1): "Dot0", (2, 1): "Mv0", (2, 2): "Mm0", (3, 3): "Bmm0"}.get(ranks)


def _squeeze(args: Any, kwargs: Any) -> str:
    dim = _given(args, kwargs, 1, "dim")
    return "Squeeze0" if dim is None else "Squeeze1" if isinstance(dim, int) else "Squeeze2"


def _extreme(words: str, args: Any, kwargs: Any) -> str | None:
    dim = _given(args, kwargs, 1, "dim")
    return None if dim is None or isinstance(dim, Tensor) else f"{words}0"


def _pow(args: Any, kwargs: Any) -> str:
    if not isinstance(args[0], Tensor):
        return "Pow2"
    return "Pow1" if _is_tensor(args, kwargs, 1, "exponent") else "Pow0"


def _with_dim(words: str, place: int = 1) -> Callable[[Any, Any], str]:
    return lambda args, kwargs: f"{words}{int(_given(args, kwargs, place, 'dim') is not None)}"


FORMS: dict[str, Callable[[Any, Any], str | None]] = {
    "round": lambda args, kwargs: f"Round{int('decimals' in kwargs)}",
    "clamp": lambda args, kwargs: (
        f"Clamp{int(not any(isinstance(x, Tensor) for x in (*args[1:], *kwargs.values())))}"
    ),
    "remainder": lambda args, kwargs: f"Remainder{int(_is_tensor(args, kwargs, 1, 'other'))}",
    "fmod": lambda args, kwargs: f"Fmod{int(_is_tensor(args, kwargs, 1, 'other'))}",
    "copysign": lambda args, kwargs: f"Copysign{int(not _is_tensor(args, kwargs, 1, 'other'))}",
    "lerp": lambda args, kwargs: f"Lerp{int(_is_tensor(args, kwargs, 2, 'weight'))}",
    "scatter": lambda args, kwargs: f"Scatter{int(not _is_tensor(args, kwargs, 3, 'src'))}",
    "split": lambda args, kwargs: (
        "Split0"
        if isinstance(_given(args, kwargs, 1, "split_size_or_sections"), int)
        else "SplitWithSizes0"
    ),
    "median": _with_dim("Median"),
    "nanmedian": _with_dim("Nanmedian"),
    "nansum": lambda args, kwargs: "Nansum0",
    "max": lambda args, kwargs: _extreme("Max", args, kwargs),
    "min": lambda args, kwargs: _extreme("Min", args, kwargs),
    "squeeze": _squeeze,
    "pow": _pow,
    "float_power": _pow,
    "matmul": _matmul,
}
"""The functions whose name depends on the arguments; None leaves the name as it is."""

for _name, _words in zip(WORDS.split()[::2], WORDS.split()[1::2], strict=True):
    FORMS[_name] = lambda args, kwargs, words=_words: f"{words}0"  # type: ignore[misc]
FORMS["clip"] = FORMS["clamp"]

_titled: dict[F, F] = {}


def titled(function: F) -> F:
    """The function, with PyTorch's names for the nodes of its results if it has one of its own."""
    form = FORMS.get(getattr(function, "__name__", ""))
    if form is None:
        return function
    if function in _titled:
        return _titled[function]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        outs = result if isinstance(result, tuple) else (result,)
        title: str | None = ""
        for out in outs:
            index = out.index if isinstance(out, Tensor) else None
            if index is None or index.node.is_leaf or _is_argument(index.node, args):
                continue
            if title == "":
                title = form(args, kwargs)
            if title is None:
                return result
            index.node.name = f"{title[:-1]}Backward{title[-1]}"
        return result

    _titled[function] = call
    return call


def _is_argument(node: Any, args: tuple[Any, ...]) -> bool:
    """Whether a result is an argument as it came, whose node has its name."""
    return any(isinstance(x, Tensor) and x.index is not None and x.index.node is node for x in args)
