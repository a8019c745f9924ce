"""Runs `quotelife_research.calibration.refit`, new fits of labelled samples, in a process of lowest priority."""

import shutil
import subprocess
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quotelife.parameters.table import is_usable
from quotelife.recorder.learning.samples import Samples
from quotelife.runtime.clock import NS_PER_S
from quotelife.runtime.module_command import module_command

NOT_INSTALLED = 3  # exit code if the package for fits is missing
_TIMEOUT_NS = 900 * NS_PER_S


class RefitResult(NamedTuple):
    """The fitted parameters of a row, or the reason why there are none."""

    row: int
    parameters: NDArray[np.float64] | None
    trained_until_ns: int
    error: str = ""


class RefitProcess:
    """One fit at a time. `folder` is used by nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._row, self._until_ns, self._started_ns = 0, 0, 0
        self.available = True

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, row: int, parameters: NDArray[np.float64], samples: Samples, now_ns: int) -> None:
        """Start a new fit of an instrument, shrunk towards the row in force."""
        self._folder.mkdir(parents=True, exist_ok=True)
        samples_path, row_path = self._folder / "samples.npz", self._folder / "row.npy"
        row_path.unlink(missing_ok=True)
        np.savez(
            samples_path, row=parameters, moment_ns=samples.moment_ns, x=samples.x, barriers=samples.barriers,
            bins=samples.bins,
        )  # fmt: skip
        self._errors = open(self._folder / "errors", "w+b")  # noqa: SIM115  read after the process has ended
        self._process = subprocess.Popen(
            module_command("quotelife_research.calibration.refit", str(samples_path), str(row_path)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
        )
        self._row, self._until_ns, self._started_ns = row, int(samples.moment_ns[-1]), now_ns

    def poll(self, now_ns: int) -> RefitResult | None:
        """The result of a fit that has ended; else None."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            if now_ns - self._started_ns < _TIMEOUT_NS:
                return None
            self.stop()
            return RefitResult(self._row, None, 0, f"not finished after {_TIMEOUT_NS // NS_PER_S} s")
        self._process = None
        assert self._errors is not None
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        self._errors.close()
        if code == NOT_INSTALLED:
            self.available = False
        if code != 0:
            return RefitResult(self._row, None, 0, lines[-1] if lines else f"exit code {code}")
        try:
            parameters = np.load(self._folder / "row.npy")
        except (OSError, ValueError) as error:
            return RefitResult(self._row, None, 0, str(error))
        return RefitResult(self._row, parameters if is_usable(parameters) else None, self._until_ns, "unsound")

    def stop(self) -> None:
        """End a running fit, and remove its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._errors is not None:
            self._errors.close()
        shutil.rmtree(self._folder, ignore_errors=True)
