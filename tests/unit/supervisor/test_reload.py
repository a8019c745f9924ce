"""A reload: refused with its reason, or in force in every process that reports it."""

import asyncio
from pathlib import Path

import pytest

from quotelife.config import Config, load
from quotelife.config.paths import run_paths
from quotelife.config.shipped import DEMO
from quotelife.config.versions.agreement import VersionFollower
from quotelife.config.versions.version import Version, Versions
from quotelife.supervisor import reload as reloading
from quotelife.supervisor.reload import Reloader, ReloadRefused

READY = {"quoting": True, "recorder": True, "marketdata": True}


class Follower:
    """A process that has `problem`, or none."""

    def __init__(self, name: str, config: Config) -> None:
        self.problem = ""
        self.in_force: Version | None = None
        self.follower = VersionFollower(run_paths(config), name, config, self)

    def prepare(self, version: Version) -> Version:
        if self.problem:
            raise OSError(self.problem)
        return version

    def put_in_force(self, prepared: Version) -> None:
        self.in_force = prepared

    def discard(self, prepared: Version) -> None:
        pass


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "quotelife.toml"
    lines = [line for line in DEMO.read_text().splitlines() if not line.startswith(("run = ", "data = "))]
    text = "\n".join(lines).replace("[paths]", f'[paths]\nrun = "{tmp_path / "run"}"\ndata = "{tmp_path / "data"}"')
    path.write_text(text)
    (tmp_path / "run").mkdir()
    return path


@pytest.fixture
def reloader(file: Path, monkeypatch: pytest.MonkeyPatch) -> Reloader:
    monkeypatch.setattr(reloading.preflight, "check", lambda config: None)
    return Reloader(load(file), run_paths(load(file)))


async def play(followers: list[Follower]) -> None:
    while True:
        for each in followers:
            each.follower.poll()
        await asyncio.sleep(0.001)


async def reload(reloader: Reloader, followers: list[Follower], **options) -> list[str]:
    playing = asyncio.create_task(play(followers))
    try:
        return [str(change) for change in await reloader.reload(READY, **options)]
    finally:
        playing.cancel()


def change(file: Path, old: str = "[[client]]\n", new: str = "[[client]]\nmargin_ticks = 2.5\n") -> None:
    file.write_text(file.read_text().replace(old, new, 1))


@pytest.fixture
def followers(reloader: Reloader) -> list[Follower]:
    return [Follower(name, reloader.version.config) for name in ("quoting", "recorder")]


async def test_a_change_is_in_force_when_all_have_it(file, reloader, followers):
    told: list[Config] = []
    reloader.users.append(told.append)
    first = reloader.version
    change(file)
    changes = await reload(reloader, followers)
    assert len(changes) == 1 and changes[0].endswith("margin_ticks: 0.0 -> 2.5")
    version = reloader.version
    assert (version.number, version.because, version.changes) == (first.number + 1, "reload", tuple(changes))
    assert [each.in_force for each in followers] == [version, version]
    assert told == [version.config]
    assert Versions(version.config).last() == version
    assert await reload(reloader, followers) == []
    assert reloader.counts == {"in_force": 1, "unchanged": 1, "refused": 0}


@pytest.mark.parametrize("late", [False, True])
async def test_one_process_that_cannot_is_enough(file, reloader, followers, late):
    first, (quoting, recorder) = reloader.version, followers
    told: list[Config] = []
    reloader.users.append(told.append)
    quoting.problem, recorder.problem = ("", "disk full") if late else ("no descriptors", "")
    change(file)
    with pytest.raises(ReloadRefused, match="recorder: disk full" if late else "quoting: no descriptors"):
        await reload(reloader, followers)
    assert reloader.version == first and [each.in_force for each in followers] == [None, None]
    assert Versions(first.config).last() == first and told == []
    quoting.problem = recorder.problem = ""
    assert len(await reload(reloader, followers)) == 1


async def test_a_wrong_file_and_a_key_that_needs_a_restart(file, reloader, followers):
    change(file, "[[client]]\n", "[[client]]\nunheard_of = 1\n")
    with pytest.raises(ReloadRefused, match="unheard_of"):
        await reload(reloader, followers)
    change(file, "unheard_of = 1\n", "margin_ticks = 1\n")
    file.write_text(file.read_text() + "\n[streaming]\nmax_per_session = 7\n[recorder]\nkeep_days = 7\n")
    with pytest.raises(ReloadRefused, match=r"needs a restart: recorder\.keep_days: 30\.0 -> 7\.0$") as refused:
        await reload(reloader, followers)
    assert refused.value.restart == ["recorder.keep_days: 30.0 -> 7.0"] and not refused.value.busy
    assert reloader.version.number == 1 and reloader.counts["refused"] == 2


async def test_check_changes_nothing(file, reloader, followers):
    change(file)
    assert len(await reload(reloader, followers, check_only=True)) == 1
    assert reloader.version.number == 1 and sum(reloader.counts.values()) == 0


async def test_a_process_that_is_not_ready_or_does_not_answer_is_named(file, reloader, followers, monkeypatch):
    change(file)
    with pytest.raises(ReloadRefused, match="not ready: recorder") as refused:
        await reloader.reload(READY | {"recorder": False})
    assert refused.value.busy
    monkeypatch.setattr(reloading, "PREPARE_S", 0.05)
    with pytest.raises(ReloadRefused, match=r"no answer within 0\.05 s from recorder$"):
        await reload(reloader, followers[:1])
    assert not run_paths(reloader.version.config).proposed.exists()


async def test_the_version_of_before_is_used_where_the_new_one_cannot_be_stored(file, reloader, followers, monkeypatch):
    def full(version: Version) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reloader._versions, "store", full)
    change(file)
    with pytest.raises(ReloadRefused, match="cannot be stored: No space left on device"):
        await reload(reloader, followers)
    assert reloader.version.number == 1 and followers[0].in_force is None


@pytest.mark.parametrize("error", [RuntimeError("boom"), asyncio.CancelledError()])
async def test_no_exception_leaves_a_proposal(file, reloader, followers, error):
    told: list[Config] = []

    def fail(config: Config) -> None:
        told.append(config)
        if config != first.config:
            raise error

    first = reloader.version
    reloader.users.append(fail)
    change(file)
    with pytest.raises(type(error)):
        await reload(reloader, followers)
    assert not run_paths(first.config).proposed.exists()
    assert reloader.version == first and told[-1] == first.config
    reloader.users.clear()
    assert len(await reload(reloader, followers)) == 1
