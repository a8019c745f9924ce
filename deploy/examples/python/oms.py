"""An OMS of a client, on QuickFIX: connects to the demo, asks, hits, passes, subscribes, asks for a two-leg package.

    python oms.py [HOST PORT SENDER_COMP_ID DICTIONARY]

It checks what it receives against the standard's FIX.4.4 dictionary, prints each step, and ends with exit code 0 if
every step was answered, otherwise 1.
"""

import queue
import sys
import tempfile
import time
from pathlib import Path

import quickfix as fix
import quickfix44 as fix44

BUY, SELL = "1", "2"
HIT, PASS = "1", "6"  # QuoteRespType (694)
ANSWER_S = 10.0
STANDARD = Path(__file__).parents[3] / "tests" / "dictionaries" / "FIX44.xml"
SETTINGS = """[DEFAULT]
ConnectionType=initiator
SocketConnectHost={host}
SocketConnectPort={port}
HeartBtInt=30
ReconnectInterval=1
StartTime=00:00:00
EndTime=00:00:00
ResetOnLogon=Y
UseDataDictionary=Y
DataDictionary={dictionary}
FileStorePath={folder}
TimestampPrecision=6
[SESSION]
BeginString=FIX.4.4
SenderCompID={sender}
TargetCompID=QUOTELIFE
"""


class Oms(fix.Application):
    """The engine calls it from its own threads; what arrives waits in a queue."""

    def __init__(self):
        super().__init__()
        self.session, self.received, self.up = None, queue.Queue(), queue.Queue()
        self.ids = f"{time.time_ns():x}"  # ids are new in every run
        self.sent = 0

    def onCreate(self, session):
        self.session = fix.SessionID("FIX.4.4", session.getSenderCompID().getString(), "QUOTELIFE")

    def onLogon(self, session):
        self.up.put(True)

    def onLogout(self, session):
        print("logged out")

    def toAdmin(self, message, session):
        if message.getHeader().getField(35) == "3":  # our engine refuses what it received
            self.received.put(fix.Message(message))

    def fromAdmin(self, message, session):
        if message.getHeader().getField(35) == "3":
            self.received.put(fix.Message(message))

    def toApp(self, message, session):
        pass

    def fromApp(self, message, session):
        self.received.put(fix.Message(message))

    def new_id(self):
        self.sent += 1
        return f"{self.ids}-{self.sent}"

    def receive(self, *wanted):
        """The next message of these types; what else arrives is printed, and a Reject ends the program."""
        while True:
            message = self.received.get(timeout=ANSWER_S)
            kind = message.getHeader().getField(35)
            if kind in wanted:
                return message
            print(f"  also received {kind}: {text(message, 58) or text(message, 117)}")
            if kind in ("3", "j"):
                sys.exit(f"rejected: {message.toString().replace(chr(1), '|')}")

    def request(self, symbol, side, quantity, legs=(), subscription=None, request_id=None):
        """Send a QuoteRequest; returns its QuoteReqID. Each leg is (symbol, side, ratio)."""
        message, entry = fix44.QuoteRequest(), fix44.QuoteRequest.NoRelatedSym()
        request_id = request_id or self.new_id()
        message.setField(131, request_id)
        if subscription:
            message.setField(263, subscription)
        entry.setField(55, symbol)
        entry.setField(54, side)
        entry.setField(38, quantity)
        for leg_symbol, leg_side, ratio in legs:
            leg = fix44.QuoteRequest.NoRelatedSym.NoLegs()
            leg.setField(600, leg_symbol)
            leg.setField(623, str(ratio))
            leg.setField(624, leg_side)
            entry.addGroup(leg)
        message.addGroup(entry)
        fix.Session.sendToTarget(message, self.session)
        return request_id

    def respond(self, quote, kind):
        """Send a QuoteResponse to a quote: HIT or PASS."""
        message = fix44.QuoteResponse()
        message.setField(693, self.new_id())
        message.setField(117, quote.getField(117))
        message.setField(694, kind)
        message.setField(55, quote.getField(55))
        message.setField(54, quote.getField(54))
        fix.Session.sendToTarget(message, self.session)

    def ask(self, *request, **options):
        """A quote; another request if the service declines or the market is gone for a moment."""
        for _ in range(5):
            self.request(*request, **options)
            answer = self.receive("S", "AG")
            if answer.getHeader().getField(35) == "S":
                print_quote(answer)
                return answer
            print(f"  refused ({answer.getField(658)}): {text(answer, 58)}")
            time.sleep(1.0)
        return sys.exit("no quote after five requests")

    def deal(self, *request, **options):
        """Ask and hit, again if the hit is too late or the quote was withdrawn."""
        for _ in range(5):
            self.respond(self.ask(*request, **options), HIT)
            report = self.receive("8")
            if report.getField(39) == "2":
                print(f"  filled {report.getField(32)} at {report.getField(31)}, ExecID {report.getField(17)}")
                return report
            print(f"  hit refused ({text(report, 103)}): {text(report, 58)}")
        return sys.exit("no fill after five hits")


def text(message, tag):
    return message.getField(tag) if message.isSetField(tag) else ""


def print_quote(quote):
    price = text(quote, 133) or text(quote, 132)
    print(f"  quote {quote.getField(117)}: {quote.getField(55)} at {price} until {quote.getField(62)[9:]}")


def print_legs(report):
    for n in range(1, int(text(report, 555) or 0) + 1):
        leg = fix44.ExecutionReport.NoLegs()
        report.getGroup(n, leg)
        print(f"    {'bought' if leg.getField(624) == BUY else 'sold'} {leg.getField(600)} at {leg.getField(637)}")


def run(oms):
    oms.up.get(timeout=ANSWER_S)
    print("logged on")
    print("ask to buy 0.05 BTC-USD, and hit")
    oms.deal("BTC-USD", BUY, "0.05")
    print("ask to sell 0.05 BTC-USD, and pass")
    oms.respond(oms.ask("BTC-USD", SELL, "0.05"), PASS)
    print(f"  {text(oms.receive('AI'), 58)}")
    print("subscribe to ETH-USD: a new quote follows each one that ends")
    quote = oms.ask("ETH-USD", BUY, "1", subscription="1")
    print_quote(oms.receive("S"))
    oms.request("ETH-USD", BUY, "1", subscription="2", request_id=quote.getField(131))
    print(f"  unsubscribed: {text(oms.receive('AI', 'AG'), 58)}")
    print("ask for a package of 1 BTC-USD against 30 ETH-USD, 0.05 of it, and hit")
    legs = [("BTC-USD", BUY, 1), ("ETH-USD", SELL, 30)]
    print_legs(oms.deal("[N/A]", BUY, "0.05", legs=legs))


def main(host="127.0.0.1", port="9880", sender="EXTERNAL", dictionary=STANDARD):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oms.cfg"
        path.write_text(SETTINGS.format(host=host, port=port, sender=sender, dictionary=dictionary, folder=folder))
        oms = Oms()
        initiator = fix.SocketInitiator(oms, fix.MemoryStoreFactory(), fix.SessionSettings(str(path)))
        initiator.start()
        try:
            run(oms)
        except queue.Empty:
            sys.exit(f"no answer within {ANSWER_S:g} s")
        finally:
            initiator.stop()
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
