"""The controls in shared memory: `Controls` is what a quoting process reads, before every quote and every hit."""

import mmap
import os
from pathlib import Path

from quotelife.config import Config
from quotelife.config.paths import RunPaths
from quotelife.controls import layout as L

ALL, INSTRUMENT, CLIENT = "all", "instrument", "client"


class ControlsError(Exception):
    """The file is not one of this version for this configuration."""


class Controls:
    """`generation` changes with every order. Words are read where they lie, so an order counts at once."""

    def __init__(self, memory: mmap.mmap | bytearray, n_instruments: int, n_clients: int) -> None:
        self.words = memoryview(memory).cast("q")
        self.n_instruments, self.n_clients = n_instruments, n_clients
        self._clients = L.clients_at(n_instruments, 0)

    @classmethod
    def none(cls, n_instruments: int, n_clients: int) -> "Controls":
        """Nothing is ordered, and nothing can be: for a process without a supervisor."""
        controls = cls(bytearray(L.size(n_instruments, n_clients)), n_instruments, n_clients)
        for row in range(n_instruments):
            controls.words[L.instruments_at(row) + L.I_FORCED] = L.DERIVED
        return controls

    @classmethod
    def create(cls, path: Path, n_instruments: int, n_clients: int) -> "Controls":
        """Make the file anew, with nothing ordered; the only writer. OSError if there is no room."""
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        with open(fresh, "w+b") as file:
            os.posix_fallocate(file.fileno(), 0, L.size(n_instruments, n_clients))
            memory = mmap.mmap(file.fileno(), 0)
        controls = cls(memory, n_instruments, n_clients)
        head = (L.MAGIC, L.LAYOUT_VERSION, n_instruments, n_clients, os.getpid())
        for word, value in enumerate(head):
            controls.words[word] = value
        for row in range(n_instruments):
            controls.words[L.instruments_at(row) + L.I_FORCED] = L.DERIVED
        os.replace(fresh, path)
        return controls

    @classmethod
    def attach(cls, path: Path, n_instruments: int, n_clients: int) -> "Controls":
        """A read-only view; ControlsError if there is no file that fits."""
        try:
            with open(path, "rb") as file:
                memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ControlsError(f"{path}: {error}") from None
        expected = (L.MAGIC, L.LAYOUT_VERSION, n_instruments, n_clients)
        if len(memory) != L.size(n_instruments, n_clients) or tuple(memoryview(memory).cast("q")[:4]) != expected:
            raise ControlsError(f"{path}: not the controls of this configuration")
        return cls(memory, n_instruments, n_clients)

    @property
    def generation(self) -> int:
        return self.words[L.H_GENERATION]

    def stopped(self, row: int, client: int) -> tuple[str, int] | None:
        """What is not quoted and since when (wall clock, ns), or None: everything, then the instrument, then the
        client."""
        words = self.words
        if since := words[L.H_STOPPED_NS]:
            return ALL, since
        if since := words[L.HEADER_WORDS + row * L.INSTRUMENT_WORDS]:
            return INSTRUMENT, since
        if since := words[self._clients + client]:
            return CLIENT, since
        return None

    def forced(self, row: int) -> int:
        """The state of the market that the desk has set, or DERIVED."""
        return self.words[L.HEADER_WORDS + row * L.INSTRUMENT_WORDS + L.I_FORCED]


def find_controls(config: Config, run_directory: Path) -> Controls:
    """The desk's orders. None without a supervisor, which makes the file before anything is started."""
    sizes = len(config.instrument), len(config.client)
    path = RunPaths(run_directory).controls
    return Controls.attach(path, *sizes) if path.exists() else Controls.none(*sizes)
