"""Commands to the running service: its controls, positions and configuration, from a terminal."""
