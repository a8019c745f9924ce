"""Metrics as integers in shared memory: recording costs nanoseconds, turning them into text happens elsewhere."""
