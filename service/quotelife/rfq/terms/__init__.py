"""What a request states about a quote beside symbol, side and size: identity, settlement, currency, what to repeat."""
