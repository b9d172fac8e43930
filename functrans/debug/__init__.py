"""Looking into functions while they are transformed: printing, calls back, tangents and
cotangents."""

from functrans.debug.callbacks import (
    callback as callback,
    io_callback as io_callback,
    pure_callback as pure_callback,
)
from functrans.debug.nans import nans as nans
from functrans.debug.printing import inspect as inspect, print as print
