"""The version of functrans; pyproject.toml states the same one, and a test holds them together."""

__version__ = "0.1.0"
