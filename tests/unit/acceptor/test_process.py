"""The quoting process: engine settings, dictionaries, a recreated board, the warm-up."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from quotelife.acceptor.process import build_handler, expire_all, make_region
from quotelife.acceptor.quickfix.engine import check_settings, engine_settings, read_defaults
from quotelife.config import Config, ConfigError
from quotelife.config.paths import DataPaths
from quotelife.config.sections import Acceptor as AcceptorSection
from quotelife.config.shipped import FIX_CONFIG
from quotelife.decision import pricing
from quotelife.decision.board_follower import BoardFollower
from quotelife.market.board.board import Board
from quotelife.rfq.warm_up import ROUNDS, warm_up
from quotelife.runtime.process import NO_ENGINE
from tests.unit.rfq.rfq_rig import Rig

SETTINGS = FIX_CONFIG / "acceptor.cfg"


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def with_acceptor(config: Config, **values) -> Config:
    return msgspec.structs.replace(config, acceptor=AcceptorSection(settings=str(SETTINGS), **values))


def test_one_poll_expires_and_evicts_all_quotes_past_their_time(rig):
    """A request may have a hundred symbols, and what follows a message works off only a few."""
    quotes = [rig.ask(f"r{n}")["117"] for n in range(12)]
    rig.sleep(60_000)
    expire_all(rig.handler, rig.mono_ns)
    assert rig.handler.open_quotes.running == 0
    assert [quote for quote in quotes if rig.handler.open_quotes.find(quote) is not None] == []


def test_every_client_session_gets_a_section(rig):
    config = with_acceptor(rig.config, port=4711)
    text = engine_settings(config, read_defaults(config, SETTINGS), DataPaths(Path("/d")), Path("/store"))
    lines = text.splitlines()
    assert lines.count("[SESSION]") == 3 and "TargetCompID=FUND" in lines
    assert (
        "SocketAcceptPort=0" in lines
        and "DataDictionary=/d/dictionary-FIX44.xml" in lines
        and "FileStorePath=/store" in lines
    )
    assert "HttpAcceptPort" not in text


def test_session_of_another_version_gets_its_dictionaries(rig):
    fund = msgspec.structs.replace(rig.config.client[1], versions={"FUND": "FIX.5.0SP2"})
    config = msgspec.structs.replace(with_acceptor(rig.config), client=[rig.config.client[0], fund])
    _, first, second = engine_settings(config, {}, DataPaths(Path("/d")), Path("/store")).split("[SESSION]\n")
    assert first.splitlines() == ["TargetCompID=ORD", "BeginString=FIX.4.4", "DataDictionary=/d/dictionary-FIX44.xml"]
    assert second.splitlines() == [
        "TargetCompID=FUND",
        "BeginString=FIXT.1.1",
        "TransportDataDictionary=/d/dictionary-FIXT11.xml",
        "AppDataDictionary=/d/dictionary-FIX50SP2.xml",
        "DefaultApplVerID=9",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[DEFAULT]\nCheckLatency=N\n[SESSION]\n", "line 3"),
        ("nonsense\n", "line 1"),
        ("NonStopSession=perhaps\n", r"acceptor\.cfg: NonStopSession = 'perhaps': allowed: Y or N"),
        ("StartTime=foo\n", r"StartTime = 'foo': allowed: a time of day in UTC, HH:MM:SS"),
        ("SocketNodelay=1\n", r"SocketNodelay = '1': allowed: Y or N"),
        ("NonstopSessions=Y\n", r"NonstopSessions = 'Y': cannot be set here; allowed: AllowUnknownMsgFields, "),
        ("SocketAcceptPort=80\n", "addresses, port, store and dictionaries come from quotelife's own configuration"),
        ("AllowedRemoteAddresses=10.0.0.1\n", "AllowedRemoteAddresses = '10.0.0.1': cannot be set here"),
        ("HttpAcceptPort=80\n", "HttpAcceptPort = '80': cannot be set here"),
        (None, "cannot be read"),
    ],
)
def test_wrong_engine_settings_name_key_and_value(rig, tmp_path, text, words):
    path = tmp_path / "acceptor.cfg"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_defaults(rig.config, path)


def test_engine_accepts_the_shipped_settings(rig, tmp_path):
    check_settings(with_acceptor(rig.config))
    (tmp_path / "acceptor.cfg").write_text("ConnectionType=acceptor\nStartDay=mo\nEndDay=xx\n".replace("xx", "montag"))
    for dictionary in SETTINGS.parent.glob("*.xml"):
        (tmp_path / dictionary.name).write_bytes(dictionary.read_bytes())
    section = AcceptorSection(settings=str(tmp_path / "acceptor.cfg"))
    with pytest.raises(ConfigError, match=r"acceptor\.cfg: .*StartTime"):
        check_settings(msgspec.structs.replace(rig.config, acceptor=section))


def test_invalid_dictionary_is_reported(rig, tmp_path):
    (tmp_path / "acceptor.cfg").write_text("[DEFAULT]\n")
    (tmp_path / "FIX44.xml").write_text("<fix/>")
    section = AcceptorSection(settings=str(tmp_path / "acceptor.cfg"))
    with pytest.raises(ConfigError, match=r"FIX44\.xml: .*not a data dictionary"):
        check_settings(msgspec.structs.replace(rig.config, acceptor=section))


def test_recreated_board_is_attached(rig, tmp_path, caplog):
    rig.handler.quoter.board = None
    follower = BoardFollower(tmp_path / "shm", len(rig.config.instrument), rig.handler.quoter)
    follower.poll()
    follower.poll()
    assert rig.handler.quoter.board is None
    assert caplog.text.count("no board") == 1, "logged once"
    Board.create(tmp_path / "shm", len(rig.config.instrument), 1)
    follower.poll()
    first = rig.handler.quoter.board
    follower.poll()
    assert rig.handler.quoter.board is first is not None
    Board.create(tmp_path / "shm", len(rig.config.instrument), 2)
    follower.poll()
    assert rig.handler.quoter.board is not first
    Board.create(tmp_path / "shm", 1, 3)
    follower.poll()
    assert "rows is 1, expected 4" in caplog.text


def test_warm_up_runs_every_kind_of_answer(rig):
    kinds: list[str] = []

    def make_handler(folder):
        return build_handler(rig.config, rig.parameters, pricing.default, make_region(rig.config, folder / "m"), None)

    warm_up(rig.config, make_handler, lambda text: kinds.append(text.split("\x01")[2]))
    assert {kind: kinds.count(kind) >= ROUNDS for kind in ("35=S", "35=AG", "35=8", "35=Z")} == dict.fromkeys(
        ("35=S", "35=AG", "35=8", "35=Z"), True
    )


def test_warm_up_asks_as_the_first_client_that_has_a_session(rig):
    removed = msgspec.structs.replace(rig.config.client[0], sessions=[])
    rig.config = msgspec.structs.replace(rig.config, client=[removed, *rig.config.client[1:]])
    test_warm_up_runs_every_kind_of_answer(rig)


def test_missing_engine_is_reported_in_one_line():
    code = "import sys; sys.modules['quickfix'] = None; import quotelife.acceptor.quickfix.acceptor"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert done.stderr.strip() == NO_ENGINE
