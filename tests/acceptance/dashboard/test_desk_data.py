"""What the desk page reads, over HTTP from a running service whose client asks and hits."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from quotelife_bench import configuration
from quotelife_bench.load.market import symbols
from tests.acceptance.client import Client, sending_time
from tests.acceptance.supervisor.test_serve import Service, started, until

service = pytest.fixture(started, scope="module", name="service")


@pytest.fixture(scope="module")
def hit(service: Service) -> Iterator[str]:
    """The QuoteID of a quote that was filled."""
    service.quote()
    with Client(service.config.acceptor.port, configuration.CLIENT) as client:
        client.logon()
        related = [(55, symbols(1)[0]), (54, 1), (38, 100), (62, sending_time(60.0))]
        client.send("R", [(131, f"d{time.time_ns()}"), (146, 1), *related])
        quote = client.receive("S")
        client.send("AJ", [(693, "d1"), (117, quote[117]), (694, 1)])
        assert client.receive("8")[39] == "2"
        yield quote[117]


def read(service: Service, path: str) -> Any:
    status, body = service.get(path)
    assert status == 200, body
    return json.loads(body)


def test_a_fill_is_in_the_history_and_explained(service, hit):
    until(lambda: any(q["id"] == hit for q in read(service, "/desk/quotes?outcome=filled")["quotes"]))
    page = read(service, f"/desk/quotes?text={hit}&limit=1")
    [quote] = page["quotes"]
    assert (quote["id"], quote["outcome"], quote["symbol"], quote["quantity"]) == (hit, "filled", symbols(1)[0], "100")
    story = read(service, f"/desk/quotes/{hit}")
    assert "it was filled after" in story["sentence"] and story["hit_ms"] > 0
    assert len(story["curve"]["ms"]) == len(story["curve"]["one_tick"]) == 9 and story["features"]
    until(lambda: "hit received" in [e["event"] for e in read(service, f"/desk/quotes/{hit}")["timeline"]])
    assert story["explanation"]["quote"]["quote_id"] == hit


def test_the_history_is_paged_with_a_cursor(service, hit):
    first = read(service, "/desk/quotes?limit=1")
    rest = read(service, f"/desk/quotes?before={first['next']}")
    assert first["quotes"][0]["id"] == hit and hit not in [quote["id"] for quote in rest["quotes"]]
    assert rest["quotes"] and rest["next"] is None


def test_a_query_that_is_refused_names_field_value_and_allowed(service):
    status, body = service.get("/desk/quotes?outcome=lost")
    problem = json.loads(body)
    assert status == 422 and (problem["field"], problem["value"]) == ("outcome", "lost")
    assert "filled" in problem["allowed"]
    assert service.get("/desk/quotes/no-such-quote")[0] == 404
    assert service.get("/desk/mids?instrument=NO-SUCH")[0] == 422
