"""The numbers of a record are read by the configuration that was in force when it was written."""

import msgspec
import pytest

from quotelife.config import Config
from quotelife.config.versions.succession import succeed
from quotelife.config.versions.version import Versions, digest
from quotelife.journal import layout as J
from quotelife.journal.names import RecordNames
from quotelife.journal.record import Record


@pytest.fixture
def configured(tmp_path):
    """The configuration of some clients, each with a session of its own, and of some instruments."""

    def make(clients: str, symbols: str) -> Config:
        raw = {
            "paths": {"data": str(tmp_path / "data")},
            "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
            "instrument": [{"symbol": s, "venue": "SIM", "tick": "1", "lot": "1"} for s in symbols],
            "client": [{"name": n, "sessions": [f"{n}1"]} for n in clients],
        }
        return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))

    return make


def record(config: Config, row: int, client: int, session: int) -> Record:
    made = Record()
    made.row, made.client, made.session = row, client, session
    word = int.from_bytes(bytes.fromhex(digest(config)), "little", signed=True)
    made.words[J.CONFIGURATION] = word
    assert made.configuration == digest(config)
    return made


def names(config: Config, of: Record) -> tuple[str | None, ...]:
    read = RecordNames(config)
    return read.symbol(of), read.client(of), read.session(of)


def test_a_record_of_another_version_has_the_names_of_then(configured):
    then, now = configured("AB", "XY"), configured("BC", "YZ")
    for config in (then, now):
        Versions(config).begin(config, 1)
    assert names(now, record(then, 0, 1, 2)) == ("X", "B", "B1")
    assert names(now, record(now, 0, 1, 2)) == ("Y", "C", "C1")


def test_sessions_are_counted_by_the_numbers_of_their_version(configured):
    then = configured("AB", "X")
    now = succeed(then, configured("BC", "X"))
    Versions(now).begin(now, 1)
    assert names(now, record(now, 0, 2, 3)) == ("X", "C", "C1")
    assert names(now, record(now, 0, 0, 1)) == ("X", "A", "A1")  # removed, and still known by its number


def test_a_version_that_is_not_on_disk_has_the_names_of_now(configured):
    then, now = configured("AB", "X"), configured("CD", "X")
    assert names(now, record(then, 0, 1, 2)) == ("X", "D", "D1")
    assert names(now, record(now, -1, 7, 0)) == (None, None, None)
