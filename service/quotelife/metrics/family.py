"""A metric family: its name, type, unit and labels."""

from typing import Literal, NamedTuple

NS = 1e-9  # nanoseconds to seconds, and parts per billion to a probability
PROBABILITY_ONE = 1_000_000_000  # a probability is stored in parts per billion


class Family(NamedTuple):
    """One metric family.

    `labels` are (name, allowed values) in order. `shown` is the range of a histogram's exposed bounds, as exponents of
    two of the stored integer.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[tuple[str, tuple[str, ...] | None], ...] = ()
    scale: float = 1
    shown: tuple[int, int] = (10, 33)


LATENCY = (10, 31)  # 1 us to 2 s
LIFETIME = (20, 35)  # 1 ms to 34 s
PROBABILITY = (14, 30)  # 0.00002 to 1

HEARTBEAT = Family(
    "quotelife_heartbeat_timestamp_seconds",
    "gauge",
    "Wall-clock time of the process's last heartbeat.",
    (("process", None),),
    NS,
)

SESSION = (("session", None),)

PARAMETERS_GENERATION = Family(
    "quotelife_parameters_generation",
    "gauge",
    "Version of the parameters: published by the recorder, in use by the quoting process; 0 is the configured set.",
    (("process", None),),
)
