"""The functions of ``scipy.special`` themselves, as ``sp``.

With ``SCIPY_ARRAY_API=1`` the public names are functions that choose by array library; what NumPy
knows, and what rules are entered for, are the ufuncs in them.
"""

from __future__ import annotations

from typing import Any

import scipy.special

_DISPATCH = "scipy.special._support_alternative_backends"


def undispatched(public: Any) -> Any:
    """The function of NumPy arrays in one that chooses by array library; any other as it is."""
    if getattr(public, "__globals__", {}).get("__name__") == _DISPATCH:
        return public.__wrapped__
    return public


class _Ufuncs:
    def __getattr__(self, name: str) -> Any:
        return undispatched(getattr(scipy.special, name))


sp: Any = _Ufuncs()
