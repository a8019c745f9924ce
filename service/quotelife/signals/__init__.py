"""Signals about the market beside its prices: news sentiment and volatility indices, until they are stale."""
