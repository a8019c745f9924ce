// An OMS of a client, on QuickFIX: connects to the demo, asks, hits, passes, subscribes, asks for a two-leg package.
//
//     oms DICTIONARY [HOST PORT SENDER_COMP_ID]
//
// It prints each step, and ends with exit code 0 if every step was answered, otherwise 1.

#include <quickfix/Application.h>
#include <quickfix/Group.h>
#include <quickfix/Message.h>
#include <quickfix/MessageStore.h>
#include <quickfix/Session.h>
#include <quickfix/SessionSettings.h>
#include <quickfix/SocketInitiator.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using std::string;

struct Leg {
  string symbol, side, ratio;
};

string text(const FIX::FieldMap &message, int tag) { return message.isSetField(tag) ? message.getField(tag) : ""; }

// The engine calls it from its own threads; what arrives waits in a queue.
class Oms : public FIX::Application {
public:
  void logon() { receive({"A"}); }

  // A quote; another request if the service declines or the market is gone for a moment.
  FIX::Message ask(const string &symbol, const string &side, const string &quantity, const std::vector<Leg> &legs = {},
                   const string &subscription = "") {
    for (int attempt = 0; attempt < 5; ++attempt) {
      request(newId(), symbol, side, quantity, legs, subscription);
      FIX::Message answer = receive({"S", "AG"});
      if (type(answer) == "S") {
        print(answer);
        return answer;
      }
      std::cout << "  refused (" << text(answer, 658) << "): " << text(answer, 58) << std::endl;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    throw std::runtime_error("no quote after five requests");
  }

  // Ask and hit, again if the hit is too late or the quote was withdrawn.
  FIX::Message deal(const string &symbol, const string &side, const string &quantity,
                    const std::vector<Leg> &legs = {}) {
    for (int attempt = 0; attempt < 5; ++attempt) {
      respond(ask(symbol, side, quantity, legs), "1");
      FIX::Message report = receive({"8"});
      if (report.getField(39) == "2") {
        std::cout << "  filled " << text(report, 32) << " at " << text(report, 31) << ", ExecID " << text(report, 17)
                  << std::endl;
        return report;
      }
      std::cout << "  hit refused (" << text(report, 103) << "): " << text(report, 58) << std::endl;
    }
    throw std::runtime_error("no fill after five hits");
  }

  void request(const string &id, const string &symbol, const string &side, const string &quantity,
               const std::vector<Leg> &legs, const string &subscription) {
    FIX::Message message = ofType("R");
    message.setField(131, id);
    if (!subscription.empty()) message.setField(263, subscription);
    const int fields[] = {55, 54, 38, 555, 0}, legFields[] = {600, 623, 624, 0}; // in their order on the wire
    FIX::Group entry(146, 55, fields);
    entry.setField(55, symbol);
    entry.setField(54, side);
    entry.setField(38, quantity);
    for (const Leg &each : legs) {
      FIX::Group leg(555, 600, legFields);
      leg.setField(600, each.symbol);
      leg.setField(623, each.ratio);
      leg.setField(624, each.side);
      entry.addGroup(leg);
    }
    message.addGroup(entry);
    FIX::Session::sendToTarget(message, session);
  }

  // QuoteRespType (694): 1 hits, 6 passes.
  void respond(const FIX::Message &quote, const string &kind) {
    FIX::Message message = ofType("AJ");
    message.setField(693, newId());
    message.setField(694, kind);
    for (int tag : {117, 55, 54}) message.setField(tag, quote.getField(tag));
    FIX::Session::sendToTarget(message, session);
  }

  // The next message of these types; what else arrives is printed, and a Reject ends the program.
  FIX::Message receive(const std::vector<string> &wanted) {
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex);
      if (!arrived.wait_for(lock, std::chrono::seconds(10), [this] { return !messages.empty(); }))
        throw std::runtime_error("no answer within 10 s");
      FIX::Message message = messages.front();
      messages.pop_front();
      for (const string &each : wanted)
        if (type(message) == each) return message;
      std::cout << "  also received " << type(message) << ": " << text(message, 58) << std::endl;
      if (type(message) == "3" || type(message) == "j") throw std::runtime_error("rejected: " + message.toString());
    }
  }

  void print(const FIX::Message &quote) {
    std::cout << "  quote " << text(quote, 117) << ": " << text(quote, 55) << " at "
              << (quote.isSetField(133) ? text(quote, 133) : text(quote, 132)) << " until " << text(quote, 62)
              << std::endl;
  }

  void onCreate(const FIX::SessionID &id) override { session = id; }
  void onLogon(const FIX::SessionID &) override { std::cout << "logged on" << std::endl; }
  void onLogout(const FIX::SessionID &) override { std::cout << "logged out" << std::endl; }
  void toAdmin(FIX::Message &message, const FIX::SessionID &) override {
    if (type(message) == "3") keep(message); // our engine refuses what it received
  }
  void toApp(FIX::Message &, const FIX::SessionID &) EXCEPT(FIX::DoNotSend) override {}
  void fromAdmin(const FIX::Message &message, const FIX::SessionID &)
      EXCEPT(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue, FIX::RejectLogon) override {
    if (type(message) == "3" || type(message) == "A") keep(message);
  }
  void fromApp(const FIX::Message &message, const FIX::SessionID &)
      EXCEPT(FIX::FieldNotFound, FIX::IncorrectDataFormat, FIX::IncorrectTagValue,
             FIX::UnsupportedMessageType) override {
    keep(message);
  }

private:
  static string type(const FIX::Message &message) { return message.getHeader().getField(35); }

  static FIX::Message ofType(const string &type) {
    FIX::Message message;
    message.getHeader().setField(35, type);
    return message;
  }

  string newId() { return ids + "-" + std::to_string(++sent); }

  void keep(const FIX::Message &message) {
    std::lock_guard<std::mutex> lock(mutex);
    messages.push_back(message);
    arrived.notify_one();
  }

  FIX::SessionID session;
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<FIX::Message> messages;
  const string ids = std::to_string(std::chrono::system_clock::now().time_since_epoch().count()); // new in every run
  int sent = 0;
};

void printLegs(const FIX::Message &report) {
  for (int n = 1; n <= std::stoi(report.getField(555)); ++n) {
    FIX::Group leg(555, 600);
    report.getGroup(n, leg);
    std::cout << "    " << (leg.getField(624) == "1" ? "bought " : "sold ") << leg.getField(600) << " at "
              << leg.getField(637) << std::endl;
  }
}

void run(Oms &oms) {
  const string buy = "1", sell = "2";
  oms.logon();
  std::cout << "ask to buy 0.05 BTC-USD, and hit" << std::endl;
  oms.deal("BTC-USD", buy, "0.05");
  std::cout << "ask to sell 0.05 BTC-USD, and pass" << std::endl;
  oms.respond(oms.ask("BTC-USD", sell, "0.05"), "6");
  std::cout << "  " << text(oms.receive({"AI"}), 58) << std::endl;
  std::cout << "subscribe to ETH-USD: a new quote follows each one that ends" << std::endl;
  FIX::Message quote = oms.ask("ETH-USD", buy, "1", {}, "1");
  oms.print(oms.receive({"S"}));
  oms.request(quote.getField(131), "ETH-USD", buy, "1", {}, "2");
  std::cout << "  unsubscribed: " << text(oms.receive({"AI", "AG"}), 58) << std::endl;
  std::cout << "ask for a package of 1 BTC-USD against 30 ETH-USD, 0.05 of it, and hit" << std::endl;
  printLegs(oms.deal("[N/A]", buy, "0.05", {{"BTC-USD", buy, "1"}, {"ETH-USD", sell, "30"}}));
}

int main(int count, char **arguments) {
  if (count != 2 && count != 5) {
    std::cerr << "oms DICTIONARY [HOST PORT SENDER_COMP_ID]" << std::endl;
    return 1;
  }
  const string host = count == 5 ? arguments[2] : "127.0.0.1", port = count == 5 ? arguments[3] : "9880";
  std::stringstream text;
  text << "[DEFAULT]\nConnectionType=initiator\nSocketConnectHost=" << host << "\nSocketConnectPort=" << port
       << "\nHeartBtInt=30\nReconnectInterval=1\nStartTime=00:00:00\nEndTime=00:00:00\nResetOnLogon=Y\n"
       << "UseDataDictionary=Y\nDataDictionary=" << arguments[1] << "\nTimestampPrecision=6\n"
       << "[SESSION]\nBeginString=FIX.4.4\nTargetCompID=QUOTELIFE\n"
       << "SenderCompID=" << (count == 5 ? arguments[4] : "EXTERNAL") << "\n";
  try {
    Oms oms;
    FIX::MemoryStoreFactory store;
    FIX::SessionSettings settings(text);
    FIX::SocketInitiator initiator(oms, store, settings);
    initiator.start();
    try {
      run(oms);
    } catch (...) {
      initiator.stop();
      throw;
    }
    initiator.stop();
  } catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
  std::cout << "done" << std::endl;
  return 0;
}
