"""One FIX session of a client: its state in the service and the memory for its decisions."""

from quotelife.decision.buffers import DecisionBuffers
from quotelife.decision.client_state import ClientState


class Session:
    """`number` identifies the session in the journal; it is 0 where no client is configured for it (`client` None)."""

    def __init__(self, name: str, client: ClientState | None, number: int = 0) -> None:
        self.name, self.client, self.number = name, client, number
        self.is_logged_on = False
        self.decision_buffers = [DecisionBuffers()]

    def buffers(self, n: int) -> DecisionBuffers:
        """The buffers for the n-th related symbol of a request; each is overwritten by the next request."""
        while len(self.decision_buffers) <= n:
            self.decision_buffers.append(DecisionBuffers())
        return self.decision_buffers[n]
