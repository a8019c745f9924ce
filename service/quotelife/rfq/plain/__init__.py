"""The plain request: one kernel from its bytes to the bytes of its Quote."""
