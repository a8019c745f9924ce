"""Sends the requests of a venue session, for instruments, statuses and books, as fast as the venue allows."""

from quotelife.fix import tags
from quotelife.fix.events import ApplicationMessage
from quotelife.fix.fields import as_int, as_text
from quotelife.fix.initiator import InitiatorSession
from quotelife.logs import LogEvent, event_logger
from quotelife.marketdata.instruments.confirmation import Confirmation
from quotelife.marketdata.subscription.pacing import RequestPacing
from quotelife.marketdata.subscription.status_requests import StatusRequests
from quotelife.marketdata.subscription.subscriptions import Subscriptions
from quotelife.runtime.rate_limited_log import RateLimitedLog

logger = event_logger(__name__)
_SYMBOLS_LOGGED = 3  # of a rejected request


class Requester:
    """Instruments and statuses are asked for before books: a halted instrument is known as such when its book comes."""

    def __init__(
        self,
        venue: str,
        session: InitiatorSession,
        confirmation: Confirmation,
        subscriptions: Subscriptions,
        statuses: StatusRequests,
        pacing: RequestPacing,
    ) -> None:
        self._venue, self._session, self._pacing = venue, session, pacing
        self._confirmation, self._subscriptions, self._statuses = confirmation, subscriptions, statuses
        session.replays_at_once = False  # `send_due` does it
        self._counted = self._countable()
        self._lost = False  # during a replay
        self._log = RateLimitedLog(logger)

    def start(self, now_ns: int) -> None:
        """The session is established."""
        self._statuses.start()
        self._confirmation.start(now_ns)

    def stop(self) -> None:
        """The session has ended."""
        self._statuses.stop()
        self._confirmation.stop()

    def pause(self) -> None:
        """The session has a gap."""
        self._confirmation.stop()

    def resume(self, now_ns: int) -> None:
        """The gap is filled."""
        self._confirmation.resume(now_ns)

    def send_due(self, now_ns: int, wall_ns: int, lost: bool) -> None:
        """Send what is due; `lost` if books became invalid since the last call. All other messages that the session
        has sent count against the venue's limits.

        What the venue asks for again comes first, at the same pace: subscriptions of trades and requests for statuses
        have no answer whose absence would repeat them, so they cannot be left out."""
        pacing, session = self._pacing, self._session
        self._count_messages(now_ns)
        if session.replaying:
            pacing.count_requests(session.replay(pacing.allowance(now_ns), now_ns, wall_ns), now_ns)
            self._count_messages(now_ns)
            self._lost |= lost
            return
        lost, self._lost = lost or self._lost, False
        self._confirmation.send_due(session, pacing, now_ns, wall_ns)
        self._count_messages(now_ns)
        allowance = pacing.allowance(now_ns)
        bodies = self._statuses.due_requests(allowance)
        requests = [(self._statuses.msg_type, body) for body in bodies]
        bodies = self._subscriptions.due_requests(now_ns, allowance - len(requests), lost)
        requests += [(tags.MARKET_DATA_REQUEST, body) for body in bodies]
        for msg_type, body in requests:
            session.send(msg_type, body, now_ns, wall_ns)
        pacing.count_requests(len(requests), now_ns)
        self._count_messages(now_ns)

    def on_request_reject(self, message: ApplicationMessage, now_ns: int) -> None:
        """The venue rejected a MarketDataRequest (Y)."""
        names = self._subscriptions.on_request_reject(as_int(message.get(tags.MDReqID)) or 0, now_ns)
        symbols = ", ".join(name.symbol for name in names[:_SYMBOLS_LOGGED]) or "an earlier request"
        more = f" and {len(names) - _SYMBOLS_LOGGED} more" if len(names) > _SYMBOLS_LOGGED else ""
        text = as_text(message.get(tags.Text))
        text = f"{self._venue}: venue rejected the subscription of {symbols}{more}: {text}"
        self._log.warning(LogEvent.VENUE_SUBSCRIPTION_REJECTED, "reject", text, venue=self._venue)

    def _count_messages(self, now_ns: int) -> None:
        sent = self._countable()
        self._pacing.count_messages(sent - self._counted, now_ns)
        self._counted = sent

    def _countable(self) -> int:
        """Messages sent but rejections, which have a share of their own."""
        return self._session.messages_sent - self._session.rejections.sent
