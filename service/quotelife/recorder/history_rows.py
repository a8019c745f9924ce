"""From a journal record to a row of the history: indices become names, those of the configuration."""

from quotelife.config import Config
from quotelife.journal import layout as J
from quotelife.journal.decided import Side, weaker
from quotelife.journal.ring import Record
from quotelife.ledger import history as H
from quotelife.metrics.labels import CANCEL_REASONS, HIT_OUTCOMES, REFUSALS
from quotelife_models import decide as D
from quotelife_models import schema as S
from quotelife_models.policy import MODELS
from quotelife_models.reasons import REASONS

LATE = "late"  # of HIT_OUTCOMES
_UNKNOWN = "unknown"
_BUYS = 1  # FIX Side (54)


class Rows:
    """Reads records with the names of one configuration. Rows get their number from the history."""

    def __init__(self, config: Config) -> None:
        self.symbols = [i.symbol for i in config.instrument]
        self._clients = [client.name for client in config.client]
        self._sessions = [session for client in config.client for session in client.sessions]

    def quote(self, record: Record, decided: list[Side]) -> H.Quote:
        """The row of a quote or a reject; `decided` are its sides."""
        words: list[int] = record.words[: J.QUOTE_ID].tolist()
        given = words[J.KIND] == J.KIND_QUOTE
        if given and decided:
            reason = REASONS[int(weaker(decided).decision[D.OUT_REASON])]
        else:
            reason = named(REFUSALS, words[J.OUTCOME])
        return H.Quote(
            number=0,
            quote_id=record.quote_id or None,
            request_id=record.request_id,
            session=at(self._sessions, words[J.SESSION] - 1),
            client=at(self._clients, words[J.CLIENT]),
            symbol=at(self.symbols, words[J.INSTRUMENT]),
            side=words[J.SIDE],
            bid_ticks=words[J.BID_PX],
            offer_ticks=words[J.OFFER_PX],
            quantity_lots=words[J.QUANTITY],
            legs=int(decided[0].context[S.LEGS]) if decided else 1,
            model=MODELS[words[J.MODEL]] if decided else None,
            reason=reason,
            lifetime_ns=words[J.LIFETIME_NS] if given else 0,
            wall_ns=words[J.WALL_NS],
            valid_until_ns=words[J.VALID_UNTIL_NS],
            p_one_tick=max((float(s.decision[D.OUT_P_ONE_TICK]) for s in decided), default=None),
            p_pick_off=max((float(s.decision[D.OUT_P_PICK_OFF]) for s in decided), default=None),
            parameters=parameters_text(words[J.PARAMETERS]),
            state=H.OPEN if given else H.REFUSED,
            because=None,
            ended_ns=None,
        )

    def leg(self, record: Record) -> H.Leg:
        """The row of a leg."""
        words = record.words
        symbol = at(self.symbols, int(words[J.INSTRUMENT])) or _UNKNOWN
        return H.Leg(record.quote_id, symbol, int(words[J.LEG_WEIGHT]), int(words[J.WALL_NS]))

    def hit(self, record: Record) -> H.Hit:
        """The row of a fill or a refused hit, not to be marked."""
        words = record.words
        side = int(words[J.SIDE])
        return H.Hit(
            number=0,
            quote_id=record.quote_id,
            response_id=record.request_id,
            outcome=named(HIT_OUTCOMES, words[J.OUTCOME]),
            client=at(self._clients, int(words[J.CLIENT])),
            symbol=at(self.symbols, int(words[J.INSTRUMENT])),
            side=side,
            price_ticks=int(words[J.OFFER_PX if side == _BUYS else J.BID_PX]),
            quantity_lots=int(words[J.QUANTITY]),
            wall_ns=int(words[J.WALL_NS]),
            mono_ns=int(words[J.MONO_NS]),
            response_ns=int(words[J.LIFETIME_NS]),
            unmarked=0,
        )


def ending(record: Record) -> tuple[str, int, str | None]:
    """(state, when, why) of a quote after its fill, cancel or pass."""
    words = record.words
    at_ns = int(words[J.WALL_NS])
    if words[J.KIND] == J.KIND_FILL:
        return H.FILLED, at_ns, None
    if words[J.KIND] == J.KIND_CANCEL:
        return H.WITHDRAWN, at_ns, named(CANCEL_REASONS, words[J.OUTCOME])
    return H.PASSED, at_ns, None


def parameters_text(word: int) -> str:
    """The PARAMETERS word of a record as the digits of the hash that it was made from."""
    return (word & (2**64 - 1)).to_bytes(8, "little").hex()


def at(names: list[str], index: int) -> str | None:
    """The name at an index, None where there is none."""
    return names[index] if 0 <= index < len(names) else None


def named(names: tuple[str, ...], index: int) -> str:
    """The name at an index that another version of the service may have written."""
    return names[index] if 0 <= index < len(names) else _UNKNOWN
