"""The refusals that journals on disk refer to by index."""

from quotelife.decision.refusal import REFUSALS


def test_the_index_of_a_refusal_in_journals_never_changes():
    assert REFUSALS[:20] == (
        "unknown_symbol", "unknown_client", "not_authorised", "malformed", "duplicate", "rate_limited",
        "size_over_limit", "closed", "no_book", "stale_book", "halted", "one_sided", "crossed", "risk", "not_useful",
        "internal_error", "busy", "stopped_by_desk", "unsupported_field", "price_limit",
    )  # fmt: skip
