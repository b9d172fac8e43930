"""Print how long a fresh process takes to the first result of a program.

The command line names the contestant, the program of the workload ``first_result``, and whether the
import of the library counts: ``with`` or ``without``. NumPy and the data are there before.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time

from benchmarks.gradients import jax_arrays, waiting
from benchmarks.workloads.first_result import SOURCES

contestant, program, imports = sys.argv[1:]
made, *arguments = SOURCES[program]()
ours = not contestant.startswith("jax")
assert ("functrans" if ours else "jax") not in sys.modules, "the library is imported already"
os.environ["FUNCTRANS_CACHE"] = str(int(contestant == "functrans_cached"))
folder = os.path.join(tempfile.gettempdir(), f"functrans-benchmark-{os.getuid()}")
os.environ["FUNCTRANS_CACHE_DIR"] = folder

start = time.perf_counter()
if ours:
    import functrans as ft

    imported = time.perf_counter()
    backend = "numpy" if contestant == "functrans" else "llvm"
    ft.jit(made.functrans(), backend=backend)(*arguments)
else:
    import jax

    jax.config.update("jax_enable_x64", True)
    if contestant == "jax_cached":  # of all that is compiled, however short that takes
        jax.config.update("jax_compilation_cache_dir", os.path.join(folder, "jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    imported = time.perf_counter()
    waiting(jax.jit(made.jax()))(*jax_arrays(tuple(arguments)))
end = time.perf_counter()
print(json.dumps({"seconds": end - (start if imports == "with" else imported)}))

if ours:  # what a process leaves on the disk that lives longer
    from functrans.compile import background

    background.finish()
