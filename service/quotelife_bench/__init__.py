"""`quotelife bench`: measures the service on this machine, with baselines in the same run."""
