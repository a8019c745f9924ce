"""The backtest: outcomes against their definition, policies on the same requests, the command on a synthetic market."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from quotelife_models import hazard as H
from quotelife_models import schema as S
from quotelife_models.enums import LIQUIDITY_PROVIDER, MODELS, RISK_AVERSE
from quotelife_models.parameters import Parameters
from quotelife_models.remaining import WORK_WORDS, remaining_base, remaining_margin
from quotelife_research.backtest import outcomes as O
from quotelife_research.backtest import policies as P
from quotelife_research.backtest import withdrawal as W
from quotelife_research.backtest.clients import NEVER, Assumptions, draw_requests
from quotelife_research.backtest.command import assumptions, run
from quotelife_research.backtest.market import ObservedRequests, observe_requests
from quotelife_research.backtest.run import BacktestOptions
from quotelife_research.backtest.statistics import apply_policy, blocks, interval
from quotelife_research.calibration.command import run_command
from quotelife_research.data import sources as Q
from quotelife_research.data.files import DataError
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


def sniper(seen: ObservedRequests, i: int, anticipation_ticks: float | None = None) -> int:
    """Arrival of a sniper's hit by definition: at the first moment after the quote when the market is through it, or,
    for one that anticipates, when the micro-price is near."""
    r, price = seen.requests, int(seen.price[i])
    ts, side, out = int(r.ts_ns[i]), int(r.side[i]), int(r.out_ns[i])
    near = 1 if side > 0 else 2

    def wants(now: int) -> bool:
        through = side * (entry(seen.path, now)[near] - price) >= 0
        micro = seen.micro[np.searchsorted(seen.micro_ns, now, side="right") - 1]
        return bool(through or (anticipation_ticks is not None and side * (price - micro) <= anticipation_ticks))

    later = seen.micro_ns[(seen.micro_ns > ts + out) & (seen.micro_ns <= ts + 10_000 * MS)]
    first = next((t for t in (ts + out, *(int(t) for t in later)) if wants(t)), None)
    return NEVER if first is None else first - ts + int(r.reaction_ns[i] + r.back_ns[i])


def test_outcomes_equal_their_definition(seen: ObservedRequests) -> None:
    found, r = O.follow_quotes(seen, 5.0, 0.1), seen.requests
    for i in range(0, len(r), 7):
        ts, side, price = int(r.ts_ns[i]), int(r.side[i]), int(seen.price[i])
        assert found.arrival_ns[i, O.GENUINE] == r.genuine_ns[i]
        assert found.arrival_ns[i, O.SNIPER] == sniper(seen, i)
        assert found.arrival_ns[i, O.ANTICIPATING] == sniper(seen, i, 0.1)
        for kind in (O.GENUINE, O.SNIPER, O.ANTICIPATING):
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
    informed, found, r = 0.5, O.follow_quotes(seen, 1.0, 0.1), seen.requests
    hits = np.stack([a.fill_rate * np.linspace(0, 1, len(O.ORACLE_MS)) for a in ASSUMED.accounts])
    chosen = O.oracle(seen, found, hits, informed)
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
    days = [(seen, O.follow_quotes(seen, 1.0, 0.1))]
    n, none = len(seen.requests), apply_policy(days, [np.zeros(len(seen.requests))], None, 0.5)
    assert not none.filled.any() and none.net.sum() == 0
    short, long = (apply_policy(days, [np.full(n, ms)], None, 0.5) for ms in (50.0, 5000.0))
    assert (short.filled <= long.filled).all() and short.filled.sum() < long.filled.sum()
    genuine = apply_policy(days, [np.full(n, 1e5)], None, 0.0).filled
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
        {
            m: P.decide_quotes(seen, ASSUMED, share, parameters.table, 0, MODELS.index(m), False).lifetime_ms
            for m in MODELS
        }
        for share in (0.1, 0.7)
    )
    for name in ("liquidity_provider", "client_priority"):
        assert (many[name] <= few[name]).all() and many[name].mean() < few[name].mean()
    np.testing.assert_array_equal(few["risk_averse"], many["risk_averse"])
    # a withdrawal behind it makes a quote live longer
    behind = P.decide_quotes(seen, ASSUMED, 0.7, parameters.table, 0, LIQUIDITY_PROVIDER, True, 0.0).lifetime_ms
    assert behind.mean() > many["liquidity_provider"].mean()
    assert all((ms <= O.MAX_LIFETIME_MS).all() for ms in few.values())


def seen_edges(seen: ObservedRequests, i: int) -> list[tuple[int, float, float]]:
    """(time, ticks to the price that hurts, edge) at each row of the sight after a request, for 10 s."""
    sight, side, price = seen.sight, int(seen.requests.side[i]), int(seen.price[i])
    end = seen.requests.ts_ns[i] + 10_000 * MS
    rows = [k for k in range(seen.row[i] + 1, len(sight.ts_ns)) if sight.ts_ns[k] < end]
    near = 0 if side > 0 else 1
    return [(int(sight.ts_ns[k]), side * (price - sight.best[k, near]), side * (price - sight.micro[k])) for k in rows]


def test_rules_withdraw_at_the_first_change_seen_that_they_mean(seen: ObservedRequests) -> None:
    edges = np.array((W.THROUGH_ONLY, 0.3, -0.2))
    fired = W.by_edge(seen, edges)
    for i in range(0, len(seen.requests), 11):
        for k, edge in enumerate(edges):
            first = next((t for t, barrier, e in seen_edges(seen, i) if barrier <= 0 or e < edge), NEVER)
            assert fired[i, k] == first
    risks = W.by_risk(seen, Parameters.load().table[0], np.array((0.01, 0.3)))
    assert (risks[:, 0] <= risks[:, 1]).all() and (risks[:, 1] <= fired[:, 0]).all()
    assert (risks[:, 0] < risks[:, 1]).any()


@pytest.mark.parametrize("model", [LIQUIDITY_PROVIDER, RISK_AVERSE])
def test_models_withdraw_by_the_margin_of_the_service(seen: ObservedRequests, model: int) -> None:
    table = Parameters.load().table
    quotes = P.decide_quotes(seen, ASSUMED, 0.5, table, 0, model, True, 0.01)
    fired = W.by_value(seen, table[0], quotes)
    work, survival = np.zeros(WORK_WORDS), np.zeros(H.N_BINS)
    assert (fired < NEVER).any()
    for i in range(0, len(seen.requests), 17):
        ts, side = int(seen.requests.ts_ns[i]), float(seen.requests.side[i])
        expected, rows = NEVER, {int(t): k for k, t in enumerate(seen.sight.ts_ns)}
        for t, barrier, edge in seen_edges(seen, i):
            elapsed_ms = (t - ts) / 1e6
            if elapsed_ms >= quotes.lifetime_ms[i]:
                break
            x = seen.sight.x[rows[t]]
            remaining_base(table[0], x, side, work)
            at = (x, work, float(barrier), edge, elapsed_ms, quotes.lifetime_ms[i] - elapsed_ms, survival)
            if remaining_margin(table[0], model, quotes.policy, quotes.stakes[i], *at) < 0:
                expected = t
                break
        assert fired[i] == expected


def test_what_reaches_the_desk_first_counts(seen: ObservedRequests) -> None:
    days, n, r = [(seen, O.follow_quotes(seen, 1.0, 0.1))], len(seen.requests), seen.requests
    long, fired = [np.full(n, 9_000.0)], [W.by_edge(seen, np.array([W.THROUGH_ONLY]))[:, 0]]
    kept, withdrawn = (apply_policy(days, long, times, 0.5) for times in (None, fired))
    cancel = apply_policy(days, long, fired, 0.5, "cancel")
    arrival = days[0][1].arrival_ns[np.arange(n), r.kinds(0.5)]
    decided = np.where(fired[0] < NEVER, fired[0] - r.ts_ns + r.own_ns, NEVER)
    np.testing.assert_array_equal(withdrawn.filled, kept.filled & (arrival < decided))
    assert withdrawn.filled.sum() < cancel.filled.sum() <= kept.filled.sum()
    assert not (withdrawn.withdrawn & withdrawn.filled).any() and withdrawn.withdrawn.sum() > 5
    np.testing.assert_array_equal(~np.isnan(withdrawn.refused_net), kept.filled & ~withdrawn.filled)


def test_a_share_of_the_snipers_anticipates() -> None:
    r = draw_requests(ASSUMED, 0, 10**12, 40_000, np.random.default_rng(2))
    shares = np.bincount(r.kinds(0.6, 0.25), minlength=3) / len(r)
    assert shares == pytest.approx([0.4, 0.45, 0.15], abs=0.01)


def test_races_are_lost_to_faster_snipers() -> None:
    lost = [replace(ASSUMED, reaction_ms=ms).race_lost() for ms in (0.1, 1.0, 20.0)]
    assert lost == sorted(lost, reverse=True) and lost[0] > 0.3 and lost[-1] < 0.001
    assert ASSUMED.context(0, 0.5)[S.CLIENT_RACE_LOST] == ASSUMED.race_lost()


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
    assert printed.out.count("AAA") == 13 + 1 and "BBB: 600 requests" in printed.err
    found = json.loads((out / "report.json").read_text())["symbols"]["AAA"]
    assert found["tuned_on"] == ["2020-01-02"] and found["tested_on"] == ["2020-01-03"]
    assert found["policies"] == found["by_informed_share"]["0.5"]["policies"]
    needed = {"fill_rate", "pickoff_rate", "net_per_request", "net_low", "net_high", "mean_lifetime_ms"}
    needed |= {"closed_share", "withdrawn_share", "refused_genuine", "above_per_account"}
    rules = (f"{name}_{rule}" for name in (*PAIRED, "tuned_per_account") for rule in ("through", "edge", "risk"))
    behind = ("liquidity_provider_free_withdrawal", *(f"{name}_without_withdrawal" for name in MODELS))
    others = ("oracle", "clairvoyant", "inverse_variance", "logistic_imbalance", "fixed_500ms")
    for name in (*MODELS, *PAIRED, *rules, *behind, *others):
        assert needed <= set(found["policies"][name])
    assert found["policies"]["fixed_best_per_account"]["closed_share"] == 0.0
    assert found["policies"]["oracle"]["closed_share"] == pytest.approx(1.0)
    assert {p["withdrawn_share"] for name, p in found["policies"].items() if name.endswith("without_withdrawal")} == {0}
    assert set(found["anticipating"]["policies"]) >= set(MODELS)
    frontier, grid = found["frontier"], found["latencies"]
    assert [p["withdrawn_share"] for p in frontier] == sorted((p["withdrawn_share"] for p in frontier), reverse=True)
    assert len(grid) == 12 and {cell["own_ms"] for cell in grid} == {0.1, 0.5, 2.0}
    assert all(len(ms) == 5 for ms in found["lifetimes_by_volatility"].values())
    for name in PAIRED:
        assert found["paired"][name]["low"] <= found["paired"][name]["difference"] <= found["paired"][name]["high"]
    best = max(p["net_per_request"] for p in found["policies"].values())
    assert found["policies"]["clairvoyant"]["net_per_request"] == best
    page = (out / "report.html").read_text()
    assert page.count("data-figure=") == 2 * (1 + 2 + 2 + 5)
    assert "snipers anticipate" in page and "an assumption, not a measurement" in page
    assert page.index("AAA: net per request") < page.index("Above the best fixed lifetime per client")
    assert f"{out / 'report.html'} written\nnext: quotelife report desk" in printed.out


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
    few = BacktestOptions(requests=100, tuning_requests=100)
    assert run_command("backtest", lambda: run(data, None, days, tune, tmp_path / "out", ASSUMED, few)) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("backtest:") and expected in error


def test_assumptions_are_parsed() -> None:
    right = assumptions("0.5,0.2", "1000,0.5,0.6", "200,1,0.1", latency_ms=0.3, firm_until="cancel")
    assert (
        right.firm_until == "cancel"
        and right.informed == (0.5, 0.2)
        and right.accounts[0].response_ms == 1000.0
        and right.latency_ms == 0.3
    )
    for wrong in (("2", "1,1,1"), ("x", "1,1,1"), ("0.5", "1,1"), ("0.5", "0,1,1"), ("0.5", "1,1,2")):
        with pytest.raises(DataError, match="allowed: "):
            assumptions(wrong[0], wrong[1], "200,1,0.1")
    with pytest.raises(DataError, match="--firm-until later: allowed: decision, cancel"):
        assumptions("0.5", "1,1,1", "1,1,1", firm_until="later")
