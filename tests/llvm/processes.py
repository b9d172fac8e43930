"""Programs that run in a process of their own, with this checkout to import from."""

import os
import subprocess
import sys

from tests.modules import ROOT


def run(code: str, *flags: str, timeout: float = 120, **environment: str) -> tuple[int, str, str]:
    """Run a program with flags of Python; its exit status, and what it has written and warned."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return done.returncode, done.stdout, done.stderr
