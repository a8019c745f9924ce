"""Signals from outside: what is taken, what it does to the features, how long it counts, what is refused."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from quotelife.admin.app import admin_application
from quotelife.admin.signals import SignalsRoutes
from quotelife.config import Config, ConfigError, load
from quotelife.config.paths import RunPaths
from quotelife.market.board import layout as L
from quotelife.market.capture.ring import Ring
from quotelife.market.features.evaluate import evaluate
from quotelife.marketdata.decoder_state import SharedArrays
from quotelife.marketdata.process import make_board
from quotelife.runtime.clock import NS_PER_S, mono_ns, wall_ns
from quotelife.runtime.line_socket import ask as send
from quotelife.signals.active_signals import ActiveSignal, ActiveSignals
from quotelife.signals.receiver import SignalBatch, SignalReceiver
from quotelife.signals.signal import Signal, SignalError, SignalValidator
from quotelife_models import schema as S
from tests.unit.admin.http_rig import ask, serving

TOKEN = "a-token-of-the-desk"
RAW = {
    "venue": [{"name": "SIM", "port": 1, "sender_comp_id": "Q", "target_comp_id": "V"}],
    "instrument": [
        {"symbol": "A", "venue": "SIM", "tick": "1", "lot": "1", "volatility_index": "VOL"},
        {"symbol": "B", "venue": "SIM", "tick": "1", "lot": "1"},
        {
            "symbol": "VOL", "venue": "signals", "tick": "0.01", "lot": "1", "quotable": False,
            "stale_after_ms": 60_000.0,
        },
    ],
    "client": [{"name": "Fund", "sessions": ["F"]}],
}  # fmt: skip


class Rig:
    def __init__(self, folder) -> None:
        self.config = msgspec.structs.replace(msgspec.convert(RAW, Config), file=str(folder / "q.toml"))
        self.board = make_board(self.config, folder / "board")
        shared = SharedArrays(self.board, Ring.private(3))
        self.active = ActiveSignals(self.board, shared.capture, shared.books)
        self.receiver = SignalReceiver(self.config, self.active)
        self.ring = shared.capture
        for row in (0, 1):
            self.make_live(shared, row)

    def make_live(self, shared: SharedArrays, row: int) -> None:
        """A book of the venue, by the way a signal's book takes."""
        ActiveSignals(self.board, shared.capture, shared.books).set_index(row, active_signal(100.0), 1.0, mono_ns())
        self.board.venues[0, L.V_STATE] = L.VENUE_UP

    def features(self, row: int) -> np.ndarray:
        x, snap = np.zeros(S.N_FEATURES), np.zeros(L.SNAP_WORDS, np.int64)
        now_ns = mono_ns()
        self.board.beat(now_ns)
        self.board.venues[:, L.V_LAST_RECEIVED_NS] = now_ns
        board = self.board
        assert evaluate(board.header, board.venues, board.rows, row, now_ns, x, snap) == L.STATUS_OK
        return x

    def take(self, *signals: dict) -> dict:
        return self.receiver.apply(SignalBatch([msgspec.convert(signal, Signal) for signal in signals]))


def active_signal(value: float) -> ActiveSignal:
    return ActiveSignal(value, "test", "", wall_ns(), wall_ns() + NS_PER_S)


def news(value: float, *symbols: str, **more: object) -> dict:
    return {"kind": "news_sentiment", "value": value, "source": "wire", "symbols": list(symbols), **more}


def vol(value: float, **more: object) -> dict:
    return {"kind": "volatility_index", "value": value, "source": "index", "symbols": ["VOL"], **more}


def iso(seconds_ago: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds_ago)).isoformat()


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


def test_news_about_one_instrument_and_about_all(rig):
    assert rig.take(news(-0.8, "B", text="cuts its outlook"))["taken"] == 1
    assert rig.features(1)[S.NEWS_SENTIMENT] == pytest.approx(-0.8, abs=0.01)
    assert rig.features(0)[S.NEWS_SENTIMENT] == 0.0
    assert rig.take(news(0.5))["taken"] == 2
    assert rig.features(0)[S.NEWS_SENTIMENT] == pytest.approx(0.5, abs=0.01)


def test_news_that_is_old_has_decayed_by_its_age(rig):
    rig.take(news(-1.0, "A", time=iso(60.0)))
    assert rig.features(0)[S.NEWS_SENTIMENT] == pytest.approx(-0.5, abs=0.01)


def test_active_signals_are_reported(rig):
    rig.take(news(-1.0, "A", time=iso(60.0), text="halted"))
    [told] = rig.take()["in_force"]
    assert (told["symbol"], told["source"], told["text"], told["value"]) == ("A", "wire", "halted", -1.0)
    assert told["now"] == pytest.approx(-0.5, abs=0.01) and told["age_s"] == pytest.approx(60, abs=2)
    assert told["half_life_s"] == 60.0 and told["stale_in_s"] == pytest.approx(540, abs=2)


def test_a_volatility_index(rig):
    rig.take(vol(20.0))
    assert rig.features(0)[S.VOLATILITY_INDEX] == pytest.approx(20.0)
    rig.take(vol(31.27))
    assert rig.features(0)[S.VOLATILITY_INDEX] == pytest.approx(31.27)
    assert rig.features(1)[S.VOLATILITY_INDEX] == 0.0


def test_an_index_that_is_stale_is_no_index(rig):
    rig.take(vol(20.0, time=iso(30.0)))
    rig.active.expire(mono_ns(), wall_ns())
    assert rig.features(0)[S.VOLATILITY_INDEX] == pytest.approx(20.0)
    rig.active.expire(mono_ns(), wall_ns() + 31 * NS_PER_S)
    assert rig.features(0)[S.VOLATILITY_INDEX] == 0.0
    assert rig.take()["in_force"] == []
    rig.take(vol(22.0))
    assert rig.features(0)[S.VOLATILITY_INDEX] == pytest.approx(22.0)


def test_a_signal_older_than_the_active_one_is_ignored(rig):
    rig.take(news(0.9, "A"), vol(20.0))
    assert rig.take(news(-0.9, "A", time=iso(5.0)), vol(30.0, time=iso(5.0)))["taken"] == 0
    assert rig.features(0)[S.NEWS_SENTIMENT] > 0.8 and rig.features(0)[S.VOLATILITY_INDEX] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("signal", "field"),
    [
        (news(1.5), "value"),
        (news(float("nan")), "value"),
        (news(0.5, "NO-SUCH"), "symbols"),
        (news(0.5, time=iso(601.0)), "time"),
        (news(0.5, time=iso(-3600.0)), "time"),
        (vol(0.0), "value"),
        (vol(float("inf")), "value"),
        (vol(20.0) | {"symbols": ["A"]}, "symbols"),
        (vol(20.0) | {"symbols": []}, "symbols"),
        (vol(20.0, time=iso(61.0)), "time"),
    ],
)
def test_what_is_wrong_is_refused_and_nothing_of_the_line_is_taken(rig, signal, field):
    refused = rig.take(news(0.7, "A"), signal)["refused"]
    assert (refused["at"], refused["field"]) == (1, field) and refused["detail"].startswith(field)
    assert rig.features(0)[S.NEWS_SENTIMENT] == 0.0


def test_an_index_is_refused_when_none_is_configured(rig):
    only = msgspec.structs.replace(rig.config, instrument=rig.config.instrument[:2])
    with pytest.raises(SignalError, match='venue = "signals"'):
        SignalValidator(only).check(msgspec.convert(vol(20.0), Signal), wall_ns())


def test_an_index_can_be_no_instrument_that_is_quoted(tmp_path):
    file = tmp_path / "q.toml"
    file.write_text(
        '[[venue]]\nname = "SIM"\nport = 1\nsender_comp_id = "Q"\ntarget_comp_id = "V"\n'
        '[[instrument]]\nsymbol = "VOL"\nvenue = "signals"\ntick = "1"\nlot = "1"\n'
        '[[client]]\nname = "C"\nsessions = ["C"]\n'
    )
    with pytest.raises(ConfigError, match="quotable = false"):
        load(file)


def test_through_the_socket(rig, tmp_path):
    async def play() -> list[dict]:
        server = await rig.receiver.open(RunPaths(tmp_path).signals_socket)
        lines = [json.dumps({"signals": [news(0.25, "A")]}).encode(), b"{", b'{"signals": [{"kind": "rumour"}]}', b"{}"]
        answers = [await send(RunPaths(tmp_path).signals_socket, line) for line in lines]
        too_many = json.dumps({"signals": [news(0.1)] * 101}).encode()
        answers.append(await send(RunPaths(tmp_path).signals_socket, too_many))
        server.close()
        return answers

    taken, cut, unknown, listed, many = asyncio.run(play())
    assert taken["taken"] == 1 and len(listed["in_force"]) == 1
    assert all(answer["refused"]["field"] == "body" for answer in (cut, unknown, many))
    assert RunPaths(tmp_path).signals_socket.stat().st_mode & 0o777 == 0o600


def test_over_http(rig, tmp_path):
    servers = []

    def make():
        async def open_receiver(_app) -> None:
            servers.append(await rig.receiver.open(RunPaths(tmp_path).signals_socket))

        app = admin_application("127.0.0.1", TOKEN, [SignalsRoutes(RunPaths(tmp_path)).routes()])
        app.on_startup.append(open_receiver)
        return app

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    with serving(make) as server:
        body = json.dumps(news(-0.5, "A")).encode()
        assert ask(server.port, "/v1/signals", "POST", body).status == 401
        assert ask(server.port, "/v1/signals", "POST", body, bearer).json()["taken"] == 1
        both = ask(server.port, "/v1/signals", "POST", json.dumps([news(0.5, "B"), vol(19.0)]).encode(), bearer)
        assert both.json()["taken"] == 2
        assert len(ask(server.port, "/v1/signals").json()["in_force"]) == 3
        wrong = ask(server.port, "/v1/signals", "POST", json.dumps(news(2.0)).encode(), bearer)
        assert wrong.status == 422 and wrong.json()["field"] == "value"
        for raw, status in ((b"{", 400), (b"[]", 422), (b"17", 422)):
            assert ask(server.port, "/v1/signals", "POST", raw, bearer).status == status


def test_over_http_without_the_process(tmp_path):
    with serving(lambda: admin_application("127.0.0.1", TOKEN, [SignalsRoutes(RunPaths(tmp_path)).routes()])) as server:
        assert ask(server.port, "/v1/signals").status == 503
