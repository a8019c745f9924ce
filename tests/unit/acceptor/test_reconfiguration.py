"""The quoting process takes over a version: in which order, and what it does not do under the handler's lock."""

from types import SimpleNamespace

import msgspec

from quotelife.acceptor.reconfiguration import Prepared, QuotingProcess
from quotelife.config import Client
from quotelife.config.paths import RunPaths
from quotelife.config.versions.succession import succeed
from quotelife.config.versions.version import RELOAD, Version
from quotelife.decision.settings import DecisionSettings
from quotelife.ledger.position import Position
from tests.unit.rfq.rfq_rig import Rig


def test_positions_of_new_clients_are_read_without_the_lock_and_movable_last(tmp_path, monkeypatch):
    rig = Rig(tmp_path)
    handler, seen = rig.handler, []

    def client_positions() -> dict[tuple[str, str], Position]:
        seen.append(("read", handler.lock.locked(), "New" in handler.positions.clients))
        return {("New", "ETH-USD"): Position(7, 0)}

    moved = handler.quoter.exposure.move_client

    def move_client(*arguments: int) -> None:
        seen.append(("restored", handler.lock.locked(), "New" in handler.positions.clients))
        moved(*arguments)

    monkeypatch.setattr(handler.quoter.exposure, "move_client", move_client)
    acceptor = SimpleNamespace(handler=handler, drain_cancels=lambda: None, configure=lambda *_: None)
    ledger = SimpleNamespace(client_positions=client_positions)
    monitor = SimpleNamespace(configure=lambda _: None)
    process = QuotingProcess(rig.config, RunPaths(tmp_path), acceptor, monitor, ledger)
    new = Client(name="New", sessions=["NEW"])
    config = succeed(rig.config, msgspec.structs.replace(rig.config, client=[*rig.config.client, new]))
    version = Version(2, "0" * 16, 0, RELOAD, (), config)
    process.put_in_force(Prepared(version, DecisionSettings.of(config), None))
    assert seen == [("read", False, False), ("restored", True, False)]
    assert handler.positions.clients["New"] == 3 and handler.quoter.exposure.client_lots[3][1] == 7
