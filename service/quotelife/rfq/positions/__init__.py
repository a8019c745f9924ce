"""Changes of positions that are no fills: by the desk, and by the executions that its hedge sessions report."""
