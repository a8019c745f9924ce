"""Parameters are published as fast as a process can while a desk decides: every decision is made of exactly one
version, the one that its record names."""

import multiprocessing as mp
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from quotelife.config.paths import RunPaths
from quotelife.config.sections import Paths
from quotelife.decision.parameters_follower import ParametersFollower
from quotelife.journal.ring import Reader
from quotelife.parameters.region import activate_parameters
from quotelife.parameters.versions import LearntRow, Version, Versions
from quotelife_models import decide as D
from quotelife_models import hazard as H
from tests.unit.rfq.rfq_rig import Rig

SHIFTS = [n / 100 for n in range(-50, 51)]
SWAPS, DECISIONS = 300, 1_500


def versions(folder: Path) -> Versions:
    rig = Rig(folder)
    paths = Paths(run=str(folder / "run"), data=str(folder / "data"), parameters=str(folder / "parameters"))
    return Versions(msgspec.structs.replace(rig.config, paths=paths), rig.parameters)


def made(of: Versions):
    """A version for each shift, of every instrument."""
    return [
        of.restore(Version(n, "", 0, "", tuple(LearntRow(s, o, intercept=shift) for s, o in _named(of))))
        for n, shift in enumerate(SHIFTS, 1)
    ]


def _named(of: Versions):
    return zip(of.symbols, of.origins, strict=True)


def publisher(folder: str, stop) -> None:
    own = versions(Path(folder) / "publisher")
    all_versions = made(own)
    while not stop.is_set():
        for version in all_versions:
            activate_parameters(RunPaths(Path(folder) / "run").parameters, version, own.origin)


@pytest.mark.slow
def test_every_decision_uses_the_parameter_version_it_names(tmp_path):
    for folder in ("run", "publisher", "desk"):
        (tmp_path / folder).mkdir()
    rig = Rig(tmp_path / "desk")
    paths = Paths(run=str(tmp_path / "run"), data=str(tmp_path / "data"))
    follower = ParametersFollower(
        msgspec.structs.replace(rig.config, paths=paths), rig.parameters, RunPaths(tmp_path / "run")
    )
    own = versions(tmp_path / "publisher")
    ends = np.arange(1, H.N_BINS + 1)
    alphas = {v.hash: v.table[0, H.ALPHA] for v in made(own)} | {rig.parameters.hash: -5.0}
    curves = {hash_: 1 - (1 - 1 / (1 + np.exp(-alpha))) ** ends for hash_, alpha in alphas.items()}
    context = mp.get_context("spawn")
    stop, done = context.Event(), threading.Event()
    taken = []

    def swap():
        while not done.is_set():
            before = rig.handler.quoter.table
            follower.poll(rig.handler)
            if rig.handler.quoter.table is not before:
                taken.append(1)

    process = context.Process(target=publisher, args=(str(tmp_path), stop))
    swapper = threading.Thread(target=swap)
    process.start()
    swapper.start()
    reader, wrong, seen, decided = Reader(rig.journal, from_start=True), 0, set(), 0
    try:
        while (len(taken) < SWAPS or decided < DECISIONS) and process.is_alive():
            rig.sleep(0.001)
            with rig.handler.lock:
                answer = rig.receive("R", f"131=r{decided}|146=1|55=BTC-USD|54=1|38=1|20001=CLIENT_PRIORITY", "FUND")
            assert answer.messages
            decided += 1
            for record in reader.read():
                hash_ = record.parameters
                p = record.decisions[1][D.OUT_CURVE_ONE_TICK : D.OUT_CURVE_ONE_TICK + H.N_BINS]
                wrong += not np.allclose(p, curves[hash_], rtol=0, atol=1e-12)
                seen.add(hash_)
    finally:
        done.set()
        stop.set()
        swapper.join(30)
        process.join(30)
    assert process.exitcode == 0
    assert wrong == 0
    assert len(taken) >= SWAPS and len(seen) > len(SHIFTS) / 2, "it must have been swapped under way"
