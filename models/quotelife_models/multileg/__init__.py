"""Several legs as one instrument: the moves of each leg, the survival curve of their net price, and the decision."""
