"""History rows from journal records: indices become the names of a configuration."""

from collections.abc import Sequence
from math import isnan

from quotelife.config import Config
from quotelife.journal import layout as J
from quotelife.journal.names import RecordNames
from quotelife.journal.record import DecidedSide, Record, decisive_side
from quotelife.ledger.history import ClientRejectRow, HitRow, LegRow, PassRow, QuoteRow
from quotelife.ledger.quote_state import FILLED, INDICATIVE, OPEN, PASSED, REFUSED, WITHDRAWN, QuoteState
from quotelife.metrics.labels import CANCEL_REASONS, CLIENT_REJECTS, HIT_OUTCOMES, PASS_KINDS
from quotelife_models import schema as S
from quotelife_models.enums import MODELS

_UNKNOWN = "unknown"
_STATES: dict[int, QuoteState] = {J.KIND_QUOTE: OPEN, J.KIND_INDICATIVE: INDICATIVE}


class HistoryRows:
    """Makes rows with the names that a record's configuration had; `refusals` are names by journal index, `symbols`
    those of `config`.

    The history assigns the numbers of the rows.
    """

    def __init__(self, config: Config, refusals: Sequence[str]) -> None:
        self._refusals = refusals
        self.symbols = [i.symbol for i in config.instrument]
        self.names = RecordNames(config)

    def quote(self, record: Record, sides: list[DecidedSide]) -> QuoteRow:
        """The row of a quote or a reject; `sides` are the record's."""
        quoted = record.kind != J.KIND_REJECT
        return QuoteRow(
            number=0,
            quote_id=record.quote_id or None,
            request_id=record.request_id,
            session=self.names.session(record),
            client=self.names.client(record),
            symbol=self.names.symbol(record),
            side=record.side,
            bid_ticks=record.bid_ticks,
            offer_ticks=record.offer_ticks,
            quantity_lots=record.quantity_lots,
            legs=int(sides[0].context[S.LEGS]) if sides else 1,
            model=MODELS[record.model] if sides else None,
            reason=decisive_side(sides).reason if quoted and sides else known_name(self._refusals, record.outcome),
            lifetime_ns=record.lifetime_ns if quoted else 0,
            wall_ns=record.wall_ns,
            valid_until_ns=record.valid_until_ns,
            p_one_tick=max((side.one_tick_probability for side in sides), default=None),
            p_pick_off=max((side.pick_off_probability for side in sides), default=None),
            parameters=record.parameters,
            state=_STATES.get(record.kind, REFUSED),
            because=None,
            ended_ns=None,
        )

    def client_reject(self, record: Record) -> ClientRejectRow:
        """The row of a message that its client did not accept."""
        session, kind = self.names.session(record), known_name(CLIENT_REJECTS, record.outcome)
        return ClientRejectRow(record.quote_id, record.request_id, session, kind, record.reject_text, record.wall_ns)

    def symbol(self, record: Record) -> str | None:
        """The instrument of a record; None for a multileg."""
        return self.names.symbol(record)

    def leg(self, record: Record) -> LegRow:
        """The row of a leg."""
        symbol = self.names.symbol(record) or _UNKNOWN
        return LegRow(record.quote_id, symbol, record.leg_weight, record.wall_ns)

    def hit(self, record: Record) -> HitRow:
        """The row of a fill or a refused hit for which no markouts are expected."""
        return HitRow(
            number=0,
            quote_id=record.quote_id,
            response_id=record.request_id,
            outcome=known_name(HIT_OUTCOMES, record.outcome),
            client=self.names.client(record),
            symbol=self.names.symbol(record),
            side=record.side,
            price_ticks=record.price_ticks,
            quantity_lots=record.quantity_lots,
            wall_ns=record.wall_ns,
            mono_ns=record.mono_ns,
            response_ns=record.lifetime_ns,
            unmarked=0,
        )


def reported_pass(record: Record) -> PassRow:
    """The row of a pass."""
    ticks = record.elsewhere_ticks
    kind, price = known_name(PASS_KINDS, record.outcome), None if isnan(ticks) else ticks
    return PassRow(record.quote_id, record.request_id, kind, record.side, price, record.wall_ns)


def final_state(record: Record) -> tuple[QuoteState, int, str | None]:
    """(state, time, reason) of a quote after its fill, cancel or pass."""
    if record.kind == J.KIND_FILL:
        return FILLED, record.wall_ns, None
    if record.kind == J.KIND_CANCEL:
        return WITHDRAWN, record.wall_ns, known_name(CANCEL_REASONS, record.outcome)
    kind = known_name(PASS_KINDS, record.outcome)
    return PASSED, record.wall_ns, None if kind == PASSED else kind


def known_name(names: Sequence[str], index: int) -> str:
    """The name at an index that another version of the service may have written; "unknown" outside the list."""
    return names[index] if 0 <= index < len(names) else _UNKNOWN
