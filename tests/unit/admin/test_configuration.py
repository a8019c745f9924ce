"""The configuration over HTTP and by the command: the version in force, changes, refusals."""

import json

import msgspec
import pytest

from quotelife.admin.app import admin_application
from quotelife.admin.commands.reload_command import run
from quotelife.admin.configuration import ConfigurationRoutes, Refused
from quotelife.config import Config
from quotelife.config.versions.version import START, Version
from tests.unit.admin.http_rig import ask, serving

TOKEN = "a-token-of-the-desk"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Desk:
    """The routes, with a version in force; `refused` is raised by the next reload, `changes` are its result."""

    def __init__(self, config: Config) -> None:
        self.version = Version(3, "ab" * 8, 0, START, (), config)
        self.refused: Refused | None = None
        self.changes = ["client[Fund].tier: 'ordinary' -> 'strategic'"]
        self.port = 0

    async def reload(self, check: bool) -> list[str]:
        if self.refused is not None:
            raise self.refused
        if not check:
            self.version = msgspec.structs.replace(self.version, number=self.version.number + 1)
        return self.changes

    def post(self, body: object, headers=BEARER):
        return ask(self.port, "/v1/reload", "POST", json.dumps(body).encode(), headers)


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("DESK_TOKEN", TOKEN)
    raw = {
        "admin": {"token_env": "DESK_TOKEN"},
        "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
        "instrument": [{"symbol": "A", "venue": "SIM", "tick": "1", "lot": "1"}],
        "client": [{"name": "Fund", "sessions": ["F"]}],
    }
    return msgspec.structs.replace(msgspec.convert(raw, Config), file=str(tmp_path / "q.toml"))


@pytest.fixture
def desk(config):
    desk = Desk(config)
    routes = ConfigurationRoutes(lambda: desk.version, desk.reload)
    with serving(lambda: admin_application("127.0.0.1", TOKEN, [routes.routes()])) as server:
        desk.port = server.port
        yield desk


def test_the_version_in_force_and_its_change(desk, config):
    told = ask(desk.port, "/v1/configuration").json()
    assert (told["version"], told["hash"], told["because"], told["file"]) == (3, "ab" * 8, START, config.file)
    assert desk.post({"check": True}).json()["changed"] is False
    assert desk.version.number == 3
    answer = desk.post({}).json()
    assert (answer["changed"], answer["version"], answer["changes"]) == (True, 4, desk.changes)
    desk.changes = []
    assert desk.post({}).json()["changed"] is False


@pytest.mark.parametrize(("busy", "status"), [(False, 422), (True, 503)])
def test_a_refusal_says_why_and_what_needs_a_restart(desk, busy, status):
    desk.refused = Refused("needs a restart: admin.port", ["admin.port"], busy=busy)
    answer = desk.post({})
    assert (answer.status, answer.json()["restart"]) == (status, ["admin.port"])
    assert answer.json()["detail"] == "needs a restart: admin.port"


def test_a_reload_needs_the_token_and_a_body(desk):
    assert desk.post({}, {}).status == 401
    assert desk.post({"force": True}).status == 422
    assert desk.version.number == 3


def test_the_command_prints_the_changes_or_the_reason(desk, config, capsys):
    there = msgspec.structs.replace(config, admin=msgspec.structs.replace(config.admin, port=desk.port))
    assert run(there, True) == 0
    assert capsys.readouterr().out == f"{desk.changes[0]}\nconfiguration 3 ({'ab' * 8}) stays in force\n"
    assert run(there, False) == 0
    assert capsys.readouterr().out.endswith(f"configuration 4 ({'ab' * 8}) is in force\n")
    desk.refused = Refused("client[0].tier = 'golden': allowed: ...", [], busy=False)
    assert run(there, False) == 1
    assert "client[0].tier = 'golden'" in capsys.readouterr().err
