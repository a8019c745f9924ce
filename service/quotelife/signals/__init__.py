"""Signals: what is said about the market beside prices, by whom and when, until it has decayed."""
