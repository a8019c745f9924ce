"""Names declared once, and the sections that need an entry for each."""

from quotelife.config.client_sections import Tiers
from quotelife.config.expiry import ClientPriority, Models
from quotelife_models import enums as E


def test_the_index_of_a_name_in_journals_never_changes():
    assert E.MODELS[:3] == ("client_priority", "risk_averse", "liquidity_provider")
    assert E.TIERS[:3] == ("strategic", "ordinary", "restricted")
    assert E.PHASES[:5] == ("continuous", "open", "close", "auction", "closed")
    assert E.MARKET_STATES[:6] == ("calm", "active", "stressed", "news", "auction", "closed")
    assert E.SIDES == ("two_way", "buy", "sell")
    assert (E.LIQUIDITY_PROVIDER, E.RESTRICTED, E.PHASE_CLOSED, E.MARKET_CLOSED, E.SELL) == (2, 2, 4, 5, 2)


def test_no_section_is_for_an_unknown_expiry_model():
    assert set(Models.__struct_fields__) == set(E.MODELS)


def test_every_tier_has_terms_and_a_loss_budget():
    assert Tiers.__struct_fields__ == E.TIERS
    assert len(ClientPriority().tier_factor) == len(E.TIERS)
