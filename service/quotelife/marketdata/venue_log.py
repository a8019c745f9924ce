"""What the log tells of a venue's session."""

from quotelife.logs import LogEvent, event_logger

logger = event_logger(__name__)


class VenueLog:
    """Of one venue, which is named in every line."""

    def __init__(self, venue: str) -> None:
        self._venue = venue

    def logged_on(self) -> None:
        logger.info(LogEvent.VENUE_LOGGED_ON, "%s: logged on", self._venue, venue=self._venue)

    def ended(self, reason: str) -> None:
        text = "%s: session ended: %s"
        logger.warning(LogEvent.VENUE_SESSION_ENDED, text, self._venue, reason, venue=self._venue)

    def gap(self, expected: int, received: int) -> None:
        text = "%s: sequence gap, MsgSeqNum %d expected, %d received"
        logger.warning(LogEvent.VENUE_SEQUENCE_GAP, text, self._venue, expected, received, venue=self._venue)

    def gap_filled(self, through: int) -> None:
        text = "%s: gap filled through MsgSeqNum %d; subscribing again"
        logger.info(LogEvent.VENUE_GAP_FILLED, text, self._venue, through, venue=self._venue)

    def rejected(self, seq_num: int, reason: str) -> None:
        text = "%s: venue rejected our message with MsgSeqNum %d: %s"
        logger.warning(LogEvent.VENUE_REJECT, text, self._venue, seq_num, reason, venue=self._venue)

    def business_reject(self, reason: str) -> None:
        text = "%s: BusinessMessageReject: %s"
        logger.warning(LogEvent.VENUE_REJECT, text, self._venue, reason, venue=self._venue)

    def delayed(self, late_s: float) -> None:
        text = "%s: venue data delayed by %.3f s; its books are not quoted"
        logger.warning(LogEvent.VENUE_DATA_DELAYED, text, self._venue, late_s, venue=self._venue, late_s=late_s)

    def current(self) -> None:
        text = "%s: venue data no longer delayed"
        logger.warning(LogEvent.VENUE_DATA_CURRENT, text, self._venue, venue=self._venue)
