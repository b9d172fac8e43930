"""Short-time Fourier transforms: spectra of the windows of a signal, and the signal of its
spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from functrans import primitives as p
from functrans.core.types import dtype_of, shape_of
from functrans.torch import fft
from functrans.torch.operands import tensor_array
from functrans.torch.pointwise import div, mul
from functrans.torch.shaping import narrow, permute, reshape, unsqueeze
from functrans.torch.tensor import Tensor, wrap


def _window(window: Tensor | None, length: int, n_fft: int, kind: Any) -> Tensor:
    """The window, filled up with zeros to the length of the transform on both sides."""
    if window is not None and tuple(window.shape) != (length,):
        raise RuntimeError(
            f"stft: expected a 1D window tensor of size equal to win_length={length}, but got "
            f"window with size {list(window.shape)}"
        )
    values = wrap(np.ones(length, kind)) if window is None else window
    before = (n_fft - length) // 2
    return wrap(p.pad(values.array, widths=((before, n_fft - length - before),)))


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
) -> Tensor:
    """The spectra of the windows of signals, frequencies before windows.

    Parameters
    ----------
    input : Tensor
        One signal, or a batch of them.
    n_fft, hop_length, win_length : int
        The length of the transform, from window to window (a quarter), and of the window (all).
    window : Tensor, optional
        What each stretch is multiplied by; ones.
    center : bool
        The signal is filled up on both sides, so that windows are centred on its ends too.
    pad_mode : "reflect" or "constant"
        How.
    normalized : bool
        Divide by the root of `n_fft`.
    onesided : bool, optional
        Only frequencies from 0 on, which real signals need; default for them.
    return_complex : bool
        True; PyTorch's old form is refused.

    Raises
    ------
    RuntimeError
        Lengths do not fit, or the result is asked for as pairs of real numbers.
    """
    a = tensor_array(input, "stft")
    kind = dtype_of(a).kind
    if kind == "f" and not return_complex:
        raise RuntimeError(
            "stft requires the return_complex parameter be given for real inputs, and will further "
            "require that return_complex=True in a future PyTorch release."
        )
    if len(shape_of(a)) not in (1, 2) or kind not in "fc":
        raise RuntimeError(
            f"stft({input.dtype}{list(shape_of(a))}): expected a tensor of floating point or "
            "complex values with 1 or 2 dimensions"
        )
    hop, length = hop_length or n_fft // 4, win_length or n_fft
    shaped = _window(window, length, n_fft, dtype_of(a).type(0).real.dtype)
    rows = reshape(input, (1, -1)) if input.ndim == 1 else input
    if center:
        half = n_fft // 2
        rows = _padded(rows, half, pad_mode)
    if not 0 < n_fft <= rows.shape[1]:
        raise RuntimeError(f"stft: expected 0 < n_fft < {rows.shape[1]}, but got n_fft={n_fft}")
    frames = mul(rows.unfold(1, n_fft, hop), shaped)
    real = kind == "f" and onesided is not False
    transform = fft.rfft if real else fft.fft
    spectra = transform(frames, norm="ortho" if normalized else None)
    spectra = permute(spectra, (0, 2, 1))
    return reshape(spectra, spectra.shape[1:]) if input.ndim == 1 else spectra


def _padded(rows: Tensor, half: int, mode: str) -> Tensor:
    n = rows.shape[1]
    if mode == "constant":
        return wrap(p.pad(rows.array, widths=((0, 0), (half, half))))
    if mode != "reflect":
        raise NotImplementedError(
            f"stft(pad_mode={mode!r}) is not supported by functrans.torch; pad the signal before"
        )
    if half >= n:
        raise RuntimeError(
            f"Padding size should be less than the corresponding input dimension, but got: padding "
            f"({half}, {half}) at dimension 1 of input {list(rows.shape)}"
        )
    places = np.pad(np.arange(n), half, mode="reflect")
    return wrap(p.take(rows.array, places, axis=1))


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """The signals whose windows have these spectra, by least squares.

    Parameters are those of `stft`, and the `length` of the signal.

    Raises
    ------
    RuntimeError
        The windows do not cover the signal.
    """
    a = tensor_array(input, "istft")
    if dtype_of(a).kind != "c":
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with "
            "return_complex=True."
        )
    hop, size = hop_length or n_fft // 4, win_length or n_fft
    shaped = _window(window, size, n_fft, dtype_of(a).type(0).real.dtype)
    spectra = unsqueeze(input, 0) if input.ndim == 2 else input
    frames = permute(spectra, (0, 2, 1))
    norm = "ortho" if normalized else None
    if return_complex:
        if onesided or frames.shape[2] != n_fft:
            raise RuntimeError("cannot have onesided output if window or input is complex")
        signals = fft.ifft(frames, norm=norm)
    else:  # of a real signal the first half says everything
        signals = fft.irfft(narrow(frames, 2, 0, n_fft // 2 + 1), n_fft, norm=norm)
    count = frames.shape[1]
    total = n_fft + hop * (count - 1)
    places = (np.arange(count)[:, None] * hop + np.arange(n_fft)).reshape(-1)
    batch = frames.shape[0]

    def overlapped(parts: Tensor, rows: int) -> Tensor:
        flat = reshape(parts, (rows, -1))
        zeros = wrap(np.zeros((rows, total), flat.array.dtype))
        return zeros.index_add(1, wrap(places), flat)  # type: ignore[no-any-return]

    signal = overlapped(mul(signals, shaped), batch)
    squares = mul(shaped, shaped).expand(1, count, n_fft)
    weight = overlapped(squares, 1)
    start = n_fft // 2 if center else 0
    end = total - start if center else total
    stop = end if length is None else min(start + length, total)
    signal, weight = narrow(signal, 1, start, stop - start), narrow(weight, 1, start, stop - start)
    known = weight.detach().numpy_memory()
    if known.size and np.abs(known).min() < 1e-11:
        raise RuntimeError("window overlap add min: 1")
    result = div(signal, weight)
    if length is not None and result.shape[1] < length:
        result = wrap(p.pad(result.array, widths=((0, 0), (0, length - result.shape[1]))))
    return reshape(result, result.shape[1:]) if input.ndim == 2 else result
