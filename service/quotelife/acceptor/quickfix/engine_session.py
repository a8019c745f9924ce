"""What the acceptor keeps of each of the engine's sessions."""

from typing import NamedTuple

from quotelife.acceptor.quickfix.engine import fix
from quotelife.acceptor.quickfix.resend_persistence import ResendPersistence
from quotelife.fix.versions import Translate
from quotelife.rfq.delivery.client_rejects import RecentlySent


class EngineSession(NamedTuple):
    """The engine's session, its resend persistence, and the translation of what it sends (None: none needed).

    Engine defect: `sendToTarget` searches all sessions under a lock and writes the header's CompIDs twice. So the
    session is looked up once and sends itself."""

    session: fix.Session
    persistence: ResendPersistence
    recent: RecentlySent
    translate: Translate | None
