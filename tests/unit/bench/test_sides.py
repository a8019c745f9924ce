"""The sides of a bench: which ones run, what is left out and why, and who has the market data."""

from pathlib import Path

from quotelife_bench import configuration, sides
from quotelife_bench.baselines.cpp.build import NotBuiltError
from quotelife_bench.load import peers
from quotelife_bench.load.venue import Phase
from quotelife_bench.sides import CPP, ECHO, NAMES, PYTHON_MEMORY, LoadShape, RunningService, RunningSides, alternating


def test_baselines_answer_and_one_that_cannot_run_is_named_with_the_reason(monkeypatch):
    def find() -> Path:
        raise NotBuiltError("no C++ compiler")

    monkeypatch.setattr(sides, "find", find)
    with sides.sides((PYTHON_MEMORY, CPP, ECHO), 0.0, 2, 1) as running:
        assert running.running == [PYTHON_MEMORY, ECHO]
        assert running.notes() == [f"{NAMES[CPP]}: left out, no C++ compiler"]
        for side in running.running:
            measured = running.load(side, LoadShape(500.0, 0.1, 0.1, 0.0, 2, pause_us=500.0))
            assert measured.quotes == 50 and measured.cpu_ns > 0


def test_only_the_measured_service_has_the_market_data_and_the_first_one_while_a_baseline_is():
    played: list[tuple[str, float | None]] = []

    class Venue(peers.VenueProcess):
        def __init__(self, name: str) -> None:
            self.name = name

        def play(self, phase: Phase):
            played.append((self.name, phase.rate_afterwards))

    running = RunningSides(generator=None)  # type: ignore[arg-type]
    running.services = {name: RunningService(None, None, Venue(name)) for name in ("a", "b")}  # type: ignore[arg-type]
    fed = []
    for side in ("a", "a", "b", "a"):
        running._feed(side, 1_000.0)
        fed.append(dict(played))
        played.clear()
    assert fed == [{"a": 1_000.0, "b": 20.0}, {}, {"a": 20.0, "b": 1_000.0}, {"a": 1_000.0, "b": 20.0}]


def test_a_bare_engine_in_memory_stores_nothing(tmp_path):
    config = configuration.write(tmp_path, 0, 1)
    texts = [configuration.bare_settings(config, tmp_path, in_memory)[0].read_text() for in_memory in (False, True)]
    assert ["FileStorePath=" in text for text in texts] == [True, False]
    assert ["PersistMessages=Y" in text for text in texts] == [True, False]


def test_the_order_of_the_sides_is_reversed_with_each_repeat():
    assert list(alternating("ab", 3)) == [(0, "a"), (0, "b"), (1, "b"), (1, "a"), (2, "a"), (2, "b")]
