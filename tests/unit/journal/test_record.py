"""The decoded record: attributes have the values of the layout's fields."""

import numpy as np
import pytest

from quotelife.journal import layout as J
from quotelife.journal.record import Record, decisive_side
from quotelife_models import decide as D
from quotelife_models import schema as S

RENAMED = {
    "row": "instrument",
    "bid_ticks": "bid_px",
    "offer_ticks": "offer_px",
    "quantity_lots": "quantity",
    "leg_ratio": "quantity",
    "decision_ns": "decided_ns",
}
SAME = ("kind", "outcome", "wall_ns", "mono_ns", "client", "session", "side", "model", "market_state")
ALSO_SAME = ("lifetime_ns", "valid_until_ns", "digest")


@pytest.fixture
def record():
    record = Record()
    record.words[:] = np.random.default_rng(5).integers(-(2**62), 2**62, len(record.words))
    return record


@pytest.mark.parametrize("name", [*SAME, *ALSO_SAME, *RENAMED])
def test_an_attribute_has_the_value_of_its_field(record, name):
    fields = record.words.view(J.RECORD.dtype)[0]
    assert getattr(record, name) == fields[RENAMED.get(name, name)]
    setattr(record, name, -7)
    assert fields[RENAMED.get(name, name)] == -7


def test_features_contexts_and_decisions_are_the_fields_of_the_layout(record):
    fields = record.words.view(J.RECORD.dtype)[0]
    views = (record.features, *record.contexts, *record.decisions)
    names = ("features", "bid_context", "offer_context", "bid_decision", "offer_decision")
    for view, name in zip(views, names, strict=True):
        assert view.tobytes() == fields[name].tobytes()


def test_a_record_is_restored_from_its_bytes(record):
    assert Record.from_bytes(record.words.tobytes()).words.tolist() == record.words.tolist()
    with pytest.raises(ValueError):
        Record.from_bytes(record.words[:-1].tobytes())


def test_parameters_are_the_first_digits_of_their_hash():
    record = Record()
    record.words[J.PARAMETERS] = int.from_bytes(bytes.fromhex("f0debc9a78563412"), "little", signed=True)
    assert record.parameters == "f0debc9a78563412"


def test_a_hit_has_the_price_of_the_side_that_was_hit():
    record = Record()
    record.bid_ticks, record.offer_ticks = 10, 20
    record.side = 1
    assert record.price_ticks == 20
    record.side = 2
    assert record.price_ticks == 10


def test_the_decisive_side_is_the_one_with_the_shorter_lifetime():
    record = Record()
    record.kind, record.model = J.KIND_QUOTE, 1
    assert record.sides == []
    for context, decision, lifetime_ns in zip(record.contexts, record.decisions, (7e6, 5e6), strict=True):
        context[S.SIDE], decision[D.OUT_LIFETIME_NS], decision[D.OUT_REASON] = 1.0, lifetime_ns, lifetime_ns / 1e6
    assert [side.name for side in record.sides] == ["bid", "offer"]
    decisive = decisive_side(record.sides)
    assert (decisive.name, decisive.lifetime_ns, decisive.reason_index) == ("offer", 5e6, 5)
    record.model = -1
    assert record.sides == [], "no model has decided"
    record.kind, record.model = J.KIND_FILL, 1
    assert record.sides == [], "a fill has no decision of its own"
