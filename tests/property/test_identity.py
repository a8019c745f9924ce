"""Whatever a request states, it passes only if every stated value is one of the instrument's own."""

from decimal import Decimal, InvalidOperation

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from quotelife.config.instrument_sections import Instrument
from quotelife.decision.refusal import Refusal
from quotelife.rfq.terms.identity import Identity

VALUES = {
    "48": st.sampled_from(["A", "B", "C", ""]),
    "22": st.sampled_from(["4", "8", "1", ""]),
    "167": st.sampled_from(["OPT", "FUT", "FOR", ""]),
    "200": st.sampled_from(["203012", "20301220", "203011", ""]),
    "541": st.sampled_from(["20301220", "20301221", ""]),
    "202": st.one_of(st.sampled_from(["5", "5.0", "05", "5.00000000000000000000001", "NaN", ""]), st.text(max_size=4)),
    "201": st.sampled_from(["0", "1", "2", ""]),
}
stated_fields = st.fixed_dictionaries({}, optional=VALUES)
configured = st.fixed_dictionaries(
    {},
    optional={
        "security_ids": st.dictionaries(st.sampled_from(["4", "8"]), st.sampled_from(["A", "B"])),
        "security_type": st.sampled_from(["OPT", "FUT"]),
        "maturity": st.sampled_from(["203012", "20301220"]),
        "strike": st.sampled_from(["5", "5.00", "7"]),
        "put_or_call": st.sampled_from(["put", "call"]),
    },
)


def number(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def agrees(own: dict, tag: str, value: str, stated: dict[str, str]) -> bool:
    """Whether the instrument has exactly this value, by the meaning of the field."""
    ids = own.get("security_ids", {})
    maturity = own.get("maturity", "")
    return {
        "48": lambda: value in ids.values() if "22" not in stated else ids.get(stated["22"]) == value,
        "22": lambda: "48" in stated and value in ids,
        "167": lambda: value == own.get("security_type"),
        "200": lambda: bool(maturity) and value in (maturity, maturity[:6]),
        "541": lambda: len(maturity) == 8 and value == maturity,
        "202": lambda: "strike" in own and number(value) is not None and number(value) == number(own["strike"]),
        "201": lambda: value == {"put": "0", "call": "1"}.get(own.get("put_or_call", "")),
    }[tag]()  # fmt: skip


@given(configured, stated_fields)
def test_a_request_passes_if_and_only_if_all_of_it_agrees(own, stated):
    raw = {"symbol": "S", "tick": "1", "lot": "1", "venue": "V", **own}
    identity = Identity.of(msgspec.convert(raw, Instrument))
    try:
        identity.check(stated, "spot", str)
        passes = True
    except Refusal:
        passes = False
    assert passes == all(agrees(own, tag, value, stated) for tag, value in stated.items())
