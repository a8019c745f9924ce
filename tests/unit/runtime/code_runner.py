"""A process for tests that runs the Python code of its first argument."""


def main(arguments: list[str]) -> int:
    exec(arguments[0], {"__name__": "__main__", "arguments": arguments[1:]})
    return 0
