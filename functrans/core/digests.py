"""Digests of bytes, by the module of CPython that has nothing else in it.

``hashlib`` loads OpenSSL, which takes milliseconds.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b as blake2b
except ImportError:  # of another implementation, or another version
    from hashlib import blake2b as blake2b
