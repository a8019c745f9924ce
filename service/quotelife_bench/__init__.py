"""`quotelife bench`: what the service costs on this machine, each figure beside its baseline in the same run."""
