"""A real trainer for small Llama models on the CPU, with numpy as its only dependency.

One BLAS thread: several would share the sums of a matrix product differently from run to run, and the same seed must
give the same bytes. The setting counts only before numpy is first imported, hence here.
"""

import os

for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
