"""The expiry API: decisions equal to those over FIX, refusals, limits, batches, streams and the OpenAPI document."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jsonschema
import pytest
from openapi_spec_validator import validate

from quotelife.api.ledger_positions import LedgerPositions
from quotelife.config.paths import RunPaths
from quotelife.config.sections import Api
from quotelife.controls.store import ControlsStore
from quotelife.decision.refusal import REFUSAL_REASONS
from quotelife.http.server import HttpServer
from quotelife.ledger.store import Ledger
from quotelife.market.board import layout as L
from quotelife_models.schema import CONTEXT, FEATURES
from tests.unit.admin.http_rig import Answer, ask
from tests.unit.api.api_rig import BODY, ApiRig

UTC = re.compile(r"\d{8}-\d\d:\d\d:\d\d\.\d{6}")
MULTILEG = {"symbol": "Spread", "client": "Fund", "quantity": 3, "legs": [
    {"symbol": "BTC-USD", "side": "buy"}, {"symbol": "ETH-USD", "side": "sell", "ratio": 2},
]}  # fmt: skip


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiRig]:
    with ApiRig(tmp_path).serving() as rig:
        yield rig


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict:
    with ApiRig(tmp_path_factory.mktemp("api")).serving() as rig:
        return ask(rig.port, "/v1/openapi.json").json()


def check(document: dict, schema: str, instance: object) -> None:
    """Validate the instance against a schema of the document."""
    jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", **document}).validate(instance)


def expiry(answer: Answer) -> dict:
    assert answer.status == 200, answer.body
    return answer.json()


def problem(answer: Answer, status: int) -> dict:
    assert answer.status == status, answer.body
    assert answer.kind == "application/problem+json"
    return answer.json()


# --- the decision


@pytest.mark.parametrize("side", ["buy", "sell", "two_way"])
@pytest.mark.parametrize(("client", "session"), [("Ordinary", "ORD"), ("Fund", "FUND")])
@pytest.mark.parametrize("model", [None, "risk_averse", "client_priority"])
def test_the_same_decision_as_over_fix(api, side, client, session, model):
    if model is not None and client != "Fund":
        pytest.skip("only Fund may choose its model")
    chosen = f"20001={model.upper()}|" if model else ""
    asked = {"buy": "|54=1", "sell": "|54=2", "two_way": ""}[side]
    api.rig.sleep(137)
    quote = api.rig.ask("r1", f"{chosen}55=BTC-USD{asked}|38=1.5", session)
    answer = api.post(side=side, client=client, model=model)
    if quote["35"] == "AG":
        refused = problem(answer, 409)
        assert (str(refused["code"]), refused["detail"]) == (quote["658"], quote["58"])
        return
    given = expiry(answer)
    assert given["valid_until"] == quote["62"] and str(given["lifetime_us"]) == quote["20004"]
    assert given["model"].upper() == quote["20001"] and given["reason"] == quote["20003"]
    assert f"{given['move_probability']:.6f}" == quote["20002"]
    assert f"{given['pick_off_probability']:.6f}" == quote["20005"]
    assert given.get("offer", {}).get("price") == quote.get("133")
    assert given.get("bid", {}).get("price") == quote.get("132")


def test_every_input_has_its_name_and_unit(api, document):
    given = expiry(api.post(side="two_way"))
    check(document, "Expiry", given)
    assert {n: f["unit"] for n, f in given["features"].items()} == {f.name: f.unit for f in FEATURES}
    for side in ("bid", "offer"):
        assert {n: f["unit"] for n, f in given[side]["context"].items()} == {f.name: f.unit for f in CONTEXT}
    assert given["lifetime_us"] == min(given[s]["lifetime_us"] for s in ("bid", "offer"))
    assert given["expected_loss_ticks"] == max(given[s]["expected_loss_ticks"] for s in ("bid", "offer"))
    assert UTC.fullmatch(given["valid_until"]) and UTC.fullmatch(given["decided_at"])
    assert given["valid_until_ns"] % 1000 == 0
    assert given["parameters"] == api.rig.parameters.hash
    spread = given["features"]["spread"]
    assert spread["value"] == api.calculator.buffers.record.features[0]


def test_a_multileg_gets_the_same_decision_as_over_fix(api):
    asked = "55=Spread|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2"
    quote = api.rig.ask("p1", f"20001=CLIENT_PRIORITY|{asked}", "FUND")
    assert quote["35"] == "S", quote
    given = expiry(api.send({**MULTILEG, "side": "buy", "model": "client_priority"}))
    assert (given["valid_until"], given["offer"]["price"]) == (quote["62"], quote["133"])
    assert problem(api.send({**MULTILEG, "side": "buy", "price": 1}), 422)["field"] == "price"


def test_the_desks_own_price_replaces_the_computed_price(api):
    ours = expiry(api.post(client="Fund", model="risk_averse"))
    same = expiry(api.post(client="Fund", model="risk_averse", price=ours["offer"]["price"]))
    assert same == ours
    wider = f"{float(ours['offer']['price']) + 20:.1f}"
    far = expiry(api.post(client="Fund", model="risk_averse", price=wider))
    assert far["offer"]["price"] == wider
    for figure in ("pick_off_barrier", "edge"):
        moved = far["offer"]["context"][figure]["value"] - ours["offer"]["context"][figure]["value"]
        assert moved == 40, "20.0 in ticks of 0.5"


def test_a_price_that_the_market_has_passed_is_refused(api):
    best_bid = int(api.rig.board.rows[0, L.BID_PX]) * 0.5
    refused = problem(api.post(client="Fund", model="client_priority", price=best_bid), 409)
    assert refused["reason"] == "risk" and f"{best_bid}" in refused["detail"]


def test_max_lifetime_us_bounds_the_lifetime(api):
    given = expiry(api.post(client="Fund", model="client_priority", max_lifetime_us=30_000))
    assert given["lifetime_us"] <= 30_000 and given["reason"] == "client_limit"


def test_numbers_and_texts_give_the_same_decision(api):
    assert expiry(api.post(quantity=1.5)) == expiry(api.post(quantity="1.50")) | {"quantity": "1.5"}


def test_positions_come_from_the_ledger(api, tmp_path):
    exposure = api.calculator.quoter.exposure
    ledger_positions = LedgerPositions(tmp_path / "later.sqlite", api.rig.config, exposure)
    ledger_positions.poll()
    assert [*api.calculator.positions] == [0, 0, 0, 0], "no ledger yet"
    quote = api.rig.ask("r1")
    [report] = api.rig.send("AJ", f"693=a|117={quote['117']}|694=1")
    assert report["39"] == "2"
    Ledger(tmp_path / "other.sqlite").close()
    ledger_positions = LedgerPositions(tmp_path / "ledger.sqlite", api.rig.config, exposure)
    ledger_positions.poll()
    assert [*api.calculator.positions] == [*api.rig.handler.open_quotes.positions] == [-1500, 0, 0, 0]
    assert exposure.client_lots == api.rig.handler.quoter.exposure.client_lots == [{0: -1500}, {}, {}]
    api.rig.sleep(50)
    quote, given = api.rig.ask("r2"), expiry(api.post())
    assert (given["valid_until"], given["offer"]["price"]) == (quote["62"], quote["133"])
    ledger_positions.close()


def test_a_stop_by_the_desk_refuses_requests(api, tmp_path):
    controls = ControlsStore(api.rig.config, RunPaths(tmp_path), lambda _: None)
    api.calculator.quoter.controls = api.rig.handler.quoter.controls = controls.region
    controls.stop("instrument", "BTC-USD", "")
    refused, over_fix = problem(api.post(), 409), api.rig.ask("r1")
    assert (refused["reason"], refused["detail"]) == ("stopped_by_desk", over_fix["58"])


# --- refusals


@pytest.mark.parametrize(
    ("changes", "status", "reason", "field"),
    [
        ({"symbol": "NOPE"}, 422, "unknown_symbol", "symbol"),
        ({"client": "Nobody"}, 403, "unknown_client", "client"),
        ({"model": "risk_averse"}, 403, "not_authorised", "model"),
        ({"quantity": 21}, 409, "size_over_limit", None),
        ({"quantity": 0}, 422, "malformed", None),
        ({"quantity": -1}, 422, "malformed", None),
        ({"quantity": "1.0005"}, 422, "malformed", None),
        ({"symbol": "NIGHT", "quantity": 1}, 409, "closed", None),
        ({"client": "Far"}, 409, "not_useful", None),
        ({"price": "100.25"}, 422, "malformed", "price"),
        ({"price": 100, "side": "two_way"}, 422, "malformed", "side"),
        ({"quantity": "NaN"}, 422, "malformed", "quantity"),
        ({"quantity": "1e999999999"}, 422, "malformed", "quantity"),
        ({"price": "0e-999999999"}, 422, "malformed", "price"),
    ],
)
def test_refusals_have_status_reason_and_field(api, document, changes, status, reason, field):
    refused = problem(api.post(**changes), status)
    check(document, "ProblemDetails", refused)
    assert (refused["reason"], refused.get("field")) == (reason, field)
    assert refused["code"] in {r.code for r in REFUSAL_REASONS if r.name == reason}
    assert api.counted("quotelife_api_refusals_total", reason=reason) == 1


def test_a_stale_book_gives_the_same_refusal_as_over_fix(api):
    api.rig.sleep(60_000, alive=False)
    refused, over_fix = problem(api.post(), 503), api.rig.ask("r1")
    assert (refused["reason"], refused["code"]) == ("stale_book", 8)
    assert refused["detail"] == over_fix["58"] and over_fix["658"] == "8"
    assert re.search(r"\d\d:\d\d:\d\d", refused["detail"]), "the time since when"


@pytest.mark.parametrize(
    ("body", "field", "allowed"),
    [
        ({**BODY, "side": "both"}, "side", "one of buy, sell, two_way"),
        ({**BODY, "size": 1}, "size", None),
        ({"symbol": "A"}, "client", "text of 1 to 64 characters"),
        ({**BODY, "legs": [{"symbol": "A", "side": "buy", "ratio": 0}]}, "legs[0].ratio", "an integer from 1 to 1000"),
        ({**BODY, "quantity": True}, "quantity", "a decimal number"),
        ({**BODY, "max_lifetime_us": 0}, "max_lifetime_us", "an integer from 1 to 86400000000"),
        ([], "", None),
    ],
)
def test_a_malformed_request_names_the_field_and_what_is_allowed(api, document, body, field, allowed):
    answer = problem(api.send(body), 400)
    check(document, "ProblemDetails", answer)
    assert answer["field"] == field
    assert allowed is None or str(answer["allowed"]).startswith(allowed)
    assert api.counted("quotelife_api_invalid_total") == 1


def test_an_unknown_field_lists_the_known_fields(api):
    assert "max_lifetime_us" in problem(api.send({**BODY, "size": 1}), 400)["allowed"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(api, body):
    problem(api.send(body), 400)


def test_an_oversized_body_is_refused(api):
    problem(api.send(b" " * (257 << 10)), 413)


def test_a_failing_pricing_provider_is_an_internal_error(tmp_path, caplog):
    class Fails:
        def price(self, *_: object) -> None:
            raise RuntimeError("the inside")

    with ApiRig(tmp_path, provider=Fails()).serving() as api:
        assert "inside" not in json.dumps(problem(api.post(), 500))
        assert "the inside" in caplog.text
        assert api.counted("quotelife_api_refusals_total", reason="internal_error") == 1


# --- limits


def test_requests_beyond_the_connections_rate_are_refused(tmp_path):
    with ApiRig(tmp_path, Api(requests_per_second=2.0)).serving() as api:
        refused = problem(api.send([BODY] * 3, "/v1/expiry:batch"), 429)
        assert refused["reason"] == "rate_limited"
        assert len(expiry(api.send([BODY] * 2, "/v1/expiry:batch"))["results"]) == 2, "another connection"


def test_requests_beyond_the_clients_rate_are_refused(api):
    state = api.calculator.clients["Ordinary"]
    while state.allow_request(api.rig.mono_ns):
        pass
    answer = api.post()
    refused = problem(answer, 429)
    assert refused["reason"] == "rate_limited" and "5000" in refused["detail"]
    assert answer.headers["Retry-After"] == "1"
    assert api.post(client="Fund").status in (200, 409)


def test_with_a_token_configured_every_request_needs_it(tmp_path):
    token = "a-token-of-the-desk"
    with ApiRig(tmp_path, token=token).serving() as api:
        problem(api.post(), 401)
        problem(ask(api.port, "/v1/openapi.json"), 401)
        expiry(api.send(BODY, headers={"Authorization": f"Bearer {token}"}))


# --- batch


def test_a_batch_is_decided_as_of_one_moment(api, document):
    results = expiry(api.send([BODY, {**BODY, "symbol": "NOPE"}, 3, BODY], "/v1/expiry:batch"))
    check(document, "BatchAnswer", results)
    first, unknown, none, last = results["results"]
    assert first["expiry"] == last["expiry"]
    assert unknown["problem"]["reason"] == "unknown_symbol" and none["problem"]["status"] == 400
    assert api.counted("quotelife_api_requests_total", endpoint="batch") == 4


@pytest.mark.parametrize("body", [[], [BODY] * 101, {}, "x"])
def test_an_empty_oversized_or_malformed_batch_is_refused(api, body):
    problem(api.send(body, "/v1/expiry:batch"), 400)


# --- WebSocket


async def test_pipelined_stream_requests_are_answered_in_order(tmp_path, document):
    rig = ApiRig(tmp_path)
    server = HttpServer(rig.application())
    await server.listen("127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{server.port}/v1/expiry/stream"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as stream:
            for n in range(20):
                await stream.send_json({**BODY, "id": n})
            answers = [await stream.receive_json(timeout=10) for _ in range(20)]
            assert [a["id"] for a in answers] == list(range(20))
            check(document, "StreamAnswer", answers[0])
            assert answers[0]["expiry"] == answers[19]["expiry"]
            await stream.send_json({**BODY, "id": "text", "client": "Nobody"})
            refused = await stream.receive_json(timeout=10)
            check(document, "StreamAnswer", refused)
            assert refused["id"] == "text" and refused["problem"]["reason"] == "unknown_client"
            await stream.send_str('{"id": "kept", "symbol": 3}')
            wrong = await stream.receive_json(timeout=10)
            assert wrong["id"] == "kept" and wrong["problem"]["status"] == 400
            await stream.send_bytes(b"nonsense")
            assert (await stream.receive_json(timeout=10))["id"] is None
            assert rig.region.values[rig.metrics.streams] == 1
    finally:
        await server.close()
    assert rig.region.values[rig.metrics.streams] == 0


async def test_shutdown_closes_open_streams(tmp_path):
    server = HttpServer(ApiRig(tmp_path).application())
    await server.listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.port}/v1/expiry/stream"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as stream:
        closing = asyncio.create_task(server.close())
        message = await stream.receive(timeout=10)
        assert message.type is aiohttp.WSMsgType.CLOSE and message.data == aiohttp.WSCloseCode.GOING_AWAY
        await closing


async def test_a_stream_client_that_does_not_read_is_disconnected(tmp_path, monkeypatch):
    monkeypatch.setattr("quotelife.api.app.SEND_S", 0.2)
    rig = ApiRig(tmp_path, Api(requests_per_second=1e6))
    server = HttpServer(rig.application())
    await server.listen("127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1 << 10)
        head = "GET /v1/expiry/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(
            (head + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n").encode()
        )
        assert b" 101 " in await reader.readline()
        frame = b"\x81\xfe\x00\x80\x00\x00\x00\x00" + json.dumps({**BODY, "id": 1}).encode().ljust(128)
        dropped = rig.region.counter("quotelife_api_streams_dropped_total")
        async with asyncio.timeout(30):
            try:
                while not rig.region.values[dropped]:
                    writer.write(frame * 50)
                    await asyncio.wait_for(writer.drain(), 0.5)
            except (ConnectionError, TimeoutError):
                pass
            while not rig.region.values[dropped]:
                await asyncio.sleep(0.01)
        writer.close()
    finally:
        await server.close()


def test_the_stream_endpoint_requires_a_websocket(api):
    problem(ask(api.port, "/v1/expiry/stream"), 426)


# --- the document


def test_every_operation_has_examples_that_are_valid_and_answered(api, document):
    shown = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for schema, name, body in examples(operation):
                jsonschema.Draft202012Validator({**document, **schema}).validate(body)
                if method == "post":
                    answer = expiry(api.send(body, path))
                    for result in answer.get("results", [{"expiry": answer}]):
                        assert result["expiry"]["lifetime_us"] > 0, name
                shown.add(operation["operationId"])
    assert shown == {"expiry", "expiryBatch", "expiryStream", "openapi"}


async def test_the_examples_of_the_stream_are_answered(tmp_path, document):
    server = HttpServer(ApiRig(tmp_path).application())
    await server.listen("127.0.0.1", 0)
    stream = document["paths"]["/v1/expiry/stream"]["get"]
    try:
        url = f"http://127.0.0.1:{server.port}/v1/expiry/stream"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            for _, _, frame in examples(stream):
                assert json.dumps(frame, separators=(",", ":")) in stream["description"]
                await socket.send_json(frame)
                answer = await socket.receive_json(timeout=10)
                assert answer["id"] == frame["id"] and answer["expiry"]["lifetime_us"] > 0
    finally:
        await server.close()


def examples(operation: dict) -> list[tuple[dict, str, object]]:
    """Schema, name and value of each example of an operation."""
    media = [*operation.get("requestBody", {}).get("content", {}).values(), operation.get("x-stream-request", {})]
    media += [kind for answer in operation["responses"].values() for kind in answer.get("content", {}).values()]
    return [(m["schema"], name, e["value"]) for m in media for name, e in m.get("examples", {}).items()]


def test_the_page_and_its_files_come_from_the_service_alone(api):
    page = ask(api.port, "/docs")
    assert page.status == 200 and page.kind.startswith("text/html")
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';") and "unsafe" not in policy
    found = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(found) == 4 and all(each.startswith(("/docs/", "data:")) for each in found)
    for each in found[1:]:
        assert ask(api.port, each).status == 200


def test_the_document_is_valid_openapi(document):
    validate(document)
    assert document["openapi"] == "3.1.0"
    check(document, "ExpiryRequest", BODY)
    check(document, "ExpiryRequest", {**BODY, "quantity": 1.5, "price": 100})
    with pytest.raises(jsonschema.ValidationError):
        check(document, "ExpiryRequest", {**BODY, "size": 1})
