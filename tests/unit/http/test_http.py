"""Access control and problem details of the HTTP servers."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from aiohttp import web

from quotelife.http.guard import MAY_READ_DETAILS, Guard
from quotelife.http.problems import MEDIA_TYPE
from quotelife.http.server import HttpServer, make_application, read_body
from tests.unit.admin.http_rig import Answer, ask, serving

TOKEN = "a-token-of-the-desk"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASIC = {"Authorization": f"Basic {b64encode(f'trader:{TOKEN}'.encode()).decode()}"}
ANYWHERE = "0.0.0.0"  # the address given to the guard; the test server still listens on loopback


def routes() -> list[web.RouteDef]:
    async def read(request: web.Request) -> web.Response:
        return web.json_response({"details": request[MAY_READ_DETAILS]})

    async def change(request: web.Request) -> web.Response:
        return web.Response(body=await read_body(request, timeout_s=0.2))

    async def fail(_request: web.Request) -> web.Response:
        raise RuntimeError("an internal secret")

    return [web.get("/read", read), web.get("/open", read), web.post("/change", change), web.get("/fail", fail)]


def start(host: str = "127.0.0.1", token: str | None = TOKEN) -> AbstractContextManager[HttpServer]:
    return serving(lambda: make_application(Guard(host, token, ["/open"]), [routes()], max_body_bytes=1000))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with start() as server:
        yield server.port


@pytest.fixture(scope="module")
def exposed() -> Iterator[int]:
    with start(ANYWHERE) as server:
        yield server.port


def problem(answer: Answer, status: int) -> dict[str, object]:
    """The answer's problem document, checked for the standard members."""
    assert answer.status == status, answer.body
    assert answer.kind == MEDIA_TYPE
    document = answer.json()
    assert document.keys() >= {"type", "title", "status", "detail"}
    assert document["status"] == status
    return document


def test_reading_is_free_on_loopback(port):
    assert ask(port, "/read").json() == {"details": True}
    assert ask(port, "/read", "HEAD").body == b""


def test_changing_state_needs_the_token(port):
    assert ask(port, "/change", "POST", b"x", BEARER).body == b"x"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}, {"Authorization": TOKEN}):
        answer = ask(port, "/change", "POST", b"x", {k: v.encode() for k, v in headers.items()})
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    # Browsers repeat Basic credentials, so a page of another site could use them.
    problem(ask(port, "/change", "POST", b"x", BASIC), 401)


def test_without_a_configured_token_changing_state_is_refused():
    with start(token=None) as server:
        document = problem(ask(server.port, "/change", "POST", b"x", BEARER), 403)
        assert document["type"].endswith(":no-token-configured")
        assert ask(server.port, "/read").status == 200


def test_reading_off_loopback_needs_the_token(exposed):
    answer = ask(exposed, "/read")
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert ask(exposed, "/read", headers=BEARER).json() == {"details": True}
    assert ask(exposed, "/read", headers=BASIC).json() == {"details": True}
    problem(ask(exposed, "/read", headers={"Authorization": "Basic nonsense"}), 401)


def test_open_paths_return_details_only_with_the_token(exposed):
    assert ask(exposed, "/open").json() == {"details": False}
    assert ask(exposed, "/open", headers=BEARER).json() == {"details": True}
    problem(ask(exposed, "/open", "POST"), 401)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_name_is_refused(port, host):
    assert problem(ask(port, "/read", headers={"Host": host}), 421)["field"] == "Host"


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"])
def test_loopback_host_names_are_accepted(port, host):
    assert ask(port, "/read", headers={"Host": host}).status == 200


def test_a_foreign_origin_is_refused(port):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        problem(ask(port, "/change", "POST", b"x", BEARER | {"Origin": origin}), 403)
    own = {"Origin": f"http://127.0.0.1:{port}"}
    assert ask(port, "/change", "POST", b"x", BEARER | own).status == 200


def test_http_errors_are_problem_details(port):
    assert problem(ask(port, "/nowhere"), 404)["allowed"] == ["/change", "/fail", "/open", "/read"]
    answer = ask(port, "/read", "DELETE", headers=BEARER)
    problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"
    problem(ask(port, "/change", "POST", b"x" * 1001, BEARER), 413)


def test_an_internal_error_is_logged_but_not_disclosed(port, caplog):
    answer = ask(port, "/fail")
    assert problem(answer, 500)["type"] == "about:blank"
    assert b"secret" not in answer.body
    assert "an internal secret" in caplog.text


def test_an_incomplete_request_times_out(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        head = (
            f"POST /change HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5\r\n\r\nab"
        )
        slow.sendall(head.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_a_peer_that_does_not_speak_http_gets_400_and_is_not_logged(port, caplog):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as strange:
        strange.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert b" 400 " in strange.recv(100)
    assert caplog.text == ""


def test_every_response_has_the_security_headers(port):
    for answer in (ask(port, "/read"), ask(port, "/nowhere"), ask(port, "/change", "POST")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["Cache-Control"] == "no-store"
