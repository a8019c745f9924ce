"""The parameters in force: what was configured, what was learnt since, and how a running process takes them over."""
