"""Files in shared memory: created whole, attached after a check of the header, followed by name.

A plain file mapped with mmap, not `multiprocessing.shared_memory`: below Python 3.13 an attacher of the latter unlinks
the segment when it exits. A writer creates its file beside the old one and renames it, so a reader finds either the
old file or a complete new one. A mapped file stays valid until the reader attaches again.
"""

import mmap
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quotelife.shm.layout import WORD_BYTES, Layout

Words = NDArray[np.int64]
WRITER_PID = "writer_pid"  # a header field of this name is set by `create`


class RegionError(Exception):
    """The file at `path` cannot be used; the text states the cause and the expected value."""

    def __init__(self, path: str | Path, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = Path(path)


class Format(NamedTuple):
    """Properties of all files of one kind: `name` for messages, the header's layout, the constant header fields with
    their values, and the file's size in words as a function of its header."""

    name: str
    header: Layout
    constants: Mapping[str, int]
    size: Callable[[Words], int]


class Region:
    """A mapped file: `words` int64[...] is the whole file, `memory` the same as bytes. `inode` distinguishes it from a
    later file of the same name."""

    def __init__(self, path: Path, memory: mmap.mmap, inode: int) -> None:
        self.path = path
        self.memory = memory
        self.inode = inode
        self.words: Words = np.frombuffer(memory, np.int64, len(memory) // WORD_BYTES)

    @classmethod
    @contextmanager
    def create(
        cls, path: str | Path, form: Format, header: Mapping[str, int], *, reserve: bool = True, populate: bool = False
    ) -> Iterator["Region"]:
        """Create a region of zeros with the format's constants and `header` filled in, for its writer to fill; it
        replaces the file at `path` when the `with` block exits. OSError if there is no room.

        With `reserve` all pages are allocated now: a page that cannot be allocated later would kill the process
        with SIGBUS. With `populate` they are mapped as well, so that no first access waits.
        """
        path = Path(path)
        words = np.zeros(form.header.size(1), np.int64)
        fields = {field.name: field.offset for field in form.header.fields}
        values = {WRITER_PID: os.getpid()} if WRITER_PID in fields else {}
        for name, value in {**form.constants, **values, **header}.items():
            words[fields[name]] = value
        n_bytes = form.size(words) * WORD_BYTES
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
        try:
            with open(fresh, "x+b") as file:
                if reserve:
                    os.posix_fallocate(file.fileno(), 0, n_bytes)
                else:
                    file.truncate(n_bytes)
                region = _map(path, file.fileno(), writable=True, populate=populate)
            region.words[: len(words)] = words
            yield region
            os.replace(fresh, path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise

    @classmethod
    def attach(
        cls,
        path: str | Path,
        form: Format,
        expected: Mapping[str, int] = MappingProxyType({}),
        *,
        writable: bool = True,
        populate: bool = False,
    ) -> "Region":
        """Map the file at `path`. RegionError if it is missing, of another version, truncated, or differs in one of the
        `expected` header fields.

        Readers that pass arrays to kernels attach `writable` too, because kernel signatures accept one kind of array
        only; they must not write.
        """
        path = Path(path)
        try:
            with open(path, "r+b" if writable else "rb") as file:
                n_bytes = os.fstat(file.fileno()).st_size
                least = form.header.size(1) * WORD_BYTES
                if n_bytes < least:
                    raise RegionError(path, f"not a {form.name}: {n_bytes} bytes, its header has {least}")
                region = _map(path, file.fileno(), writable=writable, populate=populate)
        except OSError as error:
            raise RegionError(path, error.strerror or str(error)) from error
        for field in form.header.fields:
            value = form.constants.get(field.name, expected.get(field.name))
            found = int(region.words[field.offset])
            if value is not None and found != value:
                raise RegionError(path, f"not a {form.name} of this version: {field.name} is {found}, expected {value}")
        needed = form.size(region.words) * WORD_BYTES
        if n_bytes != needed:
            raise RegionError(path, f"not a whole {form.name}: {n_bytes} bytes, its header calls for {needed}")
        return region


def _map(path: Path, descriptor: int, *, writable: bool, populate: bool) -> Region:
    flags = mmap.MAP_SHARED | (mmap.MAP_POPULATE if populate else 0)
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    memory = mmap.mmap(descriptor, 0, flags=flags, prot=protection)
    return Region(path, memory, os.fstat(descriptor).st_ino)


class Attached(Protocol):
    """An object over a region that a `Follower` can attach."""

    @property
    def inode(self) -> int: ...


T = TypeVar("T", bound=Attached)


class Follower(Generic[T]):
    """Attaches the file at `path`, and the one that replaces it when its writer was restarted."""

    def __init__(self, path: Path, attach: Callable[[Path], T]) -> None:
        self._path, self._attach = path, attach
        self._current: T | None = None
        self._rejected: tuple[int, RegionError] | None = None  # inode, and why; not mapped again

    def poll(self) -> T | None:
        """The attached object, the same one while the file is the same; None while the file is missing. RegionError if
        the file cannot be used."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            self._current = None
            return None
        except OSError as error:
            raise RegionError(self._path, error.strerror or str(error)) from error
        if self._rejected is not None and self._rejected[0] == inode:
            raise self._rejected[1]
        if self._current is None or self._current.inode != inode:
            self._current = None
            try:
                self._current = self._attach(self._path)
            except RegionError as error:
                if error.__cause__ is None:  # the file itself, not the system, which may be better at the next poll
                    self._rejected = inode, error
                raise
        return self._current
