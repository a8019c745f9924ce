"""Asks for statuses after the Logon, at venues that do not send them unasked: e for each instrument, or g once."""

from collections.abc import Sequence

from quotelife.config.venues.venue_profile import VenueProfile
from quotelife.fix import tags
from quotelife.fix.encode import Body
from quotelife.marketdata.subscription.request import InstrumentName, address, as_body


class StatusRequests:
    """The requests of one venue session. Each has its own id, from `first_request` on."""

    def __init__(self, profile: VenueProfile, names: Sequence[InstrumentName], first_request: int) -> None:
        self.msg_type = {
            "SecurityStatusRequest": tags.SECURITY_STATUS_REQUEST,
            "TradingSessionStatusRequest": tags.TRADING_SESSION_STATUS_REQUEST,
        }.get(profile.halts.request, "")
        self._by_symbol = self.msg_type == tags.SECURITY_STATUS_REQUEST
        self._instruments = profile.instruments
        self._fields = as_body(profile.halts.request_fields)
        self._names = names
        self._count = {tags.SECURITY_STATUS_REQUEST: len(names), "": 0}.get(self.msg_type, 1)
        self._next = self._count
        self._next_request = first_request

    def start(self) -> None:
        """The session is established."""
        self._next = 0

    def stop(self) -> None:
        """The session has ended."""
        self._next = self._count

    def due_requests(self, allowance: int) -> list[Body]:
        """Bodies of at most `allowance` messages of `msg_type` that are still to be sent."""
        first, self._next = self._next, min(self._next + allowance, self._count)
        return [self._body(at) for at in range(first, self._next)]

    def _body(self, at: int) -> Body:
        request = self._next_request
        self._next_request += 1
        updates = (tags.SubscriptionRequestType, tags.SNAPSHOT_PLUS_UPDATES)
        if self._by_symbol:
            named = address(self._instruments, self._names[at])
            return (tags.SecurityStatusReqID, request), *named, updates, *self._fields
        return (tags.TradSesReqID, request), updates, *self._fields
