"""The sessions of a configuration, and those that another version brings."""

from pathlib import Path

import msgspec
import pytest

from quotelife.acceptor.native.dictionaries import check_dictionaries
from quotelife.acceptor.native.sessions import ClientSessions
from quotelife.config import Client, Config, ConfigError
from quotelife.config.sections import Paths
from quotelife.fix.session import EXPECTED


def configure(folder: Path, *clients: Client) -> Config:
    raw = {
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": "X", "tick": "1", "lot": "1", "venue": "SIM"}],
        "client": [{"name": "First", "sessions": ["A"]}],
    }
    config = msgspec.convert(raw, Config)
    paths = Paths(run=str(folder / "run"), data=str(folder))
    return msgspec.structs.replace(config, file=str(folder / "q.toml"), client=[*config.client, *clients], paths=paths)


@pytest.fixture
def sessions(tmp_path):
    sessions = ClientSessions(configure(tmp_path))
    yield sessions
    sessions.close()


def test_numbers_outlive_the_process(tmp_path):
    for expected in (1, 7):
        sessions = ClientSessions(configure(tmp_path))
        numbers = sessions.by_name["A"].fix.sequence
        assert numbers[EXPECTED] == expected
        numbers[EXPECTED] = 7
        sessions.close()


def test_a_store_in_use_is_named(tmp_path, sessions):
    with pytest.raises(OSError, match=r"FIX\.4\.4-QUOTELIFE-A\.store: another process uses it"):
        ClientSessions(configure(tmp_path))


def test_sessions_of_a_version_are_adopted_or_forgotten(tmp_path, sessions):
    new = Client(name="New", sessions=["B"], versions={"B": "FIX.5.0SP2"}, extensions=True)
    config = configure(tmp_path, new)
    sessions.prepare(config)
    assert set(sessions.by_name) == {"A"}
    sessions.discard()
    sessions.prepare(config)  # its file is free again
    sessions.adopt(config)
    assert set(sessions.by_name) == {"A", "B"}
    added = sessions.by_name["B"]
    assert added.fix.identity.begin_string == "FIXT.1.1" and added.fix.settings.appl_ver_id == "9"
    assert added.translate is not None and sessions.by_name["A"].translate is not None


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"versions": {"B": "FIX.4.2"}}, r"versions\.B"), ({"role": "hedge"}, r"client\[New\]\.role")],
)
def test_a_session_keeps_its_version_and_role(tmp_path, sessions, changed, words):
    config = configure(tmp_path, Client(name="New", sessions=["B"]))
    sessions.prepare(config)
    sessions.adopt(config)
    with pytest.raises(ConfigError, match=words):
        sessions.prepare(configure(tmp_path, Client(name="New", sessions=["B"], **changed)))


def test_a_dictionary_that_is_none_is_named(tmp_path):
    (tmp_path / "acceptor.cfg").write_text("[DEFAULT]\n")
    (tmp_path / "FIX44.xml").write_text("<fix/>")
    config = configure(tmp_path)
    acceptor = msgspec.structs.replace(config.acceptor, settings=str(tmp_path / "acceptor.cfg"))
    with pytest.raises(ConfigError, match=r"FIX44\.xml: .*not a data dictionary"):
        check_dictionaries(msgspec.structs.replace(config, acceptor=acceptor))
    check_dictionaries(config)
