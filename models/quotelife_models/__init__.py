"""The models that decide how long a quote may live. Imports numpy and numba only."""

from pathlib import Path

from quotelife_models.kernel_cache import use_kernel_cache

use_kernel_cache([Path(__file__).parent])
