"""Limits that memory layouts and the configuration share."""

MAX_VENUES = 64
