"""`quotelife venue check`: logs on to one venue and shows what it sends and what was not understood."""
