"""Explanations: the sum of the log-odds, reproduced decisions, terminal output and JSON."""

import io
import json
import math

import msgspec
import numpy as np
import pytest
from rich.console import Console

from quotelife.config.expiry import ClientPriority, LiquidityProvider, Models
from quotelife.config.paths import RunPaths, data_paths
from quotelife.config.sections import Paths
from quotelife.explain.attribution import BARRIER, GROUPS, KIND_OF_MOVE, log_odds
from quotelife.explain.command import run
from quotelife.explain.explain import REASON_TEXTS, Explainer
from quotelife.explain.lookup import QuoteLookup
from quotelife.explain.terminal import print_explanation
from quotelife.recorder.history_writer import HistoryWriter
from quotelife.recorder.metrics import RecorderMetrics
from quotelife.recorder.recorder import Recorder
from quotelife_models import decide as D
from quotelife_models import hazard as H
from quotelife_models import policy as P
from quotelife_models import schema as S
from quotelife_models.covariates import COVARIATES, N_BASE, N_COVARIATES
from quotelife_models.enums import LIQUIDITY_PROVIDER
from quotelife_models.parameters import POOLED, Parameters, content_hash
from quotelife_models.reasons import REASONS
from tests.acceptance.parameters import write_parameters
from tests.unit.rfq import rfq_rig
from tests.unit.rfq.rfq_rig import Rig


def write_random_parameters(folder, alpha=-5.0, seed=3):
    """The flat parameters with a random slope for every covariate, and some trees."""
    write_parameters(folder, alpha)
    path = folder / f"{POOLED}.json"
    document = json.loads(path.read_text())
    rng = np.random.default_rng(seed)
    for name in ("beta", "gamma", "centre"):
        document[name] = rng.normal(0.0, 0.1, N_COVARIATES).tolist()
    document["scale"] = rng.uniform(0.5, 3.0, N_COVARIATES).tolist()
    document["trees"] = [_tree(rng) for _ in range(7)]
    document["hash"] = content_hash(document)
    path.write_text(json.dumps(document))
    return folder


def _tree(rng):
    splits = [[int(rng.integers(N_BASE)), float(rng.normal())] for _ in range(H.TREE_NODES)]
    return [*np.ravel(splits).tolist(), *rng.normal(0.0, 0.2, H.TREE_NODES + 1).tolist()]


def market(rng):
    """A random market row; sizes, rates and counts are positive."""
    x = np.abs(rng.normal(0.0, 5.0, S.N_FEATURES))
    for name in ("imbalance_1", "imbalance_5", "trade_flow_imbalance", "news_sentiment"):
        x[S.INDEX[name]] = rng.uniform(-1, 1)
    for name in ("vwap_deviation_100ms", "order_flow_imbalance", "micro_deviation", "correlated_velocity"):
        x[S.INDEX[name]] = rng.normal(0.0, 3.0)
    x[S.SPREAD] = rng.integers(1, 8)
    return x


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_sum_to_the_log_odds_of_the_decisions_own_curve(tmp_path, seed):
    """The sum of the single terms against the survival curve of the decision kernel."""
    rng = np.random.default_rng(seed)
    parameters = Parameters.load(write_random_parameters(tmp_path, seed=seed))
    policy = P.pack(msgspec.structs.asdict(LiquidityProvider()))
    x, ctx, out = market(rng), np.zeros(S.N_CONTEXT), np.zeros(D.OUT_WORDS)
    ctx[S.SIDE], ctx[S.PICK_OFF_BARRIER], ctx[S.CLIENT_RESPONSE] = rng.choice((-1.0, 1.0)), rng.integers(1, 9), 200.0
    bounds = np.array([np.inf, np.inf, np.inf, 0.0])
    D.decide(parameters.table, 0, LIQUIDITY_PROVIDER, policy, x, ctx, bounds, out)
    for curve, barrier in ((D.OUT_CURVE_ONE_TICK, 1.0), (D.OUT_CURVE_PICK_OFF, ctx[S.PICK_OFF_BARRIER])):
        p = out[curve : curve + H.N_BINS]
        hazard = 1 - (1 - p[H.REFERENCE_BIN]) / (1 - p[H.REFERENCE_BIN - 1])
        odds = log_odds(parameters.table[0], policy, x, ctx[S.SIDE], barrier)
        assert odds.constant + odds.news + odds.parts.sum() == pytest.approx(odds.total, abs=1e-12)
        assert odds.constant + odds.news + sum(odds.of(c) for _, c in GROUPS) == pytest.approx(odds.total, abs=1e-12)
        assert odds.total == pytest.approx(math.log(hazard / (1 - hazard)), abs=1e-6)
        assert odds.hazard == pytest.approx(hazard, rel=1e-6)


def test_every_feature_and_every_covariate_is_in_one_group():
    features = [name for group, _ in GROUPS for name in group]
    covariates = [name for _, group in GROUPS for name in group]
    assert sorted(features) == sorted([*S.NAMES, BARRIER, KIND_OF_MOVE])
    assert sorted(covariates) == sorted(COVARIATES)


def test_a_feature_adds_to_its_own_part_only(tmp_path):
    """A change of one feature changes only the parts of its group."""
    rng = np.random.default_rng(1)
    table = Parameters.load(write_random_parameters(tmp_path)).table
    policy = P.pack(msgspec.structs.asdict(LiquidityProvider(news_log_odds=0.0)))
    x = market(rng)
    before = log_odds(table[0], policy, x, 1.0, 3.0)
    for features, covariates in GROUPS:
        for name in set(features) & set(S.NAMES):
            changed = x.copy()
            changed[S.INDEX[name]] *= 0.7
            after = log_odds(table[0], policy, changed, 1.0, 3.0)
            moved = {COVARIATES[i] for i in np.flatnonzero(after.raw[:N_BASE] != before.raw[:N_BASE])}
            scaled = {"order_flow", "far_thinness", "near_thinness"} if name.endswith("depth_1") else set()
            assert moved <= set(covariates) | scaled, name


def test_every_reason_has_a_text():
    assert set(REASON_TEXTS) == set(REASONS)


# --- explanations of quotes


class Explained:
    """A service, its recorder, and explanations of its quotes."""

    def __init__(self, folder):
        self.rig = Rig(folder)
        paths = Paths(run=str(folder), data=str(folder), parameters=str(folder / "parameters"))
        self.config = msgspec.structs.replace(self.rig.config, paths=paths)
        self.history = HistoryWriter(data_paths(self.config).history)
        metrics = RecorderMetrics(folder / "metrics-recorder", self.config)
        self.recorder = Recorder(self.config, self.history, self.rig.journal, RunPaths(folder), metrics)

    def ask(self, n=1):
        """The QuoteID of a quote that is issued with any parameters."""
        return self.rig.ask(f"r{n}", "55=BTC-USD|54=1|38=1.5|20001=CLIENT_PRIORITY", "FUND")["117"]

    def record(self):
        self.recorder.step(self.rig.mono_ns, self.rig.wall_ns)

    def explain(self, quote_id, config=None):
        config = config or self.config
        found = QuoteLookup(config).find(quote_id)
        return None if found is None else Explainer(config).explain(found)


@pytest.fixture
def explained(tmp_path, monkeypatch):
    monkeypatch.setattr(rfq_rig, "write_parameters", write_random_parameters)
    explained = Explained(tmp_path)
    yield explained
    explained.history.close()


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("model", ["CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"])
def test_a_quote_is_explained_from_the_history_and_from_the_ring(explained, model, recorded):
    quote = explained.rig.ask("r1", f"55=BTC-USD|38=1.5|20001={model}", "FUND")
    assert quote["35"] == "S", quote
    if recorded:
        explained.record()
        explained.rig.journal.unlink()
    e = explained.explain(quote["117"])
    given = e.quote
    assert (given.quote_id, given.request_id, given.client, given.session) == (quote["117"], "r1", "Fund", "FUND")
    assert (given.bid, given.offer, given.quantity, given.wants) == (quote["132"], quote["133"], "1.5", "two-way")
    assert (given.model, given.valid_until) == (model.lower(), quote["62"])
    assert given.reason == quote["20003"].lower() and given.reason_in_words
    assert given.lifetime_ms == pytest.approx(int(quote["20004"]) / 1000, abs=0.001)
    assert [side.side for side in e.sides] == ["bid", "offer"]
    (decisive,) = (side for side in e.sides if side.decides)
    assert decisive.lifetime_ms == given.lifetime_ms == min(side.lifetime_ms for side in e.sides)
    assert e.parameters.same and e.parameters.reproduced and e.parameters.differs == []
    assert max(side.one_tick_probability for side in e.sides) == pytest.approx(float(quote["20002"]), abs=1e-6)
    for side in e.sides:
        for predictor in (side.one_tick, side.pick_off):
            rest = predictor.constant + predictor.news
            assert rest + sum(g.log_odds for g in predictor.by_feature) == pytest.approx(predictor.log_odds)
            assert rest + sum(c.log_odds for c in predictor.covariates) == pytest.approx(predictor.log_odds)
            assert any(abs(c.log_odds) > 0.01 for c in predictor.covariates)
    assert [f.name for f in e.features] == list(S.NAMES)
    assert {c.name: c.value for c in decisive.context}["client_tier"] == 0.0


@pytest.mark.parametrize("recorded", [True, False])
def test_a_fill_that_its_client_did_not_accept_is_named(explained, recorded):
    rig, quote_id = explained.rig, explained.ask()
    [fill] = rig.answer("AJ", f"693=h|117={quote_id}|694=1", "FUND").messages
    rig.handler.client_rejects.find_sent = lambda session, seq_num: fill
    rig.send("3", "45=9|58=no such tag", "FUND")
    if recorded:
        explained.record()
    e = explained.explain(quote_id)
    [rejected] = e.became.not_accepted
    exec_id = fill.partition("\x0117=")[2].partition("\x01")[0]
    assert (rejected.kind, rejected.exec_id, rejected.reason) == ("fill", exec_id, "no such tag")
    assert e.became.state == "filled" and f"did not accept the fill {exec_id}" in " ".join(page(e).split())


def test_other_parameters_in_force_are_named(explained):
    quote_id = explained.ask()
    before = explained.explain(quote_id)
    write_random_parameters(explained.rig.journal.parent / "parameters", seed=9)
    after = explained.explain(quote_id)
    assert not after.parameters.same and not after.parameters.reproduced
    assert after.parameters.recorded == before.parameters.in_force != after.parameters.in_force
    assert after.sides[0].curve == before.sides[0].curve, "the recorded one"
    assert f"{after.parameters.explained_with} ({after.parameters.used})" in page(after)


def test_a_changed_policy_is_named(explained):
    quote_id = explained.ask()
    models = Models(client_priority=ClientPriority(target_fill=0.5))
    e = explained.explain(quote_id, msgspec.structs.replace(explained.config, models=models))
    assert e.parameters.same and not e.parameters.reproduced
    assert any("model_lifetime_ms" in name for name in e.parameters.differs)
    assert "[models]" in page(e)


def test_the_newest_come_first_whether_recorded_or_not(explained):
    given = []
    for n in range(4):
        given.append(explained.ask(n))
        if n == 1:
            explained.record()
    lookup = QuoteLookup(explained.config)
    assert lookup.newest(3) == given[:0:-1] and lookup.newest(10) == given[::-1]
    assert lookup.find("nonsense") is None


def test_a_quote_of_a_removed_instrument_is_shown_in_ticks(explained):
    quote_id = explained.ask()
    explained.record()
    explained.rig.journal.unlink()
    others = [i for i in explained.config.instrument if i.symbol != "BTC-USD"]
    e = explained.explain(quote_id, msgspec.structs.replace(explained.config, instrument=others))
    assert e.quote.offer.endswith(" ticks") and e.quote.symbol == "BTC-USD"


def test_a_quote_without_its_record_is_still_explained(explained):
    quote_id = explained.ask()
    explained.record()
    explained.rig.journal.unlink()
    explained.history._db.execute("UPDATE quotes SET record = NULL")
    explained.history.commit()
    e = explained.explain(quote_id)
    assert e.sides == [] and e.parameters is None and e.quote.quote_id == quote_id
    assert quote_id in page(e) and "realised_volatility_10s" not in page(e)


# --- multilegs

SPREAD = "555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2"  # in ticks of 0.01: 50 BTC-USD less 2 ETH-USD


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("model", ["CLIENT_PRIORITY", "RISK_AVERSE", "LIQUIDITY_PROVIDER"])
def test_a_multileg_is_explained_by_its_legs(explained, model, recorded):
    body = f"131=r1|146=1|55=CAL|54=1|38=3|{SPREAD}|20001={model}"
    [given] = explained.rig.send("R", body, "FUND")
    if given["35"] != "S":
        pytest.skip(given["58"])
    explained.rig.send("AJ", f"693=h|117={given['117']}|694=1", "FUND")
    if recorded:
        explained.record()
        explained.rig.journal.unlink()
    e = explained.explain(given["117"])
    assert (e.quote.symbol, e.quote.offer, e.quote.quantity, e.quote.legs) == ("CAL", given["133"], "3", 2)
    assert e.became.hits[0].price == given["133"] and e.became.hits[0].quantity == "3"
    assert [(leg.symbol, leg.gets, leg.ratio, leg.weight) for leg in e.legs] == [
        ("BTC-USD", True, 1, 50),
        ("ETH-USD", False, 2, 2),
    ]
    assert float(e.legs[0].offer) - 2 * float(e.legs[1].bid) == pytest.approx(float(given["133"]))
    assert e.parameters.same and e.parameters.reproduced, e.parameters.differs
    [side] = e.sides
    assert (
        side.one_tick is None and side.pick_off is None and [leg.symbol for leg in side.legs] == ["BTC-USD", "ETH-USD"]
    )
    assert side.one_tick_probability >= max(leg.one_tick_probability for leg in side.legs) - 1e-12
    assert side.pick_off_probability >= max(leg.pick_off_probability for leg in side.legs) - 1e-12
    barrier = {c.name: c.value for c in side.context}["pick_off_barrier"]
    for leg, told in zip(side.legs, e.legs, strict=True):
        assert leg.pick_off.barrier_ticks == math.ceil(barrier / told.weight)
        for predictor in (leg.one_tick, leg.pick_off):
            rest = predictor.constant + predictor.news
            assert rest + sum(g.log_odds for g in predictor.by_feature) == pytest.approx(predictor.log_odds)
    text = page(e)
    together = f"{side.one_tick_probability:.2%}", f"{side.pick_off_probability:.2%}"
    alone = [f"{leg.pick_off_probability:.2%}" for leg in side.legs]
    for value in (*together, *alone, e.parameters.recorded, "-2", "BTC-USD", "ETH-USD", "order_flow_imbalance"):
        assert value in text, value
    assert json.loads(msgspec.json.encode(e))["legs"][1]["features"][0]["name"] == "spread"


def test_one_leg_is_explained_like_the_instrument(explained):
    alone = explained.explain(explained.ask())
    body = "131=p|146=1|54=1|38=1.5|555=1|600=BTC-USD|624=1|20001=CLIENT_PRIORITY"
    [given] = explained.rig.send("R", body, "FUND")
    [packed] = explained.explain(given["117"]).sides
    assert packed.legs[0].pick_off == alone.sides[0].pick_off and packed.legs[0].one_tick == alone.sides[0].one_tick
    assert packed.legs[0].one_tick_probability == pytest.approx(alone.sides[0].one_tick_probability)
    assert packed.legs[0].pick_off_probability == pytest.approx(packed.pick_off_probability)


def test_a_multileg_with_a_removed_leg_is_still_explained(explained):
    [given] = explained.rig.send("R", f"131=r|146=1|55=CAL|54=1|38=3|{SPREAD}|20001=CLIENT_PRIORITY", "FUND")
    others = [i for i in explained.config.instrument if i.symbol == "BTC-USD"]
    e = explained.explain(given["117"], msgspec.structs.replace(explained.config, instrument=others))
    assert e.quote.offer.endswith(" ticks") and e.sides == [] and given["117"] in page(e)


# --- terminal output and the command


def page(explanation) -> str:
    out = io.StringIO()
    print_explanation(Console(file=out, width=100), explanation)
    return out.getvalue()


def test_the_page_shows_features_sum_curve_and_outcome(explained):
    e = explained.explain(explained.rig.ask("r1", "55=BTC-USD|38=1.5|20001=RISK_AVERSE", "FUND")["117"])
    text = page(e)
    for words in (
        e.quote.quote_id,
        "Fund (FUND): two-way 1.5 BTC-USD",
        *(f"{side.side} {side.lifetime_ms:.1f} ms" for side in e.sides),
        "realised_volatility_10s",
        f"{next(side for side in e.sides if side.decides).one_tick.log_odds:+.3f}",
        f"{e.parameters.recorded} ({e.parameters.used})",
        "< lifetime",
        "client_informed_share",
        "client_race_lost",
        e.quote.reason_in_words,
        "expired",
    ):
        assert words in text, words
    assert max(len(line) for line in text.splitlines()) <= 100


def test_the_command_in_json(explained, capsys):
    first, second = (explained.ask(n) for n in range(2))
    assert run(explained.config, first, 0, True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["quote"]["quote_id"] == first
    assert document["features"][0] == {
        "name": "spread",
        "unit": "ticks",
        "value": document["features"][0]["value"],
        "meaning": "best offer minus best bid",
    }
    assert run(explained.config, None, 5, True) == 0
    assert [e["quote"]["quote_id"] for e in json.loads(capsys.readouterr().out)] == [second, first]


def test_the_command_names_a_missing_quote(explained, capsys):
    assert run(explained.config, None, 5, False) == 1
    assert str(data_paths(explained.config).directory) in capsys.readouterr().err
    assert run(explained.config, "Q-none", 0, False) == 1
    assert capsys.readouterr().err.startswith("quotelife: no quote Q-none")
