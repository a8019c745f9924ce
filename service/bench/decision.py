"""Time of one decision: board row, features as of now, survival curve, model, bounds."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from numba import jit

from models.decide import Parameters
from service.bench import configuration
from service.bench.kernels import logged_on, receive
from service.clock import mono_ns, wall_ns
from service.config import resolve
from service.quoting import kernel as K
from service.quoting import pricing
from service.quoting.client_state import client_states
from service.quoting.quoter import Quoter
from service.quoting.request import BY_RULES, TWO_WAY, Related
from service.quoting.scratch import Scratch


class DecisionTimes(NamedTuple):
    """Nanoseconds of one decision, a figure a repeat: the whole quoter, and the kernel alone called in a loop."""

    quoter_ns: list[float]
    kernel_ns: list[float]


@jit(nopython=True)  # compiled when it is run: the kept kernels need not be compiled anew with each edit of the bench
def _many(n, inputs):  # type: ignore[no-untyped-def]
    for _ in range(n):
        K.answer(inputs)


def decision_times(decisions: int, repeats: int) -> DecisionTimes:
    """Decide on a live book. The clock given goes on from one decision to the next, as it does in the service."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="quotelife-bench-") as name:
        config = configuration.write(Path(name), 0, 1)
        feed, venue, board = logged_on(config, resolve(config, config.paths.run))
        receive(feed, venue.increments(5_000))
        client = client_states(config)[configuration.CLIENT]
        quoter = Quoter(config, Parameters.load(), pricing.default)
        quoter.board = board
        traded = next(iter(quoter.traded.values()))
        related = Related(traded.instrument.symbol, TWO_WAY, "100", 0, 1)
        scratch = Scratch()
        whole, inside = [], []
        for repeat in range(repeats + 1):
            receive(feed, venue.increments(100))  # the book stays alive
            start = mono_ns()
            for _ in range(decisions):
                board.beat(mono_ns())
                quoter.quote(client, related, BY_RULES, 0, wall_ns(), mono_ns(), scratch)
            quoted = mono_ns()
            _many(decisions, scratch.inputs)
            done = mono_ns()
            if repeat > 0:  # the first one warms up
                whole.append((quoted - start) / decisions)
                inside.append((done - quoted) / decisions)
        return DecisionTimes(whole, inside)
