"""The version of functrans; pyproject.toml states the same one, and a test holds them together."""

import time as _time

__version__ = "0.1.0"

LOADED = _time.time()
"""When this process began to load the library: files that were changed later are not what it
runs."""
