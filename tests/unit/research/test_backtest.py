"""The backtest: outcomes against their definition, policies on the same requests, the command on a synthetic market."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quotelife_models import schema as S
from quotelife_models.enums import MODELS
from quotelife_models.parameters import Parameters
from quotelife_research.backtest import outcomes as O
from quotelife_research.backtest import policies as P
from quotelife_research.backtest.clients import NEVER, Assumptions, draw_requests
from quotelife_research.backtest.command import assumptions, run
from quotelife_research.backtest.market import ObservedRequests, observe_requests
from quotelife_research.backtest.run import BacktestOptions
from quotelife_research.backtest.statistics import apply_policy, blocks, interval
from quotelife_research.data import sources as Q
from tests.unit.research.test_calibrate import make_market
from tests.unit.research.test_replay import session

MS = 1_000_000
ASSUMED = Assumptions()
PAIRED = ("fixed_best", "fixed_best_per_account")


@pytest.fixture(scope="module")
def seen() -> ObservedRequests:
    return observe_requests(session(3, seconds=90), ASSUMED, 400, 0.5, 0.0, seed=5)


def entry(path: np.ndarray, now: int) -> np.ndarray:
    return path[path[:, 0] <= now][-1]


def against_mid(path: np.ndarray, now: int, side: int, price: int) -> float:
    _, bid, ask = entry(path, now)
    return side * (price - (bid + ask) / 2)


def sniper(path: np.ndarray, ts: int, side: int, price: int, out: int, back: int) -> int:
    """Arrival of a sniper's hit by definition: at the first moment after the quote when the market is through it."""
    near = 1 if side > 0 else 2
    moments = [ts + out, *(int(t) for t in path[:, 0] if ts + out < t <= ts + 10_000 * MS)]
    through = (t for t in moments if side * (entry(path, t)[near] - price) >= 0)
    first = next(through, None)
    return NEVER if first is None else first - ts + back


def test_outcomes_equal_their_definition(seen: ObservedRequests) -> None:
    found, r = O.follow_quotes(seen.path, seen.requests, seen.price, 5.0), seen.requests
    for i in range(0, len(r), 7):
        ts, side, price = int(r.ts_ns[i]), int(r.side[i]), int(seen.price[i])
        assert found.arrival_ns[i, O.GENUINE] == r.genuine_ns[i]
        expected = sniper(seen.path, ts, side, price, int(r.out_ns[i]), int(r.back_ns[i]))
        assert found.arrival_ns[i, O.SNIPER] == expected
        for kind in (O.GENUINE, O.SNIPER):
            arrival = int(found.arrival_ns[i, kind])
            if arrival == NEVER:
                continue
            assert found.net[i, kind] == against_mid(seen.path, ts + arrival + 5 * MS, side, price)
            for m, after in enumerate(O.MARKOUTS_MS):
                assert found.markout[i, kind, m] == against_mid(seen.path, ts + arrival + after * MS, side, price)
    assert (found.arrival_ns[:, O.SNIPER] < NEVER).any() and (found.arrival_ns[:, O.GENUINE] == NEVER).any()


def test_the_desk_sees_the_market_with_its_latency() -> None:
    """With a latency of one second the features are those of a second ago."""
    late = replace(ASSUMED, latency_ms=1000.0, latency_sigma=1e-9)
    s = session(3, seconds=90)
    found = observe_requests(s, late, 200, 0.5, 0.0, seed=5)
    quotes = s.events[s.events[:, 1] == Q.QUOTE]
    for ts, x in zip(found.requests.ts_ns, found.x, strict=True):
        last = quotes[quotes[:, 0] <= ts - 1000 * MS][-1]
        assert x[S.SPREAD] == last[4] - last[2]
        assert x[S.BID_DEPTH_1] == last[3]


def test_the_oracle_has_the_highest_value_on_the_path(seen: ObservedRequests) -> None:
    """Expected value of a lifetime on the future path, over the kind of client and its response time."""
    informed, found, r = 0.5, O.follow_quotes(seen.path, seen.requests, seen.price, 1.0), seen.requests
    hits = np.stack([a.fill_rate * np.linspace(0, 1, len(O.ORACLE_MS)) for a in ASSUMED.accounts])
    chosen = O.oracle(seen.path, seen.requests, seen.price, found, hits, informed)
    for i in range(0, len(r), 9):
        ts, side, price, hit = int(r.ts_ns[i]), int(r.side[i]), int(seen.price[i]), hits[r.account[i]]
        worth = [against_mid(seen.path, ts + int(t * 1e6), side, price) for t in O.ORACLE_MS]
        values, total = {0.0: 0.0}, 0.0
        for k in range(2, len(O.ORACLE_MS)):
            total += (1 - informed) * (hit[k] - hit[k - 1]) * (worth[k - 1] + worth[k]) / 2
            sniped = found.arrival_ns[i, O.SNIPER] <= O.ORACLE_MS[k] * 1e6
            values[O.ORACLE_MS[k]] = total + sniped * informed * found.net[i, O.SNIPER]
        best = max(values.values())
        before_sniper = chosen[i] * 1e6 < found.arrival_ns[i, O.SNIPER] < NEVER and chosen[i] not in values
        assert before_sniper or values[chosen[i]] == pytest.approx(best)


def test_a_hit_is_filled_within_the_lifetime(seen: ObservedRequests) -> None:
    days = [(seen, O.follow_quotes(seen.path, seen.requests, seen.price, 1.0))]
    n, none = len(seen.requests), apply_policy(days, [np.zeros(len(seen.requests))], 0.5)
    assert not none.filled.any() and none.net.sum() == 0
    short, long = (apply_policy(days, [np.full(n, ms)], 0.5) for ms in (50.0, 5000.0))
    assert (short.filled <= long.filled).all() and short.filled.sum() < long.filled.sum()
    genuine = apply_policy(days, [np.full(n, 1e5)], 0.0).filled
    np.testing.assert_array_equal(genuine, seen.requests.genuine_ns < NEVER)


def test_intervals_resample_blocks() -> None:
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(50), 20)
    alone, shared = rng.normal(1, 1, 1000), np.repeat(rng.normal(1, 1, 50), 20)
    (mean, low, high), (_, low_shared, high_shared) = interval(alone, block), interval(shared, block)
    assert low < mean < high and high - low < 0.2
    assert high_shared - low_shared > 3 * (high - low)


def test_blocks_of_different_days_are_distinct(seen: ObservedRequests) -> None:
    twice = blocks([(seen, None), (seen, None)])  # type: ignore[list-item]
    n = len(seen.requests)
    assert twice[n:].min() > twice[:n].max()


def test_models_use_the_services_kernel(seen: ObservedRequests) -> None:
    parameters = Parameters.load()
    few, many = (
        {m: P.model_lifetimes(seen, ASSUMED, share, parameters.table, 0, MODELS.index(m)) for m in MODELS}
        for share in (0.1, 0.7)
    )
    for name in ("liquidity_provider", "client_priority"):
        assert (many[name] <= few[name]).all() and many[name].mean() < few[name].mean()
    np.testing.assert_array_equal(few["risk_averse"], many["risk_averse"])
    assert all((ms <= O.MAX_LIFETIME_MS).all() for ms in few.values())


def test_requests_follow_the_assumptions() -> None:
    r = draw_requests(ASSUMED, 0, 10**12, 40_000, np.random.default_rng(2))
    assert (np.diff(r.ts_ns) >= 0).all() and set(np.unique(r.side)) == {-1, 1}
    for number, account in enumerate(ASSUMED.accounts):
        mine = r.account == number
        wants = r.genuine_ns[mine] < NEVER
        assert wants.mean() == pytest.approx(account.fill_rate, abs=0.02)
        assert r.genuine_ns[mine][wants].mean() / MS == pytest.approx(account.response_ms, rel=0.05)


def test_the_command_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = make_market(tmp_path / "data", days=2, minutes=4), tmp_path / "out"
    options = BacktestOptions(requests=600, tuning_requests=600)
    assumed = replace(ASSUMED, informed=(0.5, 0.2))
    plot = tmp_path / "worth.png"
    assert run(data, None, "2020-01-03", "2020-01-02", out, assumed, options, plot) == 0
    assert plot.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr()
    assert printed.out.count("AAA") == 2 and "BBB: 600 requests" in printed.err
    found = json.loads((out / "report.json").read_text())["symbols"]["AAA"]
    assert found["tuned_on"] == ["2020-01-02"] and found["tested_on"] == ["2020-01-03"]
    assert found["policies"] == found["by_informed_share"]["0.5"]["policies"]
    needed = {"fill_rate", "pickoff_rate", "net_per_request", "net_low", "net_high", "mean_lifetime_ms"}
    for name in (*MODELS, *PAIRED, "oracle", "clairvoyant", "inverse_variance", "logistic_imbalance", "fixed_500ms"):
        assert needed <= set(found["policies"][name])
    for name in PAIRED:
        assert found["paired"][name]["low"] <= found["paired"][name]["difference"] <= found["paired"][name]["high"]
    best = max(p["net_per_request"] for p in found["policies"].values())
    assert found["policies"]["clairvoyant"]["net_per_request"] == best
    page = (out / "report.html").read_text()
    assert page.count("<svg") == 4 and "an assumption, not a measurement" in page and "http" not in page


@pytest.mark.parametrize(
    ("days", "tune", "expected"),
    [
        ("2020-02-03", "2020-01-02", "2020-02-03"),
        ("2020-01-03", "", "--tune"),
        ("2020-01-03", "2020-01-03", "2020-01-03 is not after"),
        ("soon", "", "allowed: FROM..TO"),
    ],
)
def test_wrong_input_is_one_line(tmp_path: Path, capsys, days: str, tune: str, expected: str) -> None:
    data = make_market(tmp_path / "data", days=2, minutes=2)
    assert (
        run(data, None, days, tune, tmp_path / "out", ASSUMED, BacktestOptions(requests=100, tuning_requests=100)) == 2
    )
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("backtest:") and expected in error
    assert run(data, None, days, tune, tmp_path / "out", "--informed 2: allowed", BacktestOptions()) == 2


def test_assumptions_are_parsed() -> None:
    right = assumptions("0.5,0.2", 0.3, 2.0, "1000,0.5,0.6", "200,1,0.1")
    assert isinstance(right, Assumptions)
    assert right.informed == (0.5, 0.2) and right.accounts[0].response_ms == 1000.0 and right.latency_ms == 0.3
    for wrong in (("2", "1,1,1"), ("x", "1,1,1"), ("0.5", "1,1"), ("0.5", "0,1,1"), ("0.5", "1,1,2")):
        assert isinstance(assumptions(wrong[0], 0.3, 2.0, wrong[1], "200,1,0.1"), str)
