"""Profiles of venues: their dialects, checked, and the sessions that they need."""
