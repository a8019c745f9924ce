"""For any input the API returns a lifetime or a problem, never an internal error."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quotelife.api.expiry_handler import ExpiryHandler
from quotelife.api.messages import ExpiryRequest
from quotelife.http.problems import Problem
from tests.unit.api.api_rig import BODY, ApiRig

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*ExpiryRequest.__struct_fields__, "id", "other"])
NUMBERS = st.decimals(allow_nan=True).map(str) | st.floats() | st.integers()
LIKELY = st.sampled_from(["BTC-USD", "ETH-USD", "Fund", "buy", "sell", "two_way", "risk_averse", "1.5", "100"])
LEGS = st.lists(
    st.fixed_dictionaries({"symbol": LIKELY, "side": LIKELY}, optional={"ratio": st.integers(-1, 2000)}), max_size=9
)


@pytest.fixture(scope="module")
def handler() -> Iterator[ExpiryHandler]:
    with tempfile.TemporaryDirectory() as folder:
        rig = ApiRig(Path(folder))
        rig.calculator.clients["Ordinary"].allow_request = lambda _: True
        yield ExpiryHandler(rig.calculator, rig.metrics, 100, lambda: (rig.rig.wall_ns, rig.rig.mono_ns))


def check(answer) -> None:
    """The response, or the problem raised instead, is valid JSON and no server error."""
    try:
        body = answer()
    except Problem as problem:
        assert 400 <= problem.status < 500, problem.document()
        body = problem.response().body
    json.loads(body)


@settings(deadline=None, max_examples=150)
@given(ANYTHING)
def test_any_json_gets_an_answer(handler, value):
    body = json.dumps(value).encode()
    check(lambda: handler.expiry(body))
    check(lambda: handler.batch(body, lambda _: None))
    check(lambda: handler.stream(body))


@settings(deadline=None, max_examples=150)
@given(st.dictionaries(FIELDS, LIKELY | NUMBERS | LEGS | ANYTHING, max_size=4))
def test_any_field_values_get_an_answer(handler, changes):
    body = json.dumps({**BODY, **changes}).encode()
    check(lambda: handler.expiry(body))
    check(lambda: handler.batch(b"[%b]" % body, lambda _: None))
    check(lambda: handler.stream(body))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_get_an_answer(handler, body):
    check(lambda: handler.expiry(body))
    check(lambda: handler.batch(b"[" + body + b"]", lambda _: None))
    check(lambda: handler.stream(body))
