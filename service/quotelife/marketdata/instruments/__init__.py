"""The venue's list of instruments, and its comparison with the configuration."""
