"""``gradcheck`` and ``gradgradcheck``: gradients against differences, with PyTorch's options.

:func:`functrans.testing.check_grads` is the tighter check of functions of arrays.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from functrans.testing.differences import central_difference, pairing, random_like
from functrans.torch.autograd.passes import grad
from functrans.torch.engine import EngineArray, grad_mode
from functrans.torch.tensor import Tensor, wrap
from functrans.transforms.batching import vmap
from functrans.transforms.forward import jvp
from functrans.transforms.gradient import vjp

F = Callable[..., Any]
Pair = tuple[int, int]
Matrices = dict[tuple[int, int, str], Any]
"""By output, input and part of the output (real, imag): the Jacobian, a row for each element of the
input."""


class GradcheckError(RuntimeError):
    """Gradients and differences disagree."""


def gradcheck(
    func: F,
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the gradients of a function with differences of its values.

    Parameters
    ----------
    func : callable
        Takes tensors and returns a tensor or a tuple of them.
    inputs : Tensor or sequence
        Those that require gradients are varied; they should be in double precision.
    eps : float
        The step of the differences.
    atol, rtol : float
        How far gradients and differences may be apart.
    raise_exception : bool
        Raise instead of returning False.
    nondet_tol : float
        How far two backward passes may be apart.
    check_undefined_grad : bool
        Some outputs may have no gradient.
    check_grad_dtypes : bool
        Gradients have the dtypes of the inputs.
    check_batched_grad, check_batched_forward_grad : bool
        Batches of cotangents and tangents give what each of them gives.
    check_forward_ad, check_backward_ad : bool
        The modes to check.
    fast_mode : bool
        Compare one number, a random combination of all derivatives.
    masked : bool, optional
        About sparse tensors, which functrans does not have.

    Returns
    -------
    bool

    Raises
    ------
    GradcheckError
        They disagree.
    ValueError
        No input requires a gradient.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    if not (check_forward_ad or check_backward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True"
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True"
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True"
        )
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    try:
        check = _Check(func, given, eps, atol, rtol, fast_mode)
        if check_backward_ad:
            check.backward(nondet_tol, check_undefined_grad, check_grad_dtypes, check_batched_grad)
        if check_forward_ad:
            check.forward(check_batched_forward_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: F,
    inputs: Tensor | Sequence[Any],
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the gradients of gradients with differences of gradients.

    Parameters
    ----------
    grad_outputs : Tensor or sequence of Tensor, optional
        The cotangents of the outputs; random ones if left out.
    gen_non_contig_grad_outputs : bool
        Random cotangents are not contiguous in memory.
    check_fwd_over_rev, check_rev_over_rev : bool
        The modes in which gradients are differentiated.

    The other parameters, and the errors, are those of `gradcheck`.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> x = torch.tensor([0.5, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x.sin() * x, (x,))
    True
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    if grad_outputs is None:
        outs = [o for o in _outputs(func(*given)) if o.requires_grad]
        rng = np.random.default_rng(0)
        cotangents = []
        for o in outs:
            g = random_like(o.array.value, rng)
            if gen_non_contig_grad_outputs and o.ndim:
                g = np.repeat(g, 2, -1)[..., ::2]
            cotangents.append(wrap(np.asarray(g)).requires_grad_())
    else:
        cotangents = list(_outputs(grad_outputs))
    count = len(cotangents)

    def first(*args: Any) -> Any:
        xs, gs = args[: len(args) - count], args[len(args) - count :]
        places = [i for i, x in enumerate(given) if isinstance(x, Tensor) and x.requires_grad]
        if any(isinstance(x, Tensor) and type(x.array) is not EngineArray for x in args):
            return _pulled(func, xs, places, gs)
        outs = [o for o in _outputs(func(*xs)) if o.requires_grad]
        found = grad(outs, [xs[i] for i in places], gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first,
        (*given, *cotangents),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


def _pulled(func: F, xs: Sequence[Any], places: list[int], gs: Sequence[Tensor]) -> Any:
    """The gradients by the functional transform, for those that another one looks at."""

    def of_places(*varied: Tensor) -> tuple[Tensor, ...]:
        given = list(xs)
        for i, x in zip(places, varied, strict=True):
            given[i] = x
        return tuple(o for o in _outputs(func(*given)) if o.array.dtype.kind in "fc")

    _, pull = vjp(of_places, *[xs[i] for i in places])
    found = pull(tuple(g.conj() if g.is_complex() else g for g in gs))
    found = found if isinstance(found, tuple) else (found,)
    return tuple(g.conj() if g.is_complex() else g for g in found)


def _outputs(out: Any) -> tuple[Tensor, ...]:
    found = tuple(out) if isinstance(out, tuple | list) else (out,)
    for o in found:
        if not isinstance(o, Tensor):
            raise TypeError(f"gradcheck: the function must return tensors, got {type(o).__name__}")
    return found


class _Check:
    """One call of `gradcheck`."""

    def __init__(
        self, func: F, inputs: tuple[Any, ...], eps: float, atol: float, rtol: float, fast: bool
    ) -> None:
        self.func, self.inputs = func, inputs
        self.eps, self.atol, self.rtol, self.fast = eps, atol, rtol, fast
        self.rng = np.random.default_rng(0)
        self.places = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
        if not self.places:
            raise ValueError(
                "gradcheck expects at least one input tensor to require gradient, but none of them "
                "have requires_grad=True."
            )
        self.values = [inputs[i].detach().clone().numpy() for i in self.places]
        for i, x in zip(self.places, self.values, strict=True):
            if x.dtype not in (np.float64, np.complex128):
                warnings.warn(
                    f"Input #{i} requires gradient and is not a double precision floating point or "
                    "complex. This check will likely fail if all the inputs are not of double "
                    "precision floating point or complex. ",
                    stacklevel=3,
                )
        outs = self.run(self.values)[1]
        self.outs = [o.detach().numpy() for o in outs]
        self.flows = [o.requires_grad for o in outs]

    def run(self, values: Sequence[Any]) -> tuple[list[Tensor], list[Tensor]]:
        """New leaves, and the outputs that may have gradients."""
        given = list(self.inputs)
        leaves = []
        for i, x in zip(self.places, values, strict=True):
            given[i] = wrap(np.array(x)).requires_grad_()
            leaves.append(given[i])
        with grad_mode(True):
            outs = _outputs(self.func(*given))
        return leaves, [o for o in outs if o.array.dtype.kind in "fc"]

    # Differences

    def difference(self, j: int, t: Any) -> list[Any]:
        """The derivative of all outputs along a direction of one input."""

        def values(xs: Any) -> list[Any]:
            given = list(self.values)
            given[j] = np.asarray(xs[0])
            return [o.numpy_memory().copy() for o in self.run(given)[1]]

        return central_difference(values, [self.values[j]], [t], self.eps)

    def numerical(self) -> Matrices:
        """All Jacobians by differences."""
        found: Matrices = {}
        for j, x in enumerate(self.values):
            rows: list[list[Any]] = [[] for _ in self.outs]
            for e in _directions(x):
                along = self.difference(j, e)
                across = self.difference(j, 1j * e) if x.dtype.kind == "c" else None
                for i, d in enumerate(along):
                    rows[i].append((d, None if across is None else across[i]))
            for i, row in enumerate(rows):
                for part in _parts(self.outs[i]):
                    found[i, j, part] = np.array(
                        [
                            np.ravel(_of(part, a))
                            + (0 if b is None else 1j * np.ravel(_of(part, b)))
                            for a, b in row
                        ]
                    ).reshape(x.size, self.outs[i].size)
        return found

    # Reverse mode

    def backward(self, nondet_tol: float, undefined: bool, dtypes: bool, batched: bool) -> None:
        numerical = self.numerical()
        if not any(self.flows):
            for matrix in numerical.values():
                if not np.allclose(matrix, 0, self.rtol, self.atol):
                    raise GradcheckError("Numerical gradient for function expected to be zero")
            return
        analytical, again = self.analytical(undefined, dtypes), self.analytical(undefined, dtypes)
        self.compare(numerical, analytical, "")
        for key, matrix in analytical.items():
            if not np.allclose(matrix, again[key], 0, nondet_tol, equal_nan=True):
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and "
                    "grad_output multiple times gives different values, although analytical "
                    f"gradient matches numerical gradient.The tolerance for nondeterminism was "
                    f"{nondet_tol}."
                )
        if batched:
            for key, matrix in self.analytical(undefined, dtypes, batched=True).items():
                if not np.allclose(matrix, analytical[key], self.rtol, self.atol, equal_nan=True):
                    raise GradcheckError(
                        f"For output {key[0]} and input {key[1]}: the gradients of a batch of "
                        f"cotangents are not those of each cotangent.\nbatched:{wrap(matrix)}\n"
                        f"one by one:{wrap(analytical[key])}"
                    )

    def analytical(self, undefined: bool, dtypes: bool, batched: bool = False) -> Matrices:
        """All Jacobians by backward passes."""
        found: Matrices = {}
        leaves, outs = self.run(self.values)
        for i, (out, flows) in enumerate(zip(outs, self.flows, strict=True)):
            for part in _parts(self.outs[i]):
                for j, x in enumerate(self.values):
                    kind = complex if x.dtype.kind == "c" else float
                    found[i, j, part] = np.zeros((x.size, out.numel()), kind)
                if not flows or not out.numel():
                    continue
                basis = [(1j if part == "imag" else 1) * e for e in _directions(self.outs[i])]
                if batched:
                    rows = self.pull(outs, i, leaves, np.array(basis), True, undefined)
                    columns: list[Any] = [
                        [None if g is None else g[k] for g in rows] for k in range(len(basis))
                    ]
                else:
                    columns = [self.pull(outs, i, leaves, e, False, undefined) for e in basis]
                for k, grads in enumerate(columns):
                    for j, g in enumerate(grads):
                        if g is None:
                            continue
                        if dtypes and g.dtype is not leaves[j].dtype:
                            raise GradcheckError("Gradient has dtype mismatch")
                        found[i, j, part][:, k] = g.detach().numpy().ravel()
        return found

    def pull(
        self,
        outs: list[Tensor],
        i: int,
        leaves: list[Tensor],
        g: Any,
        batched: bool,
        undefined: bool,
    ) -> tuple[Any, ...]:
        g = wrap(np.asarray(g, self.outs[i].dtype))
        try:
            return grad(
                outs[i], leaves, g, retain_graph=True, allow_unused=True, is_grads_batched=batched
            )
        except (TypeError, AttributeError) as error:
            if not undefined or len(outs) == 1:
                raise
            raise GradcheckError(
                "Expected backward function to handle undefined output grads. Look at what "
                "ctx.set_materialize_grads(False) asks of it: gradients of unused outputs are None."
            ) from error

    # Forward mode

    def forward(self, batched: bool) -> None:
        numerical = self.numerical()

        constants = [x.detach() if isinstance(x, Tensor) else x for x in self.inputs]

        def flat(*arrays: Any) -> list[Any]:
            given = list(constants)
            for i, x in zip(self.places, arrays, strict=True):
                given[i] = wrap(x)
            return [o.array for o in _outputs(self.func(*given)) if o.array.dtype.kind in "fc"]

        def along(j: int, t: Any) -> list[Any]:
            tangents: list[Any] = [None] * len(self.values)
            tangents[j] = t
            return jvp(flat, tuple(self.values), tuple(tangents))[1]  # type: ignore[no-any-return]

        found: Matrices = {}
        for j, x in enumerate(self.values):
            if not x.size:
                continue
            basis = np.array(list(_directions(x))).astype(x.dtype)
            stacks = [
                [
                    np.array([d[i] for d in self._each(along, j, e * basis)])
                    for i in range(len(self.outs))
                ]
                for e in ((1, 1j) if x.dtype.kind == "c" else (1,))
            ]
            if batched:
                for i, stack in enumerate(vmap(lambda t, j=j: along(j, t))(basis)):
                    values = wrap(stack).numpy_memory()
                    if not np.allclose(values, stacks[0][i], self.rtol, self.atol, equal_nan=True):
                        raise GradcheckError(
                            f"For output {i} and input {j}: the derivatives along a batch of "
                            "tangents are not those along each tangent."
                        )
            for i, out in enumerate(self.outs):
                for part in _parts(out):
                    parts = [_of(part, s[i]).reshape(x.size, out.size) for s in stacks]
                    found[i, j, part] = parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]
        self.compare(numerical, found, " computed with forward mode")

    def _each(self, along: Any, j: int, basis: Any) -> Iterator[list[Any]]:
        for t in basis:
            yield [wrap(d).numpy_memory() for d in along(j, t)]

    def compare(self, numerical: Matrices, analytical: Matrices, mode: str) -> None:
        for (i, j, part), a in analytical.items():
            n = numerical[i, j, part]
            where = (
                ""
                if self.outs[i].dtype.kind != "c"
                else (
                    f"While considering the {'imaginary' if part == 'imag' else 'real'} part of "
                    "complex outputs only, "
                )
            )
            text = f"{where}Jacobian{mode} mismatch for output {i} with respect to input {j},\n"
            if self.fast:
                u, v = (random_like(np.empty(k), self.rng) for k in n.shape)
                weight = np.outer(u, v)
                combined = [complex((m * weight).sum()) for m in (n, a)]
                size = pairing([np.abs(weight)], [np.ones_like(weight)])[0]
                if np.isclose(combined[0], combined[1], self.rtol, self.atol * size):
                    continue
                shown = [c if n.dtype.kind == "c" else c.real for c in combined]
                raise GradcheckError(
                    f"{text}numerical:{shown[0]}\nanalytical:{shown[1]}\n\nThese are a random "
                    f"combination of the derivatives (fast_mode). All of them:\n\nNumerical:\n "
                    f"{wrap(n)}\nAnalytical:\n{wrap(a)}\n\nThe max per-element difference (slow "
                    f"mode) is: {np.max(abs(n - a))}."
                )
            if not np.allclose(a, n, self.rtol, self.atol, equal_nan=True):
                raise GradcheckError(f"{text}numerical:{wrap(n)}\nanalytical:{wrap(a)}\n")


def _directions(x: Any) -> Iterator[Any]:
    """Each element's direction."""
    for index in np.ndindex(x.shape):
        e = np.zeros(x.shape)
        e[index] = 1
        yield e


def _parts(out: Any) -> tuple[str, ...]:
    return ("imag", "real") if out.dtype.kind == "c" else ("real",)


def _of(part: str, d: Any) -> Any:
    return np.imag(d) if part == "imag" else np.real(d)
