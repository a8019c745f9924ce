"""Metrics as integers in shared memory: families, label values, the region of each process, the histogram."""
