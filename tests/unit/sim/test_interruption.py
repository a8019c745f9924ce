"""A signal ends a run in order at any moment, also where it was ignored at the start."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from quotelife.runtime import kernel_compilation
from quotelife_sim.interruption import Interrupted, Interruption
from quotelife_sim.options import Options
from quotelife_sim.simulate import simulate
from tests.acceptance.simulation import configuration

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def not_ignored() -> Iterator[None]:
    """No signal is ignored, whoever has started the tests."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_before_the_start_raises_once(number) -> None:
    before = signal.getsignal(number)
    left = []
    with pytest.raises(Interrupted), Interruption() as interruption:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)  # while contexts are being left
            left.append(interruption.requested)
    assert left == [True] and signal.getsignal(number) == before


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_during_the_run_is_only_noted(number) -> None:
    hung_up = []
    with Interruption() as interruption:
        interruption.on_hangup = lambda: hung_up.append(number)
        interruption.defer()
        assert not interruption.requested
        signal.raise_signal(number)
        assert interruption.requested
    assert hung_up == ([number] if number == signal.SIGHUP else [])


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, False)])
def test_of_the_ignored_signals_only_a_hangup_stays_ignored(number, ends) -> None:
    """A shell has the commands in the background of a script ignore SIGINT; nohup has them ignore SIGHUP."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with Interruption() as interruption:
            interruption.defer()
            signal.raise_signal(number)
            assert interruption.requested == ends
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_signal_while_kernels_compile_leaves_nothing_behind(tmp_path: Path, monkeypatch, capsys) -> None:
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr("quotelife_sim.simulate._MEMORY", memory)
    found: list[int] = []

    def compile_kernels(engine: str, report: object) -> None:
        found.append(len(list(memory.iterdir())))
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(kernel_compilation, "ensure", compile_kernels)
    assert simulate(Options(market="synthetic", config=configuration(tmp_path))) == 1
    assert capsys.readouterr().err == "interrupted before anything was played\n"
    assert found == [1] and not list(memory.iterdir()) and not (tmp_path / "run").exists()
