"""Reports from the history, for those who ask how the desk deals."""
