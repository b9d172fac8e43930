"""``torch.autograd.functional``: Jacobians, Hessians and their products with vectors.

They walk the graph of the function's outputs; ``torch.func`` has the transforms themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from functrans.torch.autograd.passes import grad
from functrans.torch.engine import grad_mode
from functrans.torch.tensor import Tensor, wrap
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp as push_forward

F = Callable[..., Any]
Several = tuple[Tensor, ...]

OUTPUTS = "outputs of the user-provided function"


def _checked(given: Any, what: str, who: str) -> tuple[bool, Several]:
    """Whether there were several tensors, and the tensors as a tuple."""
    several = isinstance(given, tuple)
    found = given if several else (given,)
    for i, x in enumerate(found):
        if not isinstance(x, Tensor):
            where = f"value at index {i}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {who} must be either a Tensor or a tuple of Tensors but the "
                f"{where} has type {type(x)}."
            )
    return several, found


def _prepared(
    inputs: Any, who: str, create_graph: bool, again: bool = True
) -> tuple[bool, Several]:
    """The inputs as tensors that require gradients: new leaves, or views within the graph."""
    several, given = _checked(inputs, "inputs", who)
    fresh = []
    for x in given:
        if create_graph:
            fresh.append(x.view_as(x) if x.requires_grad else x.detach().requires_grad_(again))
        else:
            fresh.append(x.detach().requires_grad_(again))
    return several, tuple(fresh)


def _finished(xs: Sequence[Any], several: bool, create_graph: bool) -> Any:
    found = tuple(x if create_graph else x.detach() for x in xs)
    return found if several else found[0]


def _call(func: F, xs: Several, who: str) -> tuple[bool, Several]:
    with grad_mode(True):
        return _checked(func(*xs), OUTPUTS, who)


def _vector(v: Any, like: Several, several: bool, missing: str) -> Several:
    """The vectors that tensors are multiplied by; ones for a single element."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(f"The vector v can only be None if {missing}")
        return (wrap(np.ones(like[0].shape, like[0].array.dtype)),)
    _, given = _checked(v, "v", "v")
    if len(given) != len(like):
        if several:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (x, y) in enumerate(zip(given, like, strict=True)):
        if x.shape != y.shape:
            entry = f"Entry {i} in " if several else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {y.shape} but got {x.shape}.")
    return given


OF_OUTPUT = "the user-provided function returns a single Tensor with a single element."
OF_INPUT = "the input to the user-provided function is a single Tensor with a single element."


def _require_dependence(outs: Several, strict: bool) -> None:
    for i, out in enumerate(outs):
        if strict and not out.requires_grad:
            raise RuntimeError(
                f"Output {i} of the user-provided function does not require gradients. The outputs "
                "must be computed in a differentiable manner from the input when running in strict "
                "mode."
            )


def _gradients(
    outs: Several, inputs: Several, cotangents: Sequence[Any], create_graph: bool, **options: Any
) -> tuple[Any, ...]:
    """The gradients of those outputs that have any, None for those that nothing depends on."""
    kept = [(o, g) for o, g in zip(outs, cotangents, strict=True) if o.requires_grad]
    if not kept:
        return (None,) * len(inputs)
    roots, given = zip(*kept, strict=True)
    return grad(roots, inputs, given, create_graph=create_graph, allow_unused=True, **options)


def _filled(
    grads: Sequence[Any], like: Several, strict: bool, create_graph: bool, stage: str
) -> Several:
    """Zeros in place of missing gradients, which strict mode refuses."""
    found = []
    for i, (g, x) in enumerate(zip(grads, like, strict=True)):
        if strict and g is None:
            raise RuntimeError(_INDEPENDENT[stage].format(i))
        if strict and create_graph and not g.requires_grad:
            raise RuntimeError(_LINEAR[stage].format(i))
        found.append(wrap(np.zeros(x.shape, x.array.dtype)) if g is None else g)
    return tuple(found)


_ALLOWED = " This is not allowed in strict mode"
_INDEPENDENT = {
    "back": "The output of the user-provided function is independent of input {}." + _ALLOWED + ".",
    "trick": "The gradient with respect to the input is independent of entry {} in the "
    "grad_outputs when using the double backward trick to compute forward mode gradients."
    + _ALLOWED
    + ".",
    "second": "The hessian of the user-provided function with respect to entry {} in the "
    "grad_outputs is independent of the input." + _ALLOWED + ".",
}
_LINEAR = {
    "back": "The jacobian of the user-provided function is independent of input {}."
    + _ALLOWED
    + " when create_graph=True.",
    "trick": "The jacobian of the user-provided function is independent of input {}."
    + _ALLOWED
    + " when create_graph=True.",
    "second": "The hessian of the user-provided function is independent of input {}."
    + _ALLOWED
    + " when create_graph=True.",
}


def _require_curvature(grads: Several, strict: bool) -> None:
    for i, g in enumerate(grads):
        if strict and not g.requires_grad:
            raise RuntimeError(
                "While computing the hessian, found that the jacobian of the user-provided "
                f"function with respect to input {i} is independent of the input."
                + _ALLOWED
                + ". You should ensure that your function is twice differentiable and that the "
                "jacobian depends on the inputs (this would be violated by a linear function for "
                "example)."
            )


def vjp(
    func: F, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function, and a vector times its Jacobian.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
    v : Tensor or tuple of Tensor, optional
        As the outputs; may be left out for one element.
    create_graph : bool
        The result can be differentiated again.
    strict : bool
        Raise where an output does not depend on an input.

    Returns
    -------
    func_output, vjp : Tensor or tuple of Tensor

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.vjp(torch.exp, torch.zeros(2), torch.ones(2))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    several, xs = _prepared(inputs, "vjp", create_graph)
    many, outs = _call(func, xs, "vjp")
    _require_dependence(outs, strict)
    given = _vector(v, outs, many, OF_OUTPUT)
    found = _gradients(outs, xs, given, create_graph)
    found = _filled(found, xs, strict, create_graph, "back")
    return _finished(outs, many, create_graph), _finished(found, several, create_graph)


def jvp(
    func: F, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function, and its Jacobian times a vector, by two backward passes.

    Parameters, results and errors are those of `vjp`; `v` is as the inputs.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.jvp(torch.exp, torch.zeros(2), torch.ones(2))
    (tensor([1., 1.]), tensor([1., 1.]))
    """
    several, xs = _prepared(inputs, "jvp", create_graph)
    given = _vector(v, xs, several, OF_INPUT)
    many, outs = _call(func, xs, "jvp")
    _require_dependence(outs, strict)
    dual = tuple(wrap(np.zeros(o.shape, o.array.dtype)).requires_grad_() for o in outs)
    with grad_mode(True):
        pulled = _filled(_gradients(outs, xs, dual, True), xs, strict, True, "back")
    found = _gradients(pulled, dual, given, create_graph)
    found = _filled(found, outs, strict, create_graph, "trick")
    return _finished(outs, many, create_graph), _finished(found, many, create_graph)


def jacobian(
    func: F,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of a function: for each output, for each input, a tensor of their dimensions.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of them.
    inputs : Tensor or tuple of Tensor
    create_graph : bool
        The Jacobian can be differentiated again.
    strict : bool
        Raise where an output does not depend on an input.
    vectorize : bool
        All rows in one pass.
    strategy : "reverse-mode" or "forward-mode"
        Forward mode, with `vectorize`, is faster for functions with more outputs than inputs.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.jacobian(lambda x: x**2, torch.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict, vectorize)
    if strict and vectorize:
        raise RuntimeError(
            "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
            "supported together. Please either set `strict=False` or `vectorize=False`."
        )
    several, xs = _prepared(inputs, "jacobian", create_graph)
    many, outs = _call(func, xs, "jacobian")
    _require_dependence(outs, strict)
    rows = []
    for i, out in enumerate(outs):
        parts = _whole(out, xs) if vectorize else _by_rows(out, xs, i, create_graph, strict)
        shaped = [p.reshape(*out.shape, *x.shape) for p, x in zip(parts, xs, strict=True)]
        rows.append(_finished(shaped, several, create_graph))
    return tuple(rows) if many else rows[0]


def _basis(out: Tensor) -> Any:
    n = out.numel()
    return np.eye(n, dtype=out.array.dtype).reshape(n, *out.shape)


def _whole(out: Tensor, xs: Several) -> list[Tensor]:
    """All rows of the Jacobian of one output in one pass."""
    n = out.numel()
    zeros = [wrap(np.zeros((n, *x.shape), x.array.dtype)) for x in xs]
    if not n:
        return zeros
    found = _gradients(
        (out,), xs, [wrap(_basis(out))], True, is_grads_batched=True, retain_graph=True
    )
    return [z if g is None else g for g, z in zip(found, zeros, strict=True)]


def _by_rows(out: Tensor, xs: Several, i: int, create_graph: bool, strict: bool) -> list[Tensor]:
    """One pass for each element of an output."""
    from functrans.torch.shaping import stack

    columns: list[list[Tensor]] = [[] for _ in xs]
    for g in _basis(out):
        found = _gradients((out,), xs, [wrap(g)], create_graph, retain_graph=True)
        for j, (part, x) in enumerate(zip(found, xs, strict=True)):
            if part is None and strict:
                raise RuntimeError(
                    f"Output {i} of the user-provided function is independent of input {j}."
                    + _ALLOWED
                    + "."
                )
            if part is not None and strict and create_graph and not part.requires_grad:
                raise RuntimeError(_LINEAR["back"].format(j))
            columns[j].append(wrap(np.zeros(x.shape, x.array.dtype)) if part is None else part)
    return [
        stack(c) if c else wrap(np.zeros((0, *x.shape), x.array.dtype))
        for c, x in zip(columns, xs, strict=True)
    ]


def _forward_jacobian(
    func: F, inputs: Any, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    """All columns in one batch of forward derivatives."""
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are '
            "not supported together (yet). Please either set `strict=False` or "
            '`strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is "
            "only implemented for `vectorize=True`."
        )
    several, xs = _prepared(inputs, "jacobian", create_graph, again=False)
    many = False

    def flat(*arrays: Any) -> tuple[Any, ...]:
        nonlocal many
        many, outs = _checked(func(*map(wrap, arrays)), OUTPUTS, "jacobian")
        return tuple(o.array for o in outs)

    primals = tuple(x.array if create_graph else x.numpy_memory() for x in xs)
    columns: list[list[Any]] = []
    for j, x in enumerate(xs):

        def along(t: Any, j: int = j) -> Any:
            tangents = [None] * len(primals)
            tangents[j] = t
            return push_forward(flat, primals, tuple(tangents))[1]

        basis = np.asarray(_basis(x))
        columns.append([wrap(c) for c in vmap(along, out_axes=-1)(basis)])
    rows = [
        _finished(
            [c.reshape(*c.shape[:-1], *x.shape) for c, x in zip(row, xs, strict=True)],
            several,
            create_graph,
        )
        for row in zip(*columns, strict=True)
    ]
    return tuple(rows) if many else rows[0]


def _scalar(out: Any, who: str) -> Tensor:
    """The single output, of one element, of a function that has a Hessian."""
    many, (first, *more) = _checked(out, OUTPUTS, who)
    if many or more:
        raise RuntimeError(f"The function given to {who} should return a single Tensor")
    if first.numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {who} should contain a single element"
        )
    return first.squeeze()  # type: ignore[no-any-return]


def hessian(
    func: F,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The matrix of second derivatives of a function with one element.

    Parameters are those of `jacobian`; `outer_jacobian_strategy` is the mode of the second
    derivative.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, xs = _checked(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )

    def value(*args: Tensor) -> Tensor:
        out = _scalar(func(*args), "hessian")
        if strict and not out.requires_grad:
            _require_dependence((out,), strict)
        return out

    def slopes(*args: Tensor) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            from functrans.torch.func import grad as transform

            return transform(value, tuple(range(len(args))))(*args)
        found = jacobian(value, args, create_graph=True)
        _require_curvature(found, strict)
        return found

    found = jacobian(slopes, xs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return found if several else found[0][0]


def _second(
    who: str, func: F, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[bool, Several, Tensor, Several, Several]:
    several, xs = _prepared(inputs, who, create_graph)
    given = _vector(v, xs, several, OF_INPUT)
    with grad_mode(True):
        out = _scalar(func(*xs), who)
    _require_dependence((out,), strict)
    with grad_mode(True):
        slopes = _filled(_gradients((out,), xs, [None], True), xs, strict, False, "back")
    _require_curvature(slopes, strict)
    return several, xs, out, slopes, given


def vhp(
    func: F, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function with one element, and a vector times its Hessian.

    Parameters, results and errors are those of `vjp`; `v` is as the inputs.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.vhp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    several, xs, out, slopes, given = _second("vhp", func, inputs, v, create_graph, strict)
    found = _gradients(slopes, xs, given, create_graph)
    found = _filled(found, xs, strict, create_graph, "second")
    return _finished((out,), False, create_graph), _finished(found, several, create_graph)


def hvp(
    func: F, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a function with one element, and its Hessian times a vector.

    Parameters, results and errors are those of `vjp`; `v` is as the inputs. The Hessian is
    symmetric, and `vhp` takes a pass less.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> torch.autograd.functional.hvp(lambda x: (x**3).sum(), torch.ones(2), torch.ones(2))
    (tensor(2.), tensor([6., 6.]))
    """
    several, xs, out, slopes, given = _second("hvp", func, inputs, v, create_graph, strict)
    dual = tuple(wrap(np.zeros(x.shape, x.array.dtype)).requires_grad_() for x in xs)
    with grad_mode(True):
        pulled = _filled(_gradients(slopes, xs, dual, True), xs, strict, True, "second")
    found = _gradients(pulled, dual, given, create_graph)
    found = _filled(found, xs, strict, create_graph, "second")
    return _finished((out,), False, create_graph), _finished(found, several, create_graph)


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
