"""The configuration that a quote was decided with, and the rule of it that selected the model."""

from quotelife.config import Config, Rule
from quotelife.config.versions.version import Version, Versions
from quotelife.decision.model_selection import DEFAULT_RULES
from quotelife.explain.document import ConfigurationUsed
from quotelife.explain.lookup import RecordedQuote
from quotelife.journal.record import Record
from quotelife.runtime.clock import utc_timestamp
from quotelife_models import schema as S
from quotelife_models.enums import LIQUIDITY_PROVIDER, MARKET_STATES, MODELS, PHASES, TIERS

_NO_RULE = "no rule held"


class ConfigurationHistory:
    """The versions on disk of the service that `present` configures."""

    def __init__(self, present: Config) -> None:
        self._versions = Versions(present)
        self._last = self._versions.last()

    def of(self, recorded: RecordedQuote) -> Version | None:
        """The version of a quote; None if it is not on disk, or the quote's record is not."""
        return None if recorded.record is None else self._versions.find(recorded.record.configuration)

    def used_for(self, recorded: RecordedQuote, version: Version | None, present: Config) -> ConfigurationUsed | None:
        """The configuration of a decision. Without its version the rule is that of the present file."""
        record = recorded.record
        if record is None:
            return None
        rule = _rule(present if version is None else version.config, recorded, record)
        if version is None:
            return ConfigurationUsed(None, record.configuration, None, False, False, rule)
        in_force = self._last is not None and self._last.hash == version.hash
        return ConfigurationUsed(version.number, version.hash, utc_timestamp(version.wall_ns), in_force, True, rule)


def _rule(config: Config, recorded: RecordedQuote, record: Record) -> str:
    """The first rule that held, as [[rule]] n with its conditions, and what the desk or the request set instead."""
    sides, quote = record.sides, recorded.quote
    if not sides:
        return ""
    context = sides[-1].context
    instruments = config.instrument
    symbols = {instruments[leg.row].symbol for leg in recorded.legs if 0 <= leg.row < len(instruments)}
    symbols |= {quote.symbol} if quote.symbol is not None else set()
    state, phase = MARKET_STATES[record.market_state], PHASES[int(context[S.SESSION_PHASE])]
    tier, legs, size = TIERS[int(context[S.CLIENT_TIER])], context[S.LEGS], context[S.SIZE_AGAINST_TRADE]
    found, model = _NO_RULE, MODELS[LIQUIDITY_PROVIDER]
    for number, rule in enumerate(config.rule or DEFAULT_RULES, 1):
        if (
            (not rule.tier or tier in rule.tier)
            and (not rule.client or quote.client in rule.client)
            and (not rule.instrument or symbols <= set(rule.instrument))
            and legs >= rule.min_legs
            and size >= rule.min_size_against_trade
            and (not rule.phase or phase in rule.phase)
            and (not rule.market or state in rule.market)
        ):
            found, model = f"rule {number}: {_conditions(rule)}", rule.model
            break
    market = ", in a market state held by the desk" if record.is_state_held else ""
    if record.is_model_forced:
        return f"{quote.model} forced by the desk; by {found}, {model}{market}"
    return (found if model == quote.model else f"{quote.model} by request; by {found}, {model}") + market


def _conditions(rule: Rule) -> str:
    parts = [
        f"{name} {' or '.join(values)}"
        for name, values in (
            ("tier", rule.tier),
            ("client", rule.client),
            ("instrument", rule.instrument),
            ("phase", rule.phase),
            ("market", rule.market),
        )
        if values
    ]
    parts += [f"at least {rule.min_legs} legs"] if rule.min_legs > 1 else []
    parts += [f"size at least {rule.min_size_against_trade:g} trades"] if rule.min_size_against_trade else []
    return ", ".join(parts) or "always"
