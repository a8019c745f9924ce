"""Who is answered over HTTP, and how what is refused is said."""

import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from aiohttp import web

from quotelife.http.guard import MAY_READ, Guard
from quotelife.http.problems import MEDIA_TYPE
from quotelife.http.server import HttpServer, application, read_body
from tests.unit.admin.http_rig import Answer, ask, serving

TOKEN = "a-token-of-the-desk"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASIC = {"Authorization": f"Basic {b64encode(f'trader:{TOKEN}'.encode()).decode()}"}
ANYWHERE = "0.0.0.0"  # what the guard is told; the tests listen on loopback all the same


def routes() -> list[web.RouteDef]:
    async def read(request: web.Request) -> web.Response:
        return web.json_response({"details": request[MAY_READ]})

    async def change(request: web.Request) -> web.Response:
        return web.Response(body=await read_body(request, within_s=0.2))

    async def fail(_request: web.Request) -> web.Response:
        raise RuntimeError("a secret of the inside")

    return [web.get("/read", read), web.get("/open", read), web.post("/change", change), web.get("/fail", fail)]


def start(host: str = "127.0.0.1", token: str | None = TOKEN) -> AbstractContextManager[HttpServer]:
    return serving(lambda: application(Guard(host, token, ["/open"]), [routes()], max_body_bytes=1000))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with start() as server:
        yield server.port


@pytest.fixture(scope="module")
def exposed() -> Iterator[int]:
    with start(ANYWHERE) as server:
        yield server.port


def problem(answer: Answer, status: int) -> dict[str, object]:
    """The problem of an answer, which must be well formed."""
    assert answer.status == status, answer.body
    assert answer.kind == MEDIA_TYPE
    document = answer.json()
    assert document.keys() >= {"type", "title", "status", "detail"}
    assert document["status"] == status
    return document


def test_reading_is_free_on_loopback(port):
    assert ask(port, "/read").json() == {"details": True}
    assert ask(port, "/read", "HEAD").body == b""


def test_what_changes_state_needs_the_token(port):
    assert ask(port, "/change", "POST", b"x", BEARER).body == b"x"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}, {"Authorization": TOKEN}):
        answer = ask(port, "/change", "POST", b"x", {k: v.encode() for k, v in headers.items()})
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    # A browser repeats Basic by itself, so a page of another site could use it.
    problem(ask(port, "/change", "POST", b"x", BASIC), 401)


def test_without_a_token_configured_nothing_changes_state():
    with start(token=None) as server:
        document = problem(ask(server.port, "/change", "POST", b"x", BEARER), 403)
        assert "none is configured" in document["detail"]
        assert ask(server.port, "/read").status == 200


def test_from_other_addresses_reading_needs_the_token_too(exposed):
    answer = ask(exposed, "/read")
    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert ask(exposed, "/read", headers=BEARER).json() == {"details": True}
    assert ask(exposed, "/read", headers=BASIC).json() == {"details": True}
    problem(ask(exposed, "/read", headers={"Authorization": "Basic nonsense"}), 401)


def test_open_paths_answer_everybody_but_tell_no_details(exposed):
    assert ask(exposed, "/open").json() == {"details": False}
    assert ask(exposed, "/open", headers=BEARER).json() == {"details": True}
    problem(ask(exposed, "/open", "POST"), 401)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "127.0.0.1.evil.example", ""])
def test_a_foreign_name_for_this_machine_is_refused(port, host):
    assert problem(ask(port, "/read", headers={"Host": host}), 421)["field"] == "Host"


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "[::1]:80"])
def test_names_of_loopback_are_answered(port, host):
    assert ask(port, "/read", headers={"Host": host}).status == 200


def test_pages_of_other_sites_are_refused(port):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1"):
        problem(ask(port, "/change", "POST", b"x", BEARER | {"Origin": origin}), 403)
    own = {"Origin": f"http://127.0.0.1:{port}"}
    assert ask(port, "/change", "POST", b"x", BEARER | own).status == 200


def test_what_is_refused_is_a_problem(port):
    assert problem(ask(port, "/nowhere"), 404)["allowed"] == ["/change", "/fail", "/open", "/read"]
    answer = ask(port, "/read", "DELETE", headers=BEARER)
    problem(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"
    problem(ask(port, "/change", "POST", b"x" * 1001, BEARER), 413)


def test_what_fails_inside_stays_inside(port, capfd):
    answer = ask(port, "/fail")
    assert problem(answer, 500)["detail"] == "internal error; it has been logged"
    assert b"secret" not in answer.body
    assert "a secret of the inside" in capfd.readouterr().err


def test_a_request_that_does_not_become_whole_is_ended(port):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
        head = (
            f"POST /change HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 5\r\n\r\nab"
        )
        slow.sendall(head.encode())
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")


def test_who_does_not_speak_http_is_told_and_logged_nowhere(port, capfd):
    with socket.create_connection(("127.0.0.1", port), timeout=10) as strange:
        strange.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert b" 400 " in strange.recv(100)
    assert capfd.readouterr().err == ""


def test_every_answer_has_the_headers_that_keep_browsers_in_bounds(port):
    for answer in (ask(port, "/read"), ask(port, "/nowhere"), ask(port, "/change", "POST")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["Cache-Control"] == "no-store"
