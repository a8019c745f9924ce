"""kill -9 of the quoting process at random moments under load: afterwards wire and ledger say the same.

QUOTELIFE_KILLS sets how many times; the suite does a few.
"""

import os
import random
import sqlite3
import time
from collections import Counter, defaultdict
from contextlib import closing

import pytest

from quotelife.rfq.open_quotes import REMEMBERED_NS
from tests.acceptance.client import seconds
from tests.acceptance.conftest import Service
from tests.acceptance.engines import ENGINES
from tests.acceptance.rfq.test_quote_request import related
from tests.acceptance.rfq.test_restart import LASTING, LONG
from tests.stress.oms import Oms

KILLS = int(os.environ.get("QUOTELIFE_KILLS", "6"))
SESSIONS = (0, "ORD1"), (1, "ORD2"), (2, "FUND")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("engine", ENGINES)
def test_repeated_kills_lose_and_double_no_fill(tmp_path, monkeypatch, engine):
    monkeypatch.setattr(Service, "engine", engine)
    with Service(tmp_path, before=LONG, instruments=LASTING) as service:
        clients = [Oms(service.port, name, related(side=1 + n % 2, quantity="0.001")) for n, name in SESSIONS]
        for client in clients:
            client.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.1, 0.6))  # the moment has to be a random one
            service.quoting.kill()
            service.start_quoting()
        time.sleep(0.5)
        for client in clients:
            client.finish()
        assert service.quoting.stop() == 0
    reconcile(tmp_path, clients)
    assert all(client.connections > KILLS // 2 for client in clients), "they were there to be cut off"


def reconcile(folder, clients: list[Oms]) -> None:
    """Every hit has one outcome, the same however often it was told, and the ledger has just that."""
    with closing(sqlite3.connect(folder / "var" / "ledger.sqlite")) as ledger:
        fills = {row[0]: row[1:] for row in ledger.execute("SELECT exec_id, quote_id, response_id FROM fills")}
        position = dict(ledger.execute("SELECT symbol, lots FROM positions")).get("BTC-USD", 0)
        bought = ledger.execute("SELECT total(quantity_lots * (2 * side - 3)) FROM fills").fetchone()[0]
    on_the_wire = {}
    outcomes: Counter[str] = Counter()
    for client in clients:
        for id_, reports in client.reports.items():
            told = defaultdict(list)
            for report in reports:
                told[report[17]].append(report)
            assert len(told) == 1, f"{id_} had more than one outcome: {reports}"
            (exec_id, same), *_ = told.items()
            assert len({(r[39], r.get(31), r.get(32), r[117]) for r in same}) == 1, same
            fresh = [r for r in same if r.get(43) != "Y" and r.get(97) != "Y"]
            assert len(fresh) <= 1, f"{id_} was answered twice, and not said so: {same}"
            outcomes[same[0][39] + "/" + same[0].get(103, "")] += 1
            if same[0].get(103) == "5":
                over_s = seconds(same[0][60]) - client.until_s[same[0][117]]
                assert over_s > REMEMBERED_NS / 1e9 - 1, f"a quote was forgotten: {same}"
            if same[0][39] == "2":
                on_the_wire[exec_id] = (same[0][117], id_)
    assert on_the_wire == fills, "what was told is what is in the ledger"
    assert len({quote for quote, _ in fills.values()}) == len(fills), "no quote was filled twice"
    assert position == bought
    assert outcomes["2/"] > 20, outcomes
