"""What a fork server makes of a test's code: a process that runs it."""


def main(arguments: list[str]) -> int:
    exec(arguments[0], {"__name__": "__main__", "arguments": arguments[1:]})
    return 0
