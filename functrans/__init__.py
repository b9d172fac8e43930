"""functrans: composable function transforms over NumPy."""

import os as _os

if not _os.path.isdir(_os.path.join(__path__[0], "primitives")):  # a plain checkout or an editable install
    __path__.append(_os.path.dirname(__path__[0]))

import functrans.primitives as primitives
