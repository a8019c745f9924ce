"""Why a quote was given the lifetime it had, and what became of it: `quotelife explain`."""
