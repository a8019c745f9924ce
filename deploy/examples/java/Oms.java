// An OMS of a client, on QuickFIX/J: connects to the demo, asks, hits, passes, subscribes, asks for a two-leg package.
//
//     java Oms [HOST PORT SENDER_COMP_ID]
//
// It prints each step, and ends with exit code 0 if every step was answered, otherwise 1. QuickFIX/J brings the
// standard's FIX44.xml.

import java.io.ByteArrayInputStream;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import quickfix.ApplicationAdapter;
import quickfix.DefaultMessageFactory;
import quickfix.FieldMap;
import quickfix.FieldNotFound;
import quickfix.Group;
import quickfix.MemoryStoreFactory;
import quickfix.Message;
import quickfix.ScreenLogFactory;
import quickfix.Session;
import quickfix.SessionID;
import quickfix.SessionSettings;
import quickfix.SocketInitiator;

/** The engine calls it from its own threads; what arrives waits in a queue. */
public class Oms extends ApplicationAdapter {
    record Leg(String symbol, String side, String ratio) {}

    static final String BUY = "1", SELL = "2";
    static final String HIT = "1", PASS = "6"; // QuoteRespType (694)

    private final BlockingQueue<Message> received = new LinkedBlockingQueue<>();
    private final String ids = Long.toHexString(System.nanoTime() ^ System.currentTimeMillis()); // new in every run
    private volatile SessionID session;
    private int sent;

    @Override
    public void onCreate(SessionID id) {
        session = id;
    }

    @Override
    public void onLogout(SessionID id) {
        System.out.println("logged out");
    }

    @Override
    public void toAdmin(Message message, SessionID id) {
        if (type(message).equals("3")) { // our engine refuses what it received
            received.add(message);
        }
    }

    @Override
    public void fromAdmin(Message message, SessionID id) {
        if (type(message).equals("3") || type(message).equals("A")) {
            received.add(message);
        }
    }

    @Override
    public void fromApp(Message message, SessionID id) {
        received.add(message);
    }

    static String type(Message message) {
        return text(message.getHeader(), 35);
    }

    static String text(FieldMap message, int tag) {
        try {
            return message.isSetField(tag) ? message.getString(tag) : "";
        } catch (FieldNotFound error) {
            throw new IllegalStateException(error);
        }
    }

    String newId() {
        return ids + "-" + ++sent;
    }

    static Message ofType(String type) {
        Message message = new Message();
        message.getHeader().setString(35, type);
        return message;
    }

    /** The next message of these types; what else arrives is printed, and a Reject ends the program. */
    Message receive(String... wanted) throws Exception {
        while (true) {
            Message message = received.poll(10, TimeUnit.SECONDS);
            if (message == null) {
                throw new IllegalStateException("no answer within 10 s");
            }
            if (List.of(wanted).contains(type(message))) {
                return message;
            }
            System.out.println("  also received " + type(message) + ": " + text(message, 58));
            if (type(message).equals("3") || type(message).equals("j")) {
                throw new IllegalStateException("rejected: " + message);
            }
        }
    }

    void request(String id, String symbol, String side, String quantity, List<Leg> legs, String subscription)
            throws Exception {
        Message message = ofType("R");
        message.setString(131, id);
        if (subscription != null) {
            message.setString(263, subscription);
        }
        Group entry = new Group(146, 55, new int[] {55, 54, 38, 555, 0}); // in their order on the wire
        entry.setString(55, symbol);
        entry.setString(54, side);
        entry.setString(38, quantity);
        for (Leg each : legs) {
            Group leg = new Group(555, 600, new int[] {600, 623, 624, 0});
            leg.setString(600, each.symbol());
            leg.setString(623, each.ratio());
            leg.setString(624, each.side());
            entry.addGroup(leg);
        }
        message.addGroup(entry);
        Session.sendToTarget(message, session);
    }

    void respond(Message quote, String kind) throws Exception {
        Message message = ofType("AJ");
        message.setString(693, newId());
        message.setString(694, kind);
        for (int tag : new int[] {117, 55, 54}) {
            message.setString(tag, text(quote, tag));
        }
        Session.sendToTarget(message, session);
    }

    /** A quote; another request if the service declines or the market is gone for a moment. */
    Message ask(String symbol, String side, String quantity, List<Leg> legs, String subscription) throws Exception {
        for (int attempt = 0; attempt < 5; attempt++) {
            request(newId(), symbol, side, quantity, legs, subscription);
            Message answer = receive("S", "AG");
            if (type(answer).equals("S")) {
                print(answer);
                return answer;
            }
            System.out.println("  refused (" + text(answer, 658) + "): " + text(answer, 58));
            Thread.sleep(1000);
        }
        throw new IllegalStateException("no quote after five requests");
    }

    /** Ask and hit, again if the hit is too late or the quote was withdrawn. */
    Message deal(String symbol, String side, String quantity, List<Leg> legs) throws Exception {
        for (int attempt = 0; attempt < 5; attempt++) {
            respond(ask(symbol, side, quantity, legs, null), HIT);
            Message report = receive("8");
            if (text(report, 39).equals("2")) {
                System.out.println("  filled " + text(report, 32) + " at " + text(report, 31) + ", ExecID " + text(report, 17));
                return report;
            }
            System.out.println("  hit refused (" + text(report, 103) + "): " + text(report, 58));
        }
        throw new IllegalStateException("no fill after five hits");
    }

    static void print(Message quote) {
        String price = quote.isSetField(133) ? text(quote, 133) : text(quote, 132);
        System.out.println("  quote " + text(quote, 117) + ": " + text(quote, 55) + " at " + price + " until " + text(quote, 62));
    }

    static void printLegs(Message report) throws Exception {
        for (int n = 1; n <= Integer.parseInt(text(report, 555)); n++) {
            Group leg = report.getGroup(n, 555);
            String what = text(leg, 624).equals(BUY) ? "bought " : "sold ";
            System.out.println("    " + what + text(leg, 600) + " at " + text(leg, 637));
        }
    }

    void run() throws Exception {
        receive("A");
        System.out.println("logged on");
        System.out.println("ask to buy 0.05 BTC-USD, and hit");
        deal("BTC-USD", BUY, "0.05", List.of());
        System.out.println("ask to sell 0.05 BTC-USD, and pass");
        respond(ask("BTC-USD", SELL, "0.05", List.of(), null), PASS);
        System.out.println("  " + text(receive("AI"), 58));
        System.out.println("subscribe to ETH-USD: a new quote follows each one that ends");
        Message quote = ask("ETH-USD", BUY, "1", List.of(), "1");
        print(receive("S"));
        request(text(quote, 131), "ETH-USD", BUY, "1", List.of(), "2");
        System.out.println("  unsubscribed: " + text(receive("AI", "AG"), 58));
        System.out.println("ask for a package of 1 BTC-USD against 30 ETH-USD, 0.05 of it, and hit");
        printLegs(deal("[N/A]", BUY, "0.05", List.of(new Leg("BTC-USD", BUY, "1"), new Leg("ETH-USD", SELL, "30"))));
    }

    public static void main(String[] arguments) throws Exception {
        boolean given = arguments.length == 3;
        String settings = String.join("\n",
            "[DEFAULT]", "ConnectionType=initiator", "HeartBtInt=30", "ReconnectInterval=1", "StartTime=00:00:00",
            "EndTime=00:00:00", "ResetOnLogon=Y", "UseDataDictionary=Y", "DataDictionary=FIX44.xml",
            "TimeStampPrecision=MICROS",
            "SocketConnectHost=" + (given ? arguments[0] : "127.0.0.1"),
            "SocketConnectPort=" + (given ? arguments[1] : "9880"),
            "[SESSION]", "BeginString=FIX.4.4", "TargetCompID=QUOTELIFE",
            "SenderCompID=" + (given ? arguments[2] : "EXTERNAL"), "");
        Oms oms = new Oms();
        SocketInitiator initiator = new SocketInitiator(
            oms, new MemoryStoreFactory(), new SessionSettings(new ByteArrayInputStream(settings.getBytes())),
            new ScreenLogFactory(false, false, false), new DefaultMessageFactory());
        initiator.start();
        int code = 0;
        try {
            oms.run();
        } catch (IllegalStateException error) {
            System.err.println(error.getMessage());
            code = 1;
        }
        initiator.stop();
        System.out.println(code == 0 ? "done" : "failed");
        System.exit(code);
    }
}
