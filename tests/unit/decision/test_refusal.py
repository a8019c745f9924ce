"""The refusals that journals on disk refer to by index, and what a client reads of a missing market."""

from quotelife.decision.refusal import REFUSALS, no_market
from quotelife.market.board import layout as L


def test_the_index_of_a_refusal_in_journals_never_changes():
    assert REFUSALS[:20] == (
        "unknown_symbol", "unknown_client", "not_authorised", "malformed", "duplicate", "rate_limited",
        "size_over_limit", "closed", "no_book", "stale_book", "halted", "one_sided", "crossed", "risk", "not_useful",
        "internal_error", "busy", "stopped_by_desk", "unsupported_field", "price_limit",
    )  # fmt: skip


def test_a_venue_that_was_never_logged_on_has_no_time_since_when():
    wall_ns, mono_ns = 1_800_000_000_000_000_000, 60_000_000_000  # the machine has run for a minute
    never = no_market("A", L.STATUS_DISCONNECTED, 0, wall_ns, mono_ns)
    assert never.text == "no market for A: its venue has not been connected yet"
    lost = no_market("A", L.STATUS_DISCONNECTED, mono_ns - 1_000_000_000, wall_ns, mono_ns)
    assert lost.text == "no market for A: its venue has been disconnected since 20270115-07:59:59.000000"
