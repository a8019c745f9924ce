"""New fits of the labelled samples, in a process of their own at the lowest priority: `python -m
quotelife_research.calibration.refit`."""

import shutil
import subprocess
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.parameters.table import sound
from quotelife.recorder.learning.samples import Samples
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.module_command import module_command

NOT_INSTALLED = 3  # the exit code where what fits is not there
_PATIENCE_NS = 900 * NS_PER_S


class Refitted(NamedTuple):
    """What came of a fit: the row, or why there is none."""

    row: int
    parameters: NDArray[np.float64] | None
    trained_until_ns: int
    why: str = ""


class Refits:
    """One fit at a time. `folder` is this process's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._row, self._until_ns, self._started_ns = 0, 0, 0
        self.available = True

    @property
    def busy(self) -> bool:
        return self._process is not None

    def start(self, row: int, parameters: NDArray[np.float64], samples: Samples, now_ns: int) -> None:
        """Fit an instrument anew, drawn towards the row that is in force."""
        self._folder.mkdir(parents=True, exist_ok=True)
        given, made = self._folder / "samples.npz", self._folder / "row.npy"
        made.unlink(missing_ok=True)
        np.savez(
            given, row=parameters, moment_ns=samples.moment_ns, x=samples.x, barriers=samples.barriers,
            bins=samples.bins,
        )  # fmt: skip
        self._errors = open(self._folder / "errors", "w+b")  # noqa: SIM115  read when the process has ended
        self._process = subprocess.Popen(
            module_command("quotelife_research.calibration.refit", str(given), str(made)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        self._row, self._until_ns, self._started_ns = row, int(samples.moment_ns[-1]), now_ns

    def look(self, now_ns: int) -> Refitted | None:
        """The fit that has ended since, if one has."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if now_ns - self._started_ns < _PATIENCE_NS:
                return None
            self.stop()
            return Refitted(self._row, None, 0, f"not done after {_PATIENCE_NS // NS_PER_S} s")
        self._process = None
        assert self._errors is not None
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        self._errors.close()
        if code == NOT_INSTALLED:
            self.available = False
        if code != 0:
            return Refitted(self._row, None, 0, said[-1] if said else f"exit code {code}")
        try:
            parameters = np.load(self._folder / "row.npy")
        except (OSError, ValueError) as error:
            return Refitted(self._row, None, 0, str(error))
        return Refitted(self._row, parameters if sound(parameters) else None, self._until_ns, "unsound")

    def stop(self) -> None:
        """End a fit that runs, and leave nothing behind."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._errors is not None:
            self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)
