// Processes that a client of the API attaches to.
#include <Poco/Net/StreamSocket.h>
#include <Poco/Timespan.h>

#include <variant>

#include "base/fd.h"
#include "base/http_tls.h"
#include "controller/rendezvous.h"
#include "tests/support/test_certificates.h"
#include "tests/unit/api/api_test.h"

namespace api {
namespace {

using ::testing::StartsWith;

/// A rendezvous at a port of this machine, and what the attached process was asked for.
class AttachTest : public ApiTest {
 protected:
  AttachTest() {
    control_.rendezvous = &rendezvous_;
    urls_.setEndpoints({"127.0.0.1:2222", server_->address(), "127.0.0.1:8080", "", rendezvous_.address()});
    ask("POST", "/apps", R"({"name": "hello"})");
  }
  ~AttachTest() override { rendezvous_.stop(); }  // its sessions use what goes next

  /// All that an attached client hears, as the heroku program comes.
  std::string attach(const std::string& url) {
    Poco::Net::StreamSocket plain(Poco::Net::SocketAddress{rendezvous_.address()});
    plain.setReceiveTimeout(Poco::Timespan(20, 0));
    const auto authority = temp_.write("ca.pem", testing_support::kTestAuthority);
    auto secure = base::startTls(plain, "localhost", base::makeTlsContext(authority));
    auto& socket = std::get<Poco::Net::StreamSocket>(secure);
    const std::string secret = url.substr(url.rfind('/') + 1) + "\r\n";
    socket.sendBytes(secret.data(), static_cast<int>(secret.size()));
    std::string heard;
    char buffer[512];
    while (const int count = socket.receiveBytes(buffer, sizeof buffer))
      heard.append(buffer, static_cast<std::size_t>(count));
    return heard;
  }

  controller::Rendezvous rendezvous_{
      {.certificate = temp_.write("cert.pem", testing_support::kTestCertificate),
       .key = temp_.write("key.pem", testing_support::kTestKey),
       .read = [](const std::filesystem::path& file) { return base::readFile(file); }},
      base::listenTcp("127.0.0.1:0", "rendezvous_listen"),
      clock_};
};

TEST_F(AttachTest, AProcessRunsWhenItsClientComesToTheRendezvous) {
  EXPECT_EQ(ask("POST", "/apps/hello/dynos", R"({"command": "ls", "attach": true})").status, 409);
  deploy();
  oneOffs_.output = "a file\n";
  const Answer made = ask("POST", "/apps/hello/dynos",
                          R"({"command": "ls ; echo \"\uffff status: $?\"", "attach": true,
                              "env": {"COLUMNS": 100, "LINES": 30, "TERM": "xterm", "A": "b"}})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.at("state"), "starting");
  EXPECT_THAT(made.at("name"), ::testing::MatchesRegex("run\\.[1-9][0-9]{3}"));
  EXPECT_THAT(made.at("attach_url"), StartsWith("rendezvous://localhost:"));
  EXPECT_TRUE(oneOffs_.asked().empty()) << "it began without its client";
  EXPECT_EQ(attach(made.at("attach_url")), "rendezvous\r\na file\n");
  const runner::OneOff asked = oneOffs_.asked().at(0);
  EXPECT_EQ(asked.command.at(2), "ls ; echo \"\xef\xbf\xbf status: $?\"");
  EXPECT_EQ(asked.environment, (store::ConfigVars{{"A", "b"}}));
  EXPECT_EQ("run." + std::to_string(asked.number), made.at("name"));
  ASSERT_TRUE(oneOffs_.terminal());
  EXPECT_EQ(oneOffs_.terminal()->columns, 100u);
}

TEST_F(AttachTest, ItHasATerminalWhenItsClientHasOne) {
  deploy();
  for (const char* without :
       {R"({"command": "ls", "attach": true, "env": {"TERM": "xterm"}})",
        R"({"command": "ls", "attach": true, "env": {"COLUMNS": "x", "LINES": 3}})",
        R"({"command": "ls", "attach": true, "force_no_tty": true, "env": {"COLUMNS": 80, "LINES": 24}})"}) {
    attach(ask("POST", "/apps/hello/dynos", without).at("attach_url"));
    EXPECT_FALSE(oneOffs_.terminal()) << without;
  }
}

TEST_F(AttachTest, WhatWentMeanwhileIsTold) {
  deploy();
  const std::string url =
      ask("POST", "/apps/hello/dynos", R"({"command": "ls", "attach": true})").at("attach_url");
  ask("DELETE", "/apps/hello");
  EXPECT_THAT(attach(url), StartsWith("rendezvous\r\nfairlead: There is no app"));
}

}  // namespace
}  // namespace api
