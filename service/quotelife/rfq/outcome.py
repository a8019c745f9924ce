"""An answer on its way: the texts to send, and what is to be done and recorded about them."""

from msgspec import Struct, field

from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState
from quotelife.decision.refusal import RefusalReason
from quotelife.decision.request import RelatedSymbol
from quotelife.rfq.hit_handler import PendingHit
from quotelife.rfq.open_quotes import OpenQuote


class Session:
    """One FIX session: its client, its number in the journal (0 without a client), memory for one message. `up` while
    it is logged on."""

    def __init__(self, name: str, client: ClientState | None, number: int = 0) -> None:
        self.name, self.client, self.number = name, client, number
        self.up = False
        self.decision_buffers = [DecisionBuffers()]

    def buffers(self, n: int) -> DecisionBuffers:
        while len(self.decision_buffers) <= n:
            self.decision_buffers.append(DecisionBuffers())
        return self.decision_buffers[n]


class Decision(Struct, gc=False):
    """What one related symbol came to; `quote` is None for a refusal."""

    related: RelatedSymbol | None
    quote: OpenQuote | None
    reason: RefusalReason | None
    buffers: DecisionBuffers | None


class StatusRequest(Struct, gc=False):
    """A QuoteStatusRequest for a quote that is not in memory."""

    session: str
    quote_id: str
    symbol: str
    status_req_id: str


class Outcome(Struct):
    """Texts to send. Where `waits`, they are complete only after `RfqHandler.store`."""

    received_ns: int
    wall_ns: int
    client: ClientState | None = None
    session: int = 0
    parsed_ns: int = 0
    decided_ns: int = 0
    request_id: str = ""
    messages: list[str] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    waits: bool = False
    pending_hit: PendingHit | None = None
    status_request: StatusRequest | None = None
