"""Anomaly detection: which operation's backward pass returned NaN, and the line that called it."""

from __future__ import annotations

import warnings

from functrans.torch import anomalies


class set_detect_anomaly:
    """Look for NaN in backward passes: from now on, or for the length of a ``with`` block.

    Parameters
    ----------
    mode : bool
    check_nan : bool
        Raise where a backward pass returns NaN; if False nodes only remember where they were made.

    Examples
    --------
    >>> import functrans.torch as torch
    >>> with torch.autograd.set_detect_anomaly(True):
    ...     y = torch.tensor(4.0, requires_grad=True).sqrt()
    ...     y.backward()
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = anomalies.state.enabled, anomalies.state.check_nan
        anomalies.enable(mode, check_nan)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        anomalies.enable(*self._before)


class detect_anomaly:
    """Look for NaN in backward passes for the length of a ``with`` block.

    The error is raised by the backward pass, with a warning that shows the line of the operation in
    the forward pass.

    Parameters
    ----------
    check_nan : bool
        Raise where a backward pass returns NaN.

    Examples
    --------
    >>> import functrans.torch as torch, warnings
    >>> warnings.simplefilter("ignore")
    >>> x = torch.tensor(0.0, requires_grad=True)
    >>> with torch.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).backward()
    Traceback (most recent call last):
        ...
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = anomalies.state.enabled, anomalies.state.check_nan
        anomalies.enable(True, self.check_nan)

    def __exit__(self, *exc: object) -> None:
        anomalies.enable(*self._before)


def is_anomaly_enabled() -> bool:
    """Whether anomaly detection is on."""
    return anomalies.state.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Whether backward passes raise where they meet NaN."""
    return anomalies.state.check_nan
