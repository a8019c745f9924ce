"""`quotelife reload`: another version of the configuration comes into force, in all processes or in none.

    read and check the file, as at the start      wrong: refused, with the reason
    compare it with the version in force          a key that needs a restart: refused, by name
    every process prepares it                     one cannot: refused, with its reason
    the version is stored and in force            from here it counts, also for a process that is restarted

Until the last step nothing has changed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from quotelife.config import Config, ConfigError, load
from quotelife.config.paths import RunPaths
from quotelife.config.value_types import LogFormat
from quotelife.config.versions.agreement import Proposals, Report
from quotelife.config.versions.changes import Change, compare, compare_files, file_digests, needs_restart
from quotelife.config.versions.succession import succeed
from quotelife.config.versions.version import RELOAD, Version, Versions, digest
from quotelife.logs import LogEvent, event_logger
from quotelife.runtime.clock import wall_ns
from quotelife.runtime.process import with_log_format
from quotelife.supervisor import preflight

logger = event_logger(__name__)
FOLLOWERS = ("quoting", "recorder", "tls", "api")  # processes that work by what can change
PREPARE_S, FOLLOW_S = 15.0, 5.0  # for all processes to prepare, and to report that it is in force
_POLL_S = 0.02


class ReloadRefused(Exception):
    """Nothing has changed; the text says why, `restart` names the keys that need one."""

    def __init__(self, text: str, restart: Sequence[Change] = (), *, busy: bool = False) -> None:
        super().__init__(text)
        self.restart, self.busy = [str(change) for change in restart], busy


class Reloader:
    """The version in force, and how it is replaced. Created before the processes that read it.

    `users` are called with each new configuration, in the supervisor; `log_format` is that of the command line."""

    def __init__(self, config: Config, run: RunPaths, log_format: LogFormat | None = None) -> None:
        self._log_format, self._proposals, self._versions = log_format, Proposals(run), Versions(config)
        self.version = self._versions.begin(config, wall_ns())
        self._proposals.decide(self.version)
        self._files = file_digests(config)
        self._one_at_a_time = asyncio.Lock()
        self.users: list[Callable[[Config], None]] = []
        self.counts = {"in_force": 0, "unchanged": 0, "refused": 0}

    async def reload(self, processes: Mapping[str, bool], *, check_only: bool = False) -> list[Change]:
        """Put the file in force; returns what has changed, or with `check_only` what would. `processes` are those that
        run, and whether each is ready. ReloadRefused if nothing has changed."""
        async with self._one_at_a_time:
            try:
                changes = await self._reload(processes, check_only)
            except ReloadRefused as error:
                self.counts["refused"] += not check_only
                logger.error(LogEvent.CONFIGURATION_REFUSED, "the configuration stays as it is: %s", error)
                raise
            self.counts["in_force" if changes else "unchanged"] += not check_only
            return changes

    async def _reload(self, processes: Mapping[str, bool], check_only: bool) -> list[Change]:
        try:
            config, files = await asyncio.to_thread(self._read)
        except ConfigError as error:
            raise ReloadRefused(str(error)) from None
        in_force = self.version.config
        changes = compare(in_force, config) + compare_files(self._files, files)
        fixed = needs_restart(changes, in_force, config)
        if fixed:
            raise ReloadRefused(f"needs a restart: {'; '.join(map(str, fixed))}", fixed)
        if not changes or check_only:
            return changes
        texts = tuple(map(str, changes))
        version = Version(self.version.number + 1, digest(config), wall_ns(), RELOAD, texts, config)
        await self._agree(version, [name for name in FOLLOWERS if name in processes], processes)
        self.version, self._files = version, files
        number, changed, text = version.number, "; ".join(texts), "configuration %d (%s) is in force: %s"
        logger.info(LogEvent.CONFIGURATION_IN_FORCE, text, number, version.hash, changed, version=number)
        return changes

    def _read(self) -> tuple[Config, dict[str, str]]:
        """The file as it is now, checked, with the numbers of the version in force."""
        in_force = self.version.config
        config = with_log_format(load(in_force.file), self._log_format)
        preflight.check(config)
        return succeed(in_force, config), file_digests(config)

    async def _agree(self, version: Version, names: list[str], processes: Mapping[str, bool]) -> None:
        waiting = [name for name in names if not processes[name]]
        if waiting:
            raise ReloadRefused(f"not ready: {', '.join(waiting)}; retry when it is", busy=True)
        told: list[Callable[[Config], None]] = []
        try:
            self._proposals.propose(version)
            await self._await_reports(version, names, "prepared", PREPARE_S)
            self._versions.store(version)
            for use in self.users:  # shared memory with room for new clients comes before its readers
                told.append(use)
                use(version.config)
            self._proposals.decide(version)
        except OSError as error:
            self._withdraw(told)
            raise ReloadRefused(f"cannot be stored: {error.strerror}") from None
        except BaseException:  # also a cancelled request: what is proposed must not stay prepared
            self._withdraw(told)
            raise
        try:
            await self._await_reports(version, names, "in_force", FOLLOW_S)
        except ReloadRefused as error:  # it was decided: a process that has ended begins with it
            number, text = version.number, "configuration %d is in force, but %s"
            logger.warning(LogEvent.CONFIGURATION_DELAYED, text, number, error, version=number)

    def _withdraw(self, told: list[Callable[[Config], None]]) -> None:
        """The version in force stays, also for the users that were told of the new one."""
        self._proposals.withdraw()
        for use in told:
            try:
                use(self.version.config)
            except Exception:
                text = "exception while going back to configuration %d"
                logger.exception(LogEvent.UNEXPECTED_EXCEPTION, text, self.version.number)

    async def _await_reports(self, version: Version, names: list[str], state: str, limit_s: float) -> None:
        """Wait until each process has reported this state of the version."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        while True:
            reports = {name: self._report(name, version) for name in names}
            refused = {name: report for name, report in reports.items() if report and report.state == "refused"}
            if refused:
                raise ReloadRefused("; ".join(f"{name}: {report.reason}" for name, report in refused.items()))
            missing = [name for name, report in reports.items() if report is None or report.state != state]
            if not missing:
                return
            if loop.time() > deadline:
                raise ReloadRefused(f"no answer within {limit_s:g} s from {', '.join(missing)}", busy=True)
            await asyncio.sleep(_POLL_S)

    def _report(self, name: str, version: Version) -> Report | None:
        report = self._proposals.report(name)
        same = report is not None and (report.number, report.wall_ns) == (version.number, version.wall_ns)
        return report if same else None
