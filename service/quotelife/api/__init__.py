"""The expiry API: how long may a price live that somebody else has made? See README.md beside this file."""
