"""How the processes agree on a new version: all take it over, or none does. Files in the run directory.

    supervisor   writes `configuration-proposed`
    processes    prepare: build all that can fail, without using it; each reports prepared, or refused and why
    supervisor   all are prepared: stores the version and writes `configuration-in-force`, which is the decision
                 otherwise: removes the proposal, and nothing has changed
    processes    put what they have prepared in force, or discard it

A process that starts, or is restarted, starts with the version in force. One that dies between the two steps comes back
with the version that was decided.
"""

import contextlib
import os
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from quotelife.config.paths import RunPaths
from quotelife.config.sections import Config
from quotelife.config.toml_file import ConfigError
from quotelife.config.versions.version import Version, read_version, write_version
from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)
P = TypeVar("P")


class Report(Struct, frozen=True):
    """What the process with this id has done with a version, which number and time identify: a number that was refused
    is used again. `reason` of a refusal."""

    number: int
    wall_ns: int
    state: Literal["prepared", "refused", "in_force"]
    pid: int
    reason: str = ""


class VersionUser(Protocol[P]):
    """A process, or the part of it that works by a configuration."""

    def prepare(self, version: Version) -> P:
        """Build all that can fail for a version, without using it. ConfigError or OSError says why it cannot be."""
        ...

    def put_in_force(self, prepared: P) -> None:
        """Use what has been prepared. It must not fail."""
        ...

    def discard(self, prepared: P) -> None:
        """The version will not be in force."""
        ...


class VersionFollower(Generic[P]):
    """The side of one process; `poll` it several times a second."""

    def __init__(self, run: RunPaths, process: str, config: Config, user: VersionUser[P]) -> None:
        """`config` is what the process has started with."""
        self._in_force, self._proposed = _Watched(run.in_force), _Watched(run.proposed)
        self._report_path = run.configuration_report(process)
        self._user = user
        self._prepared: tuple[Version, P] | None = None
        self.number = 0
        version = self._in_force.poll()
        if version is not None and replace(config, log=version.config.log) == version.config:
            self.number = version.number
        elif version is not None:  # decided since the process has read it
            self.number = version.number - 1
            self._in_force.forget()
        self._report("in_force", self.number, 0)

    def poll(self) -> None:
        """Prepare a new proposal, put a decided one in force, discard a withdrawn one."""
        decided = self._in_force.poll()
        if decided is not None and decided.number > self.number:
            self._put_in_force(decided)
        proposal = self._proposed.poll()
        if proposal is not None and proposal.number > self.number:
            self._discard()
            self._prepare(proposal)
        elif self._prepared is not None and not self._proposed.exists:
            self._discard()

    def _prepare(self, version: Version) -> None:
        try:
            self._prepared = version, self._user.prepare(version)
        except (ConfigError, OSError) as error:
            self._report("refused", version.number, version.wall_ns, str(error))
        except Exception as error:
            logger.exception(
                LogEvent.UNEXPECTED_EXCEPTION, "exception while preparing configuration %d", version.number
            )
            self._report("refused", version.number, version.wall_ns, f"{type(error).__name__}: {error}")
        else:
            self._report("prepared", version.number, version.wall_ns)

    def _put_in_force(self, version: Version) -> None:
        if self._prepared is None or self._prepared[0].wall_ns != version.wall_ns:
            self._discard()  # decided while this process started: it has not been asked
            self._prepared = version, self._user.prepare(version)
        _, prepared = self._prepared
        self._prepared, self.number = None, version.number
        self._user.put_in_force(prepared)
        self._report("in_force", version.number, version.wall_ns)
        number, text = version.number, "configuration %d (%s) is in force"
        logger.info(LogEvent.CONFIGURATION_IN_FORCE, text, number, version.hash, version=number)

    def _discard(self) -> None:
        if self._prepared is not None:
            _, prepared = self._prepared
            self._prepared = None
            self._user.discard(prepared)

    def _report(
        self, state: Literal["prepared", "refused", "in_force"], number: int, wall_ns: int, reason: str = ""
    ) -> None:
        with contextlib.suppress(OSError):  # the supervisor then waits in vain, and says so
            write_version(self._report_path, Report(number, wall_ns, state, os.getpid(), reason))


class Proposals:
    """The side of the supervisor."""

    def __init__(self, run: RunPaths) -> None:
        self._run = run
        for old in run.directory.glob("configuration-*"):
            old.unlink()

    def propose(self, version: Version) -> None:
        """Ask the processes to prepare a version. OSError if there is no room."""
        write_version(self._run.proposed, version)

    def decide(self, version: Version) -> None:
        """Put a version in force. OSError if there is no room: then it is not."""
        write_version(self._run.in_force, version)
        self._run.proposed.unlink(missing_ok=True)

    def withdraw(self) -> None:
        """Leave the version in force as it is."""
        self._run.proposed.unlink(missing_ok=True)

    def report(self, process: str) -> Report | None:
        """The last report of a process; None if there is none."""
        try:
            return msgspec.json.decode(self._run.configuration_report(process).read_bytes(), type=Report)
        except (OSError, msgspec.DecodeError):
            return None


class _Watched:
    """A file with a version that is replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self.exists = False

    def forget(self) -> None:
        """Read the file once more."""
        self._seen = None

    def poll(self) -> Version | None:
        """The version in a file that was not read before."""
        try:
            status = self._path.stat()
        except OSError:
            self.exists, self._seen = False, None
            return None
        self.exists, seen = True, (status.st_ino, status.st_mtime_ns)
        if seen == self._seen:
            return None
        self._seen = seen
        try:
            return read_version(self._path)
        except ConfigError:
            return None  # removed meanwhile
