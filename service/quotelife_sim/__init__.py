"""Venue, clients, markets and report of `quotelife simulate`: real FIX peers for the demo, compose and tests."""

import quotelife  # noqa: F401  sets the kernel cache, also for the kernels of this package
