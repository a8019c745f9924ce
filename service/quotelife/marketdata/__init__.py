"""From a venue's bytes to the board; where a new venue goes: see README.md."""
