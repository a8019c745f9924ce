"""Lines for the log that anybody can cause: of each kind a few a second at most, and then how many were left out."""

import sys
from collections import Counter

from quotelife.runtime.clock import NS_PER_S, mono_ns

_BETWEEN_NS = NS_PER_S // 4


class RateLimitedLog:
    """For one thread."""

    def __init__(self) -> None:
        self._said_ns: dict[str, int] = {}
        self._left_out: Counter[str] = Counter()

    def log(self, kind: str, text: str) -> None:
        now_ns = mono_ns()
        if now_ns - self._said_ns.get(kind, -_BETWEEN_NS) < _BETWEEN_NS:
            self._left_out[kind] += 1
            return
        self._said_ns[kind] = now_ns
        left_out = self._left_out.pop(kind, 0)
        more = f"; {left_out} more like it before" if left_out else ""
        print(f"{text}{more}", file=sys.stderr, flush=True)
