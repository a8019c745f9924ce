"""A process that sends over a session's store until it is killed.

    python -m tests.stress.session_writer PATH

Prints a line once each step is done: `sent SEQ_NUM EXPECTED` or `reset`; before a reset also `resets`. Message n is
`message(n)`.
"""

import random
import sys
from pathlib import Path

from quotelife.fix.session import EXPECTED, NEXT_OUT
from quotelife.fix.store import MappedStore

NAME = "FIX.4.4:QUOTELIFE->FUND"


def message(seq_num: int) -> bytes:
    """The stored message with this number: of some size between 1 byte and 5 KB."""
    return b"%d|" % seq_num + b"x" * (seq_num * 7919 % 5_000)


def main() -> None:
    store, random_steps = MappedStore(Path(sys.argv[1]), NAME), random.Random()
    while True:
        if random_steps.random() < 0.002:
            sys.stdout.write("resets\n")
            sys.stdout.flush()
            store.reset()
            sys.stdout.write("reset\n")
        else:
            seq_num = int(store.sequence[NEXT_OUT])
            if seq_num % 3:  # every third is not stored
                store.append(seq_num, message(seq_num))
            store.sequence[NEXT_OUT] += 1
            store.sequence[EXPECTED] += 1
            sys.stdout.write(f"sent {seq_num} {store.sequence[EXPECTED]}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
