"""Versions of the configuration: what changes, who keeps which number, how the processes agree."""
