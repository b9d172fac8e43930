"""The functions of ``scipy.special`` themselves, as ``sp``.

With ``SCIPY_ARRAY_API=1`` the public names are functions that choose by array library; what NumPy
knows, and what rules are entered for, are the ufuncs in them.
"""

from __future__ import annotations

from typing import Any

import scipy.special


class _Ufuncs:
    def __getattr__(self, name: str) -> Any:
        public = getattr(scipy.special, name)
        return getattr(public, "__wrapped__", public)


sp: Any = _Ufuncs()
