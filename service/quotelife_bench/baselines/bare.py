"""The baseline for requests: a bare Python QuickFIX acceptor that answers every QuoteRequest with the same Quote.

    python -m quotelife_bench.baselines.bare SETTINGS

SETTINGS is an engine settings file derived from the service's own; without FileStorePath it stores in memory. Ends when
its standard input is closed.
"""

import sys

import quickfix as fix

from quotelife.runtime.process import announce_ready, end_with_parent

VALID_UNTIL = "20991231-23:59:59.000000"
TRANSACT_TIME = "20260101-00:00:00.000000"


class BareAcceptor(fix.Application):
    """The minimum work of an acceptor: read the request, build a Quote with setField, send it."""

    def onCreate(self, session):  # type: ignore[no-untyped-def]
        pass

    def onLogon(self, session):  # type: ignore[no-untyped-def]
        pass

    def onLogout(self, session):  # type: ignore[no-untyped-def]
        pass

    def toAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromAdmin(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def toApp(self, message, session):  # type: ignore[no-untyped-def]
        pass

    def fromApp(self, message, session):  # type: ignore[no-untyped-def]
        request_id = fix.QuoteReqID()
        message.getField(request_id)
        quote = fix.Message()
        quote.getHeader().setField(fix.MsgType(fix.MsgType_Quote))
        quote.setField(request_id)
        quote.setField(117, "Q1")
        quote.setField(55, "BENCH-0000")
        quote.setField(132, "99.99")
        quote.setField(133, "100.01")
        quote.setField(134, "100")
        quote.setField(135, "100")
        quote.setField(62, VALID_UNTIL)
        quote.setField(60, TRANSACT_TIME)
        fix.Session.sendToTarget(quote, session)


def main(arguments: list[str]) -> int:
    end_with_parent()
    settings = fix.SessionSettings(arguments[0])
    stored = settings.get().has("FileStorePath")  # of the section [DEFAULT]
    # The engine holds no reference to them.
    application, store = BareAcceptor(), fix.FileStoreFactory(settings) if stored else fix.MemoryStoreFactory()
    acceptor = fix.ThreadedSocketAcceptor(application, store, settings)
    acceptor.start()
    announce_ready("bare acceptor")
    sys.stdin.read()
    acceptor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
