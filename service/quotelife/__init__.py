"""A FIX service that decides how long a quote may live: market data in, quotes out."""

from importlib.util import find_spec
from pathlib import Path

from quotelife_models.kernel_cache import use_kernel_cache

# All packages of the product that define kernels; research and simulation need not be there.
_PACKAGES = ("quotelife_models", "quotelife", "quotelife_research", "quotelife_sim")

use_kernel_cache(
    [Path(spec.origin).parent for spec in map(find_spec, _PACKAGES) if spec is not None and spec.origin is not None]
)
