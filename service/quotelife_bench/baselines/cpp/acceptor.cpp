// The baseline for requests in C++: a bare QuickFIX acceptor that answers every QuoteRequest with the same Quote.
//
//     acceptor SETTINGS
//
// The same engine, settings and work as the bare acceptor in Python (bare.py), without Python. Ends when its standard
// input is closed, or with its parent.

#include "Application.h"
#include "FileStore.h"
#include "Message.h"
#include "MessageStore.h"
#include "Session.h"
#include "SessionSettings.h"
#include "ThreadedSocketAcceptor.h"

#include <sys/prctl.h>

#include <csignal>
#include <iostream>
#include <limits>
#include <memory>

class BareAcceptor : public FIX::Application {
public:
  void fromApp(const FIX::Message &message, const FIX::SessionID &session) override {
    FIX::Message quote;
    quote.getHeader().setField(FIX::FIELD::MsgType, "S");
    quote.setField(FIX::FIELD::QuoteReqID, message.getField(FIX::FIELD::QuoteReqID));
    quote.setField(FIX::FIELD::QuoteID, "Q1");
    quote.setField(FIX::FIELD::Symbol, "BENCH-0000");
    quote.setField(FIX::FIELD::BidPx, "99.99");
    quote.setField(FIX::FIELD::OfferPx, "100.01");
    quote.setField(FIX::FIELD::BidSize, "100");
    quote.setField(FIX::FIELD::OfferSize, "100");
    quote.setField(FIX::FIELD::ValidUntilTime, "20991231-23:59:59.000000");
    quote.setField(FIX::FIELD::TransactTime, "20260101-00:00:00.000000");
    FIX::Session::sendToTarget(quote, session);
  }

  void onCreate(const FIX::SessionID &) override {}
  void onLogon(const FIX::SessionID &) override {}
  void onLogout(const FIX::SessionID &) override {}
  void toAdmin(FIX::Message &, const FIX::SessionID &) override {}
  void toApp(FIX::Message &, const FIX::SessionID &) override {}
  void fromAdmin(const FIX::Message &, const FIX::SessionID &) override {}
};

int main(int argc, char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (argc != 2) {
    std::cerr << "usage: acceptor SETTINGS" << std::endl;
    return 2;
  }
  try {
    FIX::SessionSettings settings(argv[1]);
    BareAcceptor application;
    std::unique_ptr<FIX::MessageStoreFactory> store;
    if (settings.get().has("FileStorePath"))
      store = std::make_unique<FIX::FileStoreFactory>(settings);
    else
      store = std::make_unique<FIX::MemoryStoreFactory>();
    FIX::ThreadedSocketAcceptor acceptor(application, *store, settings);
    acceptor.start();
    std::cout << "READY bare acceptor in C++" << std::endl;
    std::cin.ignore(std::numeric_limits<std::streamsize>::max());
    acceptor.stop(true);
    return 0;
  } catch (const std::exception &error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
