"""Versions of the configuration: what changes, who keeps which number, and how processes agree."""

import os
from pathlib import Path

import msgspec
import pytest

from quotelife.config import Config, ConfigError, load
from quotelife.config.paths import RunPaths
from quotelife.config.versions.agreement import Proposals, VersionFollower
from quotelife.config.versions.changes import compare, compare_files, file_digests, needs_restart
from quotelife.config.versions.succession import numbered_sessions, owners, succeed
from quotelife.config.versions.version import MAX_VERSIONS, RELOAD, START, Version, Versions, digest
from quotelife.decision.settings import DecisionSettings

BASE = """
[paths]
run = "run"
data = "var"
[[venue]]
name = "SIM"
port = 1
sender_comp_id = "QUOTELIFE"
target_comp_id = "SIMVENUE"
[[instrument]]
symbol = "BTC-USD"
tick = "0.5"
lot = "0.001"
venue = "SIM"
"""
FIRST = '[[client]]\nname = "First"\nsessions = ["F1", "F2"]\n'
SECOND = '[[client]]\nname = "Second"\nsessions = ["S1"]\n'


@pytest.fixture
def written(tmp_path: Path):
    """Load the base with other lines."""

    def write(*parts: str, base: str = BASE) -> Config:
        file = tmp_path / "quotelife.toml"
        file.write_text(base + "".join(parts))
        return load(file)

    return write


def keys(before: Config, after: Config) -> list[str]:
    return [change.key for change in compare(before, succeed(before, after))]


def test_clients_and_sessions_keep_their_numbers(written):
    first = written(FIRST, SECOND)
    third = '[[client]]\nname = "Third"\nsessions = ["T1"]\n'
    second = succeed(first, written(third, FIRST.replace('"F1", ', '"F0", ')))
    assert [client.name for client in second.client] == ["First", "Second", "Third"]
    assert numbered_sessions(second) == ["F1", "F2", "S1", "F0", "T1"]
    assert owners(second).keys() == {"F0", "F2", "T1"}  # F1 and Second may not log on
    back = succeed(second, written(FIRST, SECOND))
    assert [client.name for client in back.client] == ["First", "Second", "Third"]
    assert numbered_sessions(back) == numbered_sessions(second)
    assert owners(back).keys() == {"F1", "F2", "S1"}


def test_instruments_and_venues_keep_their_rows_when_the_file_has_another_order(written):
    head, venue, instrument = BASE.partition("[[venue]]")[0], *BASE.partition("[[venue]]")[2].split("[[instrument]]")
    venues = ["[[venue]]" + venue, "[[venue]]" + venue.replace('"SIM"', '"SIM2"')]
    instruments = ["[[instrument]]" + instrument.replace("BTC", base) for base in ("BTC", "ETH", "SOL")]
    before = written(FIRST, base="".join((head, *venues, *instruments)))
    after = succeed(before, written(FIRST, base="".join((head, *venues[::-1], *instruments[::-1]))))
    assert [each.symbol for each in after.instrument] == ["BTC-USD", "ETH-USD", "SOL-USD"]
    assert [each.name for each in after.venue] == ["SIM", "SIM2"]
    assert compare(before, after) == []
    more = succeed(before, written(FIRST, base="".join((head, *venues, *instruments[1:], instruments[0]))))
    assert DecisionSettings.of(more).instruments["ETH-USD"].row == 1


@pytest.mark.parametrize(
    ("old", "new", "key", "live"),
    [
        ('name = "First"\n', 'name = "First"\ntier = "strategic"\n', "client[First].tier", True),
        ('lot = "0.001"\n', 'lot = "0.001"\nmax_position = 3\n', "instrument[BTC-USD].max_position", True),
        ('lot = "0.001"\n', 'lot = "0.01"\n', "instrument[BTC-USD].lot", False),
        ('name = "SIM"\n', 'name = "SIM"\ndepth = 5\n', "venue[SIM].depth", False),
        ("[paths]\n", "[hits]\ngrace_ms = 2\n[paths]\n", "hits.grace_ms", True),
        ("[paths]\n", "[withdrawal]\nenabled = false\n[paths]\n", "withdrawal.enabled", True),
        ("[paths]\n", "[tier.ordinary]\nmargin_ticks = 1\n[paths]\n", "tier.ordinary.margin_ticks", True),
        ("[paths]\n", "[pricing]\ninventory_skew_ticks = 2\n[paths]\n", "pricing.inventory_skew_ticks", True),
        ("[paths]\n", '[pricing]\nprovider = "a:b"\n[paths]\n', "pricing.provider", False),
        ("[paths]\n", "[market]\nnews_sentiment = 0.1\n[paths]\n", "market.news_sentiment", True),
        ("[paths]\n", "[market]\nsentiment_half_life_s = 1\n[paths]\n", "market.sentiment_half_life_s", False),
        ("[paths]\n", "[models.risk_averse]\nepsilon = 0.1\n[paths]\n", "models.risk_averse.epsilon", True),
        ("[paths]\n", '[[rule]]\nmodel = "risk_averse"\n[paths]\n', "rule", True),
        ("[paths]\n", "[acceptor]\nport = 1234\n[paths]\n", "acceptor.port", False),
        ("[paths]\n", "[admin]\nport = 1234\n[paths]\n", "admin.port", False),
        ("[paths]\n", "[machine]\nquoting = [1]\n[paths]\n", "machine.quoting", False),
        ("[paths]\n", "[api]\n[paths]\n", "api", False),
    ],
)
def test_a_change_has_a_name_and_is_live_or_needs_a_restart(written, old, new, key, live):
    before = written(FIRST)
    after = succeed(before, written(FIRST.replace(old, new), base=BASE.replace(old, new)))
    changes = compare(before, after)
    assert [change.key for change in changes] == [key]
    assert [change.key for change in needs_restart(changes, before, after)] == ([] if live else [key])


def test_clients_that_come_and_go(written):
    before = written(FIRST)
    assert keys(before, written(FIRST, SECOND)) == ["client[Second]"]
    both = succeed(before, written(FIRST, SECOND))
    gone = succeed(both, written(FIRST))
    assert [str(change) for change in compare(both, gone)] == ["client[Second] removed"]
    assert keys(gone, written(FIRST)) == []  # it is not removed a second time
    assert keys(before, before) == []


def test_a_session_cannot_change_its_version(written):
    before = written(FIRST)
    after = succeed(before, written(FIRST, '[client.versions]\nF1 = "FIX.4.2"\n'))
    fixed = needs_restart(compare(before, after), before, after)
    assert [str(change) for change in fixed] == ["client[First].versions.F1: FIX.4.4 -> FIX.4.2"]


def test_a_change_does_not_show_a_secret(written):
    before = written(FIRST, "[client.logon.F1]\npassword_hash_env = 'A'\n")
    after = written(FIRST, "[client.logon.F1]\npassword_hash = 'scrypt$16384$8$1$c2FsdA==$aGFzaA=='\n")
    assert "c2FsdA" not in " ".join(map(str, compare(before, after)))


def test_the_content_of_a_named_file_counts(written, tmp_path):
    (tmp_path / "hash").write_text("one")
    config = written(FIRST, "[client.logon.F1]\npassword_hash_file = 'hash'\n")
    before = file_digests(config)
    (tmp_path / "hash").write_text("two")
    changes = compare_files(before, file_digests(config))
    assert [str(change) for change in changes] == ["client[First].logon.F1.password_hash_file (content) changed"]
    assert all(change.is_live for change in changes)


def test_a_start_stores_a_version_only_for_another_configuration(written):
    config = written(FIRST)
    versions = Versions(config)
    first = versions.begin(config, 5)
    assert (first.number, first.because) == (1, START)
    assert Versions(config).begin(config, 6).number == 1
    other = written(SECOND)
    second = Versions(other).begin(other, 7)
    assert (second.number, second.wall_ns) == (2, 7) and second.hash != first.hash
    found = Versions(other).find(first.hash)
    assert found is not None and found.config == config
    assert Versions(other).find("0" * 16) is None
    stored = list(versions.folder.iterdir())
    assert {path.stat().st_mode & 0o777 for path in stored} == {0o600}


def test_the_hash_is_that_of_the_settings_and_not_of_the_place(written):
    config = written(FIRST)
    assert digest(msgspec.structs.replace(config, file="/elsewhere")) == digest(config)
    assert digest(written(FIRST, SECOND)) != digest(config)


def test_only_the_newest_versions_stay(written, monkeypatch):
    monkeypatch.setattr("quotelife.config.versions.version.MAX_VERSIONS", 2)
    assert MAX_VERSIONS > 2
    config = written(FIRST)
    versions = Versions(config)
    for number in range(1, 5):
        versions.store(Version(number, f"{number:016x}", 0, RELOAD, (), config))
    assert [path.name[:6] for path in sorted(versions.folder.iterdir())] == ["000003", "000004"]


class User:
    """Records what it is asked; `problem` is raised by `prepare`."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []
        self.problem: Exception | None = None

    def prepare(self, version: Version) -> int:
        self.calls.append(("prepare", version.number))
        if self.problem is not None:
            raise self.problem
        return version.number

    def put_in_force(self, prepared: int) -> None:
        self.calls.append(("in_force", prepared))

    def discard(self, prepared: int) -> None:
        self.calls.append(("discard", prepared))


@pytest.fixture
def agreement(written, tmp_path):
    """Proposals, the follower of a process with its user, and versions of a configuration."""
    config = written(FIRST)
    run = RunPaths(tmp_path)
    proposals, user = Proposals(run), User()
    versions = [Version(n, f"{n:016x}", n, RELOAD, (), written(FIRST, "#" * n)) for n in range(4)]
    proposals.decide(versions[1])
    return proposals, VersionFollower(run, "quoting", config, user), user, versions


def test_a_decided_version_is_prepared_first(agreement):
    proposals, follower, user, versions = agreement
    assert follower.number == 1 and proposals.report("quoting").state == "in_force"
    follower.poll()
    assert user.calls == []
    proposals.propose(versions[2])
    follower.poll()
    report = proposals.report("quoting")
    assert (report.number, report.state, report.pid) == (2, "prepared", os.getpid())
    follower.poll()
    proposals.decide(versions[2])
    follower.poll()
    follower.poll()
    assert user.calls == [("prepare", 2), ("in_force", 2)]
    assert (proposals.report("quoting").number, proposals.report("quoting").state) == (2, "in_force")


@pytest.mark.parametrize(
    "problem", [ConfigError(Path("f"), "client", "x", "no"), OSError(28, "full"), RuntimeError("boom")]
)
def test_a_refusal_names_its_reason_and_the_next_proposal_is_prepared(agreement, problem):
    proposals, follower, user, versions = agreement
    user.problem = problem
    proposals.propose(versions[2])
    follower.poll()
    report = proposals.report("quoting")
    assert report.state == "refused" and str(problem) in report.reason
    proposals.withdraw()
    follower.poll()
    user.problem = None
    proposals.propose(versions[3])
    follower.poll()
    assert proposals.report("quoting").state == "prepared"
    assert user.calls == [("prepare", 2), ("prepare", 3)]


def test_a_withdrawn_proposal_is_discarded(agreement):
    proposals, follower, user, versions = agreement
    proposals.propose(versions[2])
    follower.poll()
    proposals.withdraw()
    follower.poll()
    assert user.calls == [("prepare", 2), ("discard", 2)] and follower.number == 1


def test_a_process_that_started_with_the_version_before_catches_up(agreement, written, tmp_path):
    proposals, _, user, versions = agreement
    newer = msgspec.structs.replace(versions[3], config=written(SECOND))
    proposals.decide(newer)
    follower = VersionFollower(RunPaths(tmp_path), "quoting", versions[1].config, user)
    follower.poll()
    assert user.calls == [("prepare", 3), ("in_force", 3)] and follower.number == 3
