"""`quotelife explain`: why a quote had its lifetime, and its outcome."""
