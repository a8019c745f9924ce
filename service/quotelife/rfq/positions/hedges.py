"""Hedges: what the desk's own order management reports of its trades, as FIX messages of a session with that role.

    ExecutionReport (8)       a trade (150=F, in FIX.4.2 or with ExecTransType (20) also 150=1 or 2), its cancel (150=H;
                              20=1) or correction (150=G; 20=2), which name it in ExecRefID (19). One that is booked
                              has no answer, as usual; one that is not is answered by a DontKnowTrade (Q). Reports of an
                              order's other states are no trades and change nothing; one with an unknown state is
                              refused if it has a LastQty (32).
    TradeCaptureReport (AE)   a new trade, its cancel (487=1) or replacement (487=2), which name it in TradeReportRefID
                              (572). Answered by a TradeCaptureReportAck (AR). Not in FIX.4.2, which has none of them.

Side (54) is the desk's. Each report counts once: by ExecID (17) or TradeReportID (571) within a day, that of the trade,
or else of its first sending. It is on disk before it is answered.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from quotelife.fix.versions import NO_SYMBOL
from quotelife.ledger.position_tables import (
    CANCEL,
    CORRECT,
    TRADE,
    ChangeConflict,
    PositionChange,
    UnknownTrade,
)
from quotelife.logs import LogEvent, event_logger
from quotelife.rfq import messages
from quotelife.rfq.positions.keeper import PositionKeeper
from quotelife.runtime.clock import utc_timestamp

logger = event_logger(__name__)
EXECUTION_REPORT, TRADE_CAPTURE_REPORT = "8", "AE"
_SIGNS = {"1": 1, "2": -1, "5": -1, "6": -1}  # Side (54): buy, sell, sell short, sell short exempt
_UNDISCLOSED = "7"  # Side (54) in an answer to a report that has none
_EXECUTIONS = {"F": TRADE, "G": CORRECT, "H": CANCEL}  # ExecType (150)
_OTHER_STATES = frozenset("03456789ABCDEIL")  # ExecType (150) of an order in which nothing is dealt
_TRANSACTIONS, _STATUS = {"0": TRADE, "1": CANCEL, "2": CORRECT}, "3"  # ExecTransType (20) of FIX.4.2
_CAPTURES = {"": TRADE, "0": TRADE, "1": CANCEL, "2": CORRECT}  # TradeReportTransType (487)
# DKReason (127) and TradeReportRejectReason (751)
_SYMBOL, _SIDE, _REFERENCE, _OTHER = ("A", "1"), ("B", "99"), ("D", "99"), ("Z", "99")
_CONTENT = ("150", "20", "487", "19", "572", "55", "54", "32", "31", "60", "75")  # that make two reports different
_MAX_ID = 64


def is_hedge(msg_type: str, begin_string: str) -> bool:
    """Whether a message is one of the reports; FIX.4.2 has no TradeCaptureReport, nor an answer to it."""
    return msg_type == EXECUTION_REPORT or (msg_type == TRADE_CAPTURE_REPORT and begin_string != "FIX.4.2")


class HedgeReport(NamedTuple):
    """A report as received: its type and fields, and the session that sent it."""

    msg_type: str
    by_tag: dict[str, str]
    session: str


class HedgeRefused(Exception):
    """A report that is not booked; `codes` are its DKReason and its TradeReportRejectReason."""

    def __init__(self, text: str, codes: tuple[str, str] = _OTHER) -> None:
        super().__init__(text)
        self.text, self.codes = text, codes


class Hedges:
    """Books reports. Not under the handler's lock, because each waits for the disk."""

    def __init__(self, keeper: PositionKeeper, count: Callable[[str, str], None]) -> None:
        """`count` counts a report by its session and its outcome, one of HEDGE_OUTCOMES."""
        self._keeper, self._count = keeper, count

    def book(self, report: HedgeReport, wall_ns: int) -> list[str]:
        """Book a report; returns the messages of its answer. Raises nothing."""
        try:
            change = self._change(report, wall_ns)
            if change is not None:
                self._count(report.session, "booked" if self._apply(change) else "repeated")
        except HedgeRefused as refused:
            text, session = "hedge of %s refused: %s", report.session
            logger.warning(LogEvent.HEDGE_REFUSED, text, session, refused.text, session=session)
            return self._refuse(report, refused, wall_ns)
        except Exception:
            text, session = "a hedge of %s could not be booked", report.session
            logger.exception(LogEvent.LEDGER_WRITE_FAILED, text, session, session=session)
            return self._refuse(report, HedgeRefused("not stored, nothing has changed; send it again"), wall_ns)
        return [_acknowledgement(report, wall_ns)] if report.msg_type == TRADE_CAPTURE_REPORT else []

    def _apply(self, change: PositionChange) -> bool:
        """False if it had been applied before."""
        try:
            recorded = self._keeper.apply(change)
        except UnknownTrade as error:
            raise HedgeRefused(str(error), _REFERENCE) from None
        except ChangeConflict as error:
            raise HedgeRefused(str(error)) from None
        if recorded.is_new:
            units = self._keeper.units[change.symbol]
            now = units.quantity(recorded.position.lots)
            text = "hedge %s of %s: position of %s %s"
            logger.info(
                LogEvent.HEDGE_BOOKED, text, change.id, change.source, change.symbol, now, instrument=change.symbol
            )
        return recorded.is_new

    def _change(self, report: HedgeReport, wall_ns: int) -> PositionChange | None:
        """The change that a report is; None if it is no trade. `HedgeRefused` for a report that cannot be booked."""
        get = report.by_tag.get
        is_execution = report.msg_type == EXECUTION_REPORT
        kind = _execution(report.by_tag) if is_execution else _capture(report.by_tag)
        if kind is None:
            return None
        id_ = _required(report, "17" if is_execution else "571")
        ref = _required(report, "19" if is_execution else "572") if kind != TRADE else ""
        symbol = get("55", "")
        units = self._keeper.units.get(symbol)
        if units is None:
            raise HedgeRefused(f"unknown Symbol (55) '{symbol}'", _SYMBOL)
        if get("555", "0") != "0":
            raise HedgeRefused("NoLegs (555) is not read; allowed: one report for each instrument")
        lots, price = 0, None
        if kind != CANCEL:
            sign = _SIGNS.get(get("54", ""))
            if sign is None:
                raise HedgeRefused(f"Side (54) is '{get('54', '')}'; allowed: 1 (buy), 2, 5, 6 (sell)", _SIDE)
            lots = _number("LastQty (32)", get("32", ""), units.lots)
            price = _number("LastPx (31)", get("31", ""), units.price)
            if lots <= 0:
                raise HedgeRefused(f"LastQty (32) is '{get('32', '')}'; allowed: above 0")
            lots *= sign
        day = get("75") or (get("60") or get("122") or get("52") or utc_timestamp(wall_ns))[:8]
        digest = _digest(kind, *(get(tag, "") for tag in _CONTENT))
        text = get("58", "")[:200]
        return PositionChange(report.session, id_, day, digest, kind, "", symbol, lots, price, text, wall_ns, ref)

    def _refuse(self, report: HedgeReport, refused: HedgeRefused, wall_ns: int) -> list[str]:
        self._count(report.session, "refused")
        if report.msg_type == TRADE_CAPTURE_REPORT:
            return [_acknowledgement(report, wall_ns, refused)]
        get = report.by_tag.get
        needed = f"55={get('55') or NO_SYMBOL}\x0154={messages.valid_side(get('54', ''), _UNDISCLOSED)}\x01"
        echoed = needed + "".join(messages.number_field(tag, get(tag, "")) for tag in ("38", "32", "31"))
        return [
            f"8=FIX.4.4\x019=0\x0135=Q\x0137={get('37') or 'NONE'}\x0117={get('17') or 'NONE'}\x01"
            f"127={refused.codes[0]}\x01{echoed}58={refused.text[:250]}\x0110=000\x01"
        ]


def _acknowledgement(report: HedgeReport, wall_ns: int, refused: HedgeRefused | None = None) -> str:
    """TradeCaptureReportAck (AR): accepted, or rejected with a reason."""
    get = report.by_tag.get
    known = (("487", frozenset("012")), ("856", frozenset("0")))  # other values may be none of FIX
    ids = "".join(f"{tag}={get(tag)}\x01" for tag, values in known if get(tag) in values)
    execution = get("150") if get("150") in _EXECUTIONS else "F"
    ref = f"572={get('572')}\x01" if get("572") else ""
    result = "939=0\x01" if refused is None else f"939=1\x01751={refused.codes[1]}\x01"
    symbol = f"55={get('55')}\x01" if get("55") else ""
    text = "" if refused is None else f"58={refused.text[:250]}\x01"
    return (
        f"8=FIX.4.4\x019=0\x0135=AR\x01571={get('571') or 'NONE'}\x01{ids}150={execution}\x01{ref}{result}"
        f"{symbol}60={utc_timestamp(wall_ns)}\x01{text}10=000\x01"
    )


def _execution(by_tag: dict[str, str]) -> str | None:
    """The kind of change of an ExecutionReport; None for a report of another state of an order. `HedgeRefused` for one
    that may be a trade and is not understood."""
    kind, transaction = by_tag.get("150", ""), by_tag.get("20", "0")
    if transaction == _STATUS:
        return None
    is_old = by_tag["8"] == "FIX.4.2" or "20" in by_tag
    execution = TRADE if is_old and kind in ("1", "2") else _EXECUTIONS.get(kind)
    change = _TRANSACTIONS.get(transaction)
    if change == TRADE and (execution is not None or kind in _OTHER_STATES):
        return execution
    if change in (CANCEL, CORRECT) and execution in (None, TRADE, change):
        return change
    if execution is None and not by_tag.get("32", "").strip("0."):
        return None
    said = f"ExecType (150) is '{kind[:20]}'" + (f", ExecTransType (20) '{transaction[:20]}'" if "20" in by_tag else "")
    raise HedgeRefused(f"{said}; allowed for a trade: {'1, 2, ' if is_old else ''}F, its correction G, its cancel H")


def _capture(by_tag: dict[str, str]) -> str:
    """The kind of change of a TradeCaptureReport: by TradeReportTransType, without one by ExecType."""
    transaction, execution = by_tag.get("487", ""), by_tag.get("150", "F")
    kind = _CAPTURES.get(transaction)
    if kind is None:
        raise HedgeRefused(f"TradeReportTransType (487) is '{transaction}'; allowed: 0 (new), 1 (cancel), 2 (replace)")
    if execution not in _EXECUTIONS:
        raise HedgeRefused(f"ExecType (150) is '{execution}'; allowed: {', '.join(_EXECUTIONS)}")
    for tag, name, allowed in (("856", "TradeReportType", "0"), ("552", "NoSides", "1")):
        if by_tag.get(tag, allowed) != allowed:
            raise HedgeRefused(f"{name} ({tag}) is '{by_tag[tag]}'; allowed: {allowed}")
    return kind if transaction else _EXECUTIONS[execution]


def _number(name: str, text: str, convert: Callable[[str], int]) -> int:
    if not messages.is_number(text):
        raise HedgeRefused(f"{name}: '{text[:80]}' is not a number")
    try:
        return convert(text)
    except ValueError as error:
        raise HedgeRefused(f"{name}: {error}") from None


def _required(report: HedgeReport, tag: str) -> str:
    names = {"17": "ExecID", "19": "ExecRefID", "571": "TradeReportID", "572": "TradeReportRefID"}
    value = report.by_tag.get(tag, "")
    if not 0 < len(value) <= _MAX_ID:
        raise HedgeRefused(f"{names[tag]} ({tag}) is '{value[:80]}'; allowed: 1 to {_MAX_ID} characters", _REFERENCE)
    return value


def _digest(*content: str) -> int:
    return int.from_bytes(hashlib.sha256("\x01".join(content).encode()).digest()[:8], "little", signed=True)
