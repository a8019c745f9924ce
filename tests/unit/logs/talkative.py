"""A module that warns, and writes to the standard error, when it is imported."""

import sys
import warnings

warnings.warn("use another", UserWarning, stacklevel=1)
print("hello", file=sys.stderr)
