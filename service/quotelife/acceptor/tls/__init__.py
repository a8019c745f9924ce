"""TLS in front of the quoting process, in a process of its own."""
