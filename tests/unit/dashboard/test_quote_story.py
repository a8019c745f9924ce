"""The explanation of a quote for the page: sentence, curve, features by contribution, timeline."""

import pytest

from quotelife.dashboard.quote_story import QuoteStories
from tests.unit.dashboard.desk_rig import DeskRig
from tests.unit.explain.test_explain import write_random_parameters
from tests.unit.rfq import rfq_rig


@pytest.fixture
def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(rfq_rig, "write_parameters", write_random_parameters)
    return DeskRig(tmp_path)


def story(rig, quote_id):
    rig.record()
    found = QuoteStories(rig.config).read(quote_id)
    assert found is not None
    return found


def told(found) -> list[str]:
    return [event["event"] for event in found["timeline"]]


def at_us(found, event: str) -> float:
    return next(each["at_us"] for each in found["timeline"] if each["event"] == event)


def test_a_fill_is_told_from_request_to_markout(rig):
    rig.sleep(5_000)
    quote = rig.fill("r1", after_ms=12.5)
    for _ in range(60):
        rig.sleep(200)
        rig.record()
    found = story(rig, quote)
    sentence = found["sentence"]
    assert sentence.startswith("Ordinary asked to buy 1.5 BTC (BTC-USD); the desk quoted ") and ". " not in sentence
    assert "(liquidity provider: " in sentence and "it was filled after 12 ms" in sentence
    assert (found["outcome"], found["hit_ms"], found["withdrawn_ms"]) == ("filled", pytest.approx(12.5), None)
    assert told(found)[:3] == ["request received", "quote decided", "hit received"]
    assert at_us(found, "hit received") == pytest.approx(12_500)
    assert at_us(found, "markout 1s") == pytest.approx(1_012_500)
    assert found["curve"]["ms"][0] == 25 and found["curve"]["pick_off"] == sorted(found["curve"]["pick_off"])


def test_features_come_by_contribution_in_units_of_a_trader(rig):
    found = story(rig, rig.ask("r1")["117"])
    sizes = [abs(feature["log_odds"]) for feature in found["features"]]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > 0
    [depth] = [f for f in found["features"] if f["name"] == "bid_depth_1, ask_depth_1, average_trade"]
    assert depth["value"] is None and [part["unit"] for part in depth["parts"]] == ["BTC"] * 3
    values = {value["name"]: value["value"] for value in found["explanation"]["features"]}
    assert depth["parts"][0]["value"] == pytest.approx(values["bid_depth_1"] * 0.001)
    [spread] = [f for f in found["features"] if f["name"] == "spread"]
    assert (spread["value"], spread["unit"], spread["meaning"]) == (2.0, "ticks", "best offer minus best bid")


@pytest.mark.parametrize("in_ring", [True, False])
def test_a_withdrawal_has_its_moment_and_what_caused_it(rig, in_ring):
    quote = rig.ask("r1")["117"]
    rig.sleep(3)
    rig.shift_book(40)
    rig.run_timers()
    if not in_ring:
        rig.record()
        rig.journal.unlink()
    found = story(rig, quote)
    assert found["outcome"] == "withdrawn" and found["withdrawn_ms"] == pytest.approx(3.0)
    assert "the desk withdrew it after 3 ms, because " in found["sentence"]
    assert at_us(found, "quote withdrawn") == pytest.approx(3_000)
    assert ("market left the quote" in told(found)) == in_ring


def test_other_ends_are_told_plainly(rig):
    passed, cancelled, late, unhit = (rig.ask(f"r{n}")["117"] for n in range(4))
    rig.send("AJ", f"693=a|117={passed}|694=6")
    rig.send("Z", f"117={cancelled}|298=1")
    rig.sleep(11_000)
    rig.send("AJ", f"693=b|117={late}|694=1")
    rig.wall_ns += 10**9
    assert "its client passed after 0 ms" in story(rig, passed)["sentence"]
    assert "and its client cancelled it after 0 ms." in story(rig, cancelled)["sentence"]
    assert "a hit after 11.00 s was refused as late" in story(rig, late)["sentence"]
    assert told(story(rig, late))[-1] == "hit received, late" and story(rig, unhit)["hit_ms"] is None


def test_a_multileg_is_explained_leg_by_leg(rig):
    multileg = "55=[N/A]|54=1|38=3|555=2|600=BTC-USD|623=1|624=1|600=ETH-USD|623=2|624=2|20001=CLIENT_PRIORITY"
    found = story(rig, rig.ask("p", multileg, "FUND")["117"])
    assert found["sentence"].startswith("Fund asked to buy 3 of +1 BTC-USD -2 ETH-USD; the desk quoted ")
    assert {feature["name"].split()[0] for feature in found["features"]} == {"BTC-USD", "ETH-USD"}


def test_an_unknown_quote_has_no_story(rig):
    assert QuoteStories(rig.config).read("none") is None
