"""Several instruments quoted as one."""
