"""Subscriptions of a venue session: what is asked for, when, and how fast."""
