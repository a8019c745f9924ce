"""Calibration, backtest and importers. It imports the service; the service never imports it."""

import quotelife  # noqa: F401  sets up the kernel cache for this package too
