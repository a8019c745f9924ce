"""Venue, clients, markets and report of `quotelife simulate`: real FIX peers for the demo, compose and tests."""

import quotelife  # noqa: F401  its kernel cache covers the kernels of this package
