"""What decides how long a quote may live. Imports numpy and numba only."""

from pathlib import Path

from quotelife_models.kernel_cache import keep

keep([Path(__file__).parent])
