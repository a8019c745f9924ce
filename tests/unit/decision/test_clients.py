"""Client statistics that the recorder publishes enter the contexts of decisions."""

import threading

import numpy as np
import pytest

from quotelife.decision.client_follower import ClientFollower
from quotelife.decision.client_state import client_states
from quotelife.ledger import client_layout as L
from quotelife.ledger.client_region import ClientRegionWriter
from quotelife_models import schema as S
from tests.unit.rfq.rfq_rig import Rig

LOCK = threading.Lock()


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


@pytest.fixture
def clients(rig):
    return {state.index: state for state in client_states(rig.config).values()}


def publish(rig, clients, fill_rate):
    names = [client.name for client in rig.config.client]
    rows = np.zeros((len(names), L.ROW_WORDS))
    rows[:, L.FILL_RATE] = fill_rate
    return ClientRegionWriter(rig.journal.parent / "clients", names, rows), rows


def rates(clients):
    return [clients[n].context[S.CLIENT_FILL_RATE] for n in sorted(clients)]


def test_without_a_recorder_the_assumed_statistics_apply(rig, clients, caplog):
    before = rates(clients)
    follower = ClientFollower(rig.journal.parent / "clients", rig.config, clients)
    follower.poll(LOCK)
    assert rates(clients) == before and caplog.text == ""


def test_changed_statistics_are_applied_also_from_a_new_file(rig, clients):
    follower = ClientFollower(rig.journal.parent / "clients", rig.config, clients)
    publisher, rows = publish(rig, clients, 0.25)
    follower.poll(LOCK)
    assert rates(clients) == [0.25] * 3
    rows[1, L.FILL_RATE] = 0.5
    publisher.write(1, rows[1])
    follower.poll(LOCK)
    assert rates(clients) == [0.25, 0.5, 0.25]
    publish(rig, clients, 0.75)
    follower.poll(LOCK)
    assert rates(clients) == [0.75] * 3


def test_an_unusable_file_is_logged_once(rig, clients, caplog):
    before = rates(clients)
    (rig.journal.parent / "clients").write_bytes(b"x" * 100)
    follower = ClientFollower(rig.journal.parent / "clients", rig.config, clients)
    follower.poll(LOCK)
    follower.poll(LOCK)
    assert rates(clients) == before
    assert caplog.text.count("no client statistics") == 1


def test_measured_statistics_enter_the_next_decision(rig):
    """A client that turns out to be informed is given less time."""
    asked = "55=BTC-USD|54=1|38=1.5"
    clients = {s.client.index: s.client for s in rig.handler.sessions.values()}
    before = int(rig.ask("r1", asked)["20004"])
    publisher, rows = publish(rig, clients, 0.3)
    rows[:, L.RESPONSE_MS], rows[:, L.RESPONSE_CV] = 300.0, 0.8
    rows[:, L.INFORMED_SHARE], rows[:, L.TOXICITY], rows[:, L.RACE_LOST] = 0.35, 0.2, 0.4
    for client in range(3):
        publisher.write(client, rows[client])
    ClientFollower(rig.journal.parent / "clients", rig.config, clients).poll(LOCK)
    after = rig.ask("r2", asked)
    assert after["35"] == "AG" or int(after["20004"]) < before
