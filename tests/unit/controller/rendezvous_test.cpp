#include "controller/rendezvous.h"

#include <Poco/Net/SecureStreamSocket.h>
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <thread>
#include <variant>

#include "base/error.h"
#include "base/http_tls.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_certificates.h"

namespace controller {
namespace {

namespace net = Poco::Net;
using ::testing::HasSubstr;

/// Something that happens once; to wait for it has a deadline.
class Event {
 public:
  void happen() {
    const std::lock_guard lock(mutex_);  // until all are told: who waits may end it then
    happened_ = true;
    changed_.notify_all();
  }
  bool await() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return happened_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
};

/// A client as the heroku program is one.
class Client {
 public:
  Client(const std::string& address, const std::filesystem::path& authority) {
    net::StreamSocket plain(net::SocketAddress{address});
    plain.setReceiveTimeout(Poco::Timespan(20, 0));
    auto secure = base::startTls(plain, "localhost", base::makeTlsContext(authority));
    EXPECT_TRUE(std::holds_alternative<net::StreamSocket>(secure));
    socket_ = std::get<net::StreamSocket>(secure);
  }

  Client& say(std::string_view bytes) {
    while (!bytes.empty())
      bytes.remove_prefix(
          static_cast<std::size_t>(socket_.sendBytes(bytes.data(), static_cast<int>(bytes.size()))));
    return *this;
  }
  /// What comes up to and with the mark; with "<closed>" behind it when that does not come.
  std::string until(std::string_view mark) {
    char buffer[4096];
    std::size_t at;
    while ((at = seen_.find(mark)) == std::string::npos) {
      int count = 0;
      try {
        count = socket_.receiveBytes(buffer, sizeof buffer);
      } catch (const Poco::TimeoutException&) {
        return std::exchange(seen_, "") + "<silent>";
      } catch (const Poco::Exception&) {  // the connection was cut
      }
      if (count <= 0) return std::exchange(seen_, "") + "<closed>";
      seen_.append(buffer, static_cast<std::size_t>(count));
    }
    std::string text = seen_.substr(0, at + mark.size());
    seen_.erase(0, text.size());
    return text;
  }
  std::string rest() { return until("\x01 never"); }
  void leave() { socket_.close(); }

 private:
  net::StreamSocket socket_;
  std::string seen_;
};

class RendezvousTest : public ::testing::Test {
 protected:
  RendezvousConfig config() {
    return {.certificate = temp_.write("cert.pem", testing_support::kTestCertificate),
            .key = temp_.write("key.pem", testing_support::kTestKey),
            .read = [](const std::filesystem::path& file) { return base::readFile(file); },
            .maxWaiting = 8,
            .secretLifetime = std::chrono::seconds(60),
            .greeting = std::chrono::seconds(20)};
  }
  void begin(const RendezvousConfig& config) {
    rendezvous_ =
        std::make_unique<Rendezvous>(config, base::listenTcp("127.0.0.1:0", "rendezvous_listen"), clock_);
  }
  void begin() { begin(config()); }
  Client connect() { return {rendezvous_->address(), authority_}; }
  /// Says back what it is told, in brackets, until the input ends.
  Guest echo(std::optional<base::TerminalSize> terminal = std::nullopt) {
    return {.terminal = terminal,
            .terminalType = "xterm",
            .session = [this](base::Interaction& client, const std::stop_token&) {
              char buffer[512];
              while (const std::size_t count = client.read(buffer, sizeof buffer))
                client.output().write("[" + std::string(buffer, count) + "]");
              client.output().write("bye");
              ended_.happen();
            }};
  }
  Guest quiet() {
    return {.terminal = std::nullopt,
            .terminalType = "",
            .session = [](base::Interaction&, const std::stop_token&) {}};
  }

  test::FakeClock clock_;
  testing_support::TempFolder temp_;
  const std::filesystem::path authority_ = temp_.write("ca.pem", testing_support::kTestAuthority);
  Event begun_;
  Event stopped_;
  Event ended_;
  std::unique_ptr<Rendezvous> rendezvous_;  // last: its threads use what is above
};

TEST_F(RendezvousTest, CarriesBytesBothWaysOnceTheSecretIsSaid) {
  begin();
  Client client = connect();
  client.say(rendezvous_->invite(echo()) + "\r\n");
  EXPECT_EQ(client.until("\n"), "rendezvous\r\n");
  EXPECT_EQ(client.say("hello").until("]"), "[hello]");
  EXPECT_EQ(client.say(std::string("\0\xff", 2)).until("]"), std::string("[\0\xff]", 4));
  EXPECT_EQ(client.say("end\x04 and no more").rest(), "[end]bye<closed>");
}

TEST_F(RendezvousTest, ATerminalGetsItsKeysAsTheyAre) {
  begin();
  Guest guest = echo(base::TerminalSize{100, 30});
  guest.session = [&, inner = guest.session](base::Interaction& client, const std::stop_token& stop) {
    EXPECT_EQ(client.terminal()->columns, 100u);
    EXPECT_EQ(client.terminal()->rows, 30u);
    EXPECT_EQ(client.terminalType(), "xterm");
    begun_.happen();
    inner(client, stop);
  };
  Client client = connect();
  client.say(rendezvous_->invite(guest) + "\r\n").until("\n");
  EXPECT_TRUE(begun_.await());
  EXPECT_EQ(client.say("\x04").until("]"), "[\x04]") << "what a Ctrl-D means the terminal knows";
}

TEST_F(RendezvousTest, LargeOutputArrivesWholeAlsoWhenItsReaderIsSlow) {
  begin();
  const std::string large(4u << 20, 'x');
  Guest guest = quiet();
  guest.session = [&](base::Interaction& client, const std::stop_token&) {
    client.output().write(large);
    client.output().write("end");
  };
  Client client = connect();
  client.say(rendezvous_->invite(guest) + "\r\n").until("\n");
  client.say("typed, and read by nobody");
  EXPECT_EQ(client.rest().size(), large.size() + std::string("end<closed>").size());
}

TEST_F(RendezvousTest, WhatIsPastedThroughAProgramDoesNotHang) {
  begin();
  Client client = connect();
  client.say(rendezvous_->invite(echo()) + "\r\n").until("\n");
  std::thread writer([&] { client.say(std::string(1u << 20, 'k')); });
  std::size_t keys = 0;
  while (keys < (1u << 20)) {
    const std::string some = client.until("]");
    ASSERT_EQ(some.find('<'), std::string::npos);
    keys += static_cast<std::size_t>(std::count(some.begin(), some.end(), 'k'));
  }
  writer.join();
  EXPECT_EQ(keys, 1u << 20);
}

TEST_F(RendezvousTest, TheSessionEndsWhenItsClientLeaves) {
  begin();
  Guest guest = quiet();
  guest.session = [&](base::Interaction&, const std::stop_token& stop) {
    const std::stop_callback onStop(stop, [&] { stopped_.happen(); });
    begun_.happen();
    EXPECT_TRUE(stopped_.await());
  };
  {
    Client client = connect();
    client.say(rendezvous_->invite(guest) + "\r\n").until("\n");
    ASSERT_TRUE(begun_.await());
    client.leave();
  }
  EXPECT_TRUE(stopped_.await());
}

TEST_F(RendezvousTest, LeavingIsSeenAlsoWhenNobodyReadsTheInput) {
  begin();
  Guest guest = quiet();
  guest.session = [&](base::Interaction&, const std::stop_token& stop) {
    const std::stop_callback onStop(stop, [&] { stopped_.happen(); });
    EXPECT_TRUE(stopped_.await());
  };
  Client client = connect();
  client.say(rendezvous_->invite(guest) + "\r\n").until("\n");
  client.say(std::string(100u << 10, 'k'));
  client.leave();
  EXPECT_TRUE(stopped_.await());
}

TEST_F(RendezvousTest, AFailureIsToldInOneLine) {
  begin();
  Guest guest = quiet();
  guest.session = [](base::Interaction&, const std::stop_token&) {
    throw base::Error(base::Errc::overloaded, "as many run as may");
  };
  Client client = connect();
  client.say(rendezvous_->invite(guest) + "\r\n").until("\n");
  EXPECT_EQ(client.rest(), "fairlead: as many run as may\r\n<closed>");
}

TEST_F(RendezvousTest, ASecretIsGoodForOneClientAndItsTime) {
  begin();
  const std::string secret = rendezvous_->invite(echo());
  EXPECT_EQ(secret.size(), 32u);
  EXPECT_NE(secret, rendezvous_->invite(quiet()));
  Client first = connect();
  first.say(secret + "\r\n").until("\n");
  EXPECT_EQ(connect().say(secret + "\r\n").rest(), "<closed>") << "a second one came in";
  EXPECT_EQ(first.say("still here").until("]"), "[still here]");
  const std::string late = rendezvous_->invite(quiet());
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(connect().say(late + "\r\n").rest(), "<closed>") << "its minute was over";
}

TEST_F(RendezvousTest, OtherWordsAreCutOffWithoutAWord) {
  begin();
  rendezvous_->invite(quiet());
  for (const std::string& wrong :
       {std::string("\r\n"), std::string(32, '0') + "\r\n", std::string("GET / HTTP/1.1\r\n"),
        std::string(100'000, 'x'), std::string("\0\0\0\n", 4)}) {
    Client client = connect();
    std::string heard;
    try {
      heard = client.say(wrong).rest();
    } catch (const Poco::Exception&) {
      heard = "<closed>";  // while it was saying it
    }
    EXPECT_EQ(heard, "<closed>") << wrong.size();
  }
}

TEST_F(RendezvousTest, WhatIsNoHandshakeIsCutOff) {
  begin();
  for (const std::string& garbage : {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(5000, '\xff'),
                                     std::string("\x16\x03\x01\xff\xff", 5)}) {
    net::StreamSocket plain(net::SocketAddress{rendezvous_->address()});
    plain.setReceiveTimeout(Poco::Timespan(20, 0));
    char buffer[512];
    try {
      plain.sendBytes(garbage.data(), static_cast<int>(garbage.size()));
      plain.shutdownSend();
      while (plain.receiveBytes(buffer, sizeof buffer) > 0) {
      }
    } catch (const Poco::TimeoutException&) {
      ADD_FAILURE() << "it is held open";
    } catch (const Poco::Exception&) {  // reset
    }
  }
  EXPECT_EQ(connect().say(rendezvous_->invite(quiet()) + "\n").until("\n"), "rendezvous\r\n");
}

TEST_F(RendezvousTest, TheSilentAndTheSlowAreCutOffInTime) {
  RendezvousConfig hasty = config();
  hasty.greeting = std::chrono::seconds(2);
  begin(hasty);
  net::StreamSocket silent(net::SocketAddress{rendezvous_->address()});
  silent.setReceiveTimeout(Poco::Timespan(20, 0));
  Client slow = connect();
  slow.say("half of a secr");
  EXPECT_EQ(slow.rest(), "<closed>");
  char byte = 0;
  EXPECT_EQ(silent.receiveBytes(&byte, 1), 0);
}

/// Both ends of a thousand connections are this process's.
void allowManyDescriptors() {
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
}

TEST_F(RendezvousTest, ACrowdOfConnectionsKeepsNobodyOut) {
  allowManyDescriptors();
  begin();
  const std::string secret = rendezvous_->invite(echo());
  std::vector<net::StreamSocket> crowd;
  for (int i = 0; i < 300; ++i)
    crowd.emplace_back(net::SocketAddress{rendezvous_->address()});
  Client client = connect();
  client.say(secret + "\r\n");
  EXPECT_EQ(client.until("\n"), "rendezvous\r\n");
  for (int i = 0; i < 20; ++i)
    crowd.emplace_back(net::SocketAddress{rendezvous_->address()});
  EXPECT_EQ(client.say("here").until("]"), "[here]") << "who runs something has no place to lose";
  // The first of the crowd made room for the others.
  crowd[0].setReceiveTimeout(Poco::Timespan(20, 0));
  char byte = 0;
  int count = -1;
  try {
    count = crowd[0].receiveBytes(&byte, 1);
  } catch (const Poco::TimeoutException&) {
  } catch (const Poco::Exception&) {
    count = 0;
  }
  EXPECT_EQ(count, 0);
}

TEST_F(RendezvousTest, NoMoreAreInvitedThanMayWait) {
  begin();
  for (int i = 0; i < 8; ++i)
    rendezvous_->invite(quiet());
  try {
    rendezvous_->invite(quiet());
    ADD_FAILURE() << "there is no limit";
  } catch (const base::Error& refusal) {
    EXPECT_EQ(refusal.code(), base::Errc::overloaded);
    EXPECT_THAT(refusal.what(), HasSubstr("rendezvous_max_waiting"));
  }
  clock_.advance(std::chrono::seconds(60));
  EXPECT_EQ(rendezvous_->invite(quiet()).size(), 32u) << "who did not come makes room";
}

TEST_F(RendezvousTest, StoppingEndsWhatRunsAndWhatWaits) {
  begin();
  Guest guest = quiet();
  guest.session = [&](base::Interaction& client, const std::stop_token& stop) {
    const std::stop_callback onStop(stop, [&] { stopped_.happen(); });
    EXPECT_TRUE(stopped_.await());
    EXPECT_THROW(client.output().write("too late"), base::Error);
  };
  Client running = connect();
  running.say(rendezvous_->invite(guest) + "\r\n").until("\n");
  const std::string unused = rendezvous_->invite(quiet());
  Client waiting = connect();
  rendezvous_->stop();
  EXPECT_TRUE(stopped_.await());
  EXPECT_EQ(waiting.rest(), "<closed>");
  EXPECT_EQ(running.rest(), "<closed>");
  EXPECT_THROW(rendezvous_->invite(quiet()), base::Error);
}

TEST_F(RendezvousTest, ACertificateIsReadAnewForEachConnection) {
  begin();
  EXPECT_EQ(connect().say(rendezvous_->invite(quiet()) + "\r\n").until("\n"), "rendezvous\r\n");
  temp_.write("cert.pem", testing_support::kOtherNamesCertificate);
  net::StreamSocket plain(net::SocketAddress{rendezvous_->address()});
  const auto shaken = base::startTls(plain, "localhost", base::makeTlsContext(authority_));
  EXPECT_TRUE(std::holds_alternative<base::UntrustedCertificate>(shaken));
}

TEST_F(RendezvousTest, WhatIsNoCertificateIsSaidAtTheStart) {
  RendezvousConfig wrong = config();
  wrong.key = temp_.write("key.pem", "nothing");
  EXPECT_THROW(begin(wrong), base::Error);
  wrong.key = temp_.path() / "missing";
  EXPECT_THROW(begin(wrong), base::Error);
}

}  // namespace
}  // namespace controller
