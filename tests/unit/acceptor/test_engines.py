"""The engine's sessions when versions of the configuration are prepared, adopted and discarded."""

from itertools import count

import msgspec
import pytest

from quotelife.acceptor.quickfix.engine import fix
from quotelife.acceptor.quickfix.engines import Engines
from quotelife.config import Client, Config, ConfigError
from quotelife.config.sections import Acceptor, Paths
from quotelife.config.shipped import FIX_CONFIG
from quotelife.rfq.outcome import Session
from tests.unit.rfq.rfq_rig import Rig

_SENDERS = (f"Q{n}" for n in count())  # the engine knows its sessions by their CompIDs, in the whole process


@pytest.fixture
def engines(tmp_path):
    """Engines of a rig's configuration, which `with_clients` extends."""
    rig = Rig(tmp_path)
    section = Acceptor(settings=str(FIX_CONFIG / "acceptor.cfg"), sender_comp_id=next(_SENDERS))
    paths = Paths(run=str(tmp_path / "run"), data=str(tmp_path / "var"))
    rig.config = msgspec.structs.replace(rig.config, acceptor=section, paths=paths)
    for folder in ("var", "run"):
        (tmp_path / folder).mkdir(exist_ok=True)
    made = Engines(rig.config, rig.handler)
    made.config = rig.config
    made.start()
    yield made
    made.stop()


def with_clients(config: Config, *clients: Client) -> Config:
    return msgspec.structs.replace(config, client=[*config.client, *clients])


def test_a_withdrawn_version_leaves_no_session_behind(engines):
    typo = Client(name="New", sessions=["TYPO"])
    engines.prepare(with_clients(engines.config, typo))
    session = engines.application._sessions["TYPO"]
    assert fix.Session.lookupSession(session) is not None
    engines.application.bind_engine_sessions()  # as for another version: nobody knows this session
    engines.discard()
    assert engines.application.engine_sessions() == {"ORD", "FUND", "FAR"}
    assert fix.Session.lookupSession(session) is None
    other = Client(name="New", sessions=["TYPO"], versions={"TYPO": "FIX.4.2"}, role="hedge")
    engines.prepare(with_clients(engines.config, other))
    engines.application.handler.sessions["TYPO"] = Session("TYPO", None, 4)
    engines.adopt()
    engines.application.bind_engine_sessions()
    engines.discard()
    assert engines.application.expected_seq_num("TYPO") == 1


@pytest.mark.parametrize("error", [ConfigError("f", "acceptor", None, "no"), OSError("full")])
def test_a_version_that_cannot_be_prepared_leaves_no_session_behind(engines, monkeypatch, error):
    def fail(*_) -> None:
        raise error

    new = with_clients(engines.config, Client(name="New", sessions=["NEW"]))
    monkeypatch.setattr(engines, "_start", fail)
    with pytest.raises(type(error)):
        engines.prepare(new)
    assert engines.application.engine_sessions() == {"ORD", "FUND", "FAR"}
    monkeypatch.undo()
    engines.prepare(new)
    assert "NEW" in engines.application.engine_sessions()


def test_a_session_that_returns_has_its_version_and_role(engines):
    new = Client(name="New", sessions=["BACK"])
    engines.prepare(with_clients(engines.config, new))
    engines.adopt()
    engines.prepare(engines.config)
    engines.adopt()  # without it
    engines.prepare(with_clients(engines.config, new))
    for changed, key in (({"role": "hedge"}, r"client\[New\]\.role"), ({"versions": {"BACK": "FIX.4.2"}}, "versions")):
        with pytest.raises(ConfigError, match=key):
            engines.prepare(with_clients(engines.config, msgspec.structs.replace(new, **changed)))
