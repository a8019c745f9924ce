"""Calibration, backtest and importers. May import the service; the service never imports it."""

import quotelife  # noqa: F401  its kernel cache covers the kernels of this package
