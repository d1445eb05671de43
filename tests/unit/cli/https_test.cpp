#include <Poco/Net/NetException.h>
#include <Poco/Net/SecureServerSocket.h>
#include <Poco/Net/SecureStreamSocket.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

#include "base/error.h"
#include "base/http_tls.h"
#include "tests/support/test_certificates.h"
#include "tests/unit/cli/scripted_server.h"

namespace {

namespace net = Poco::Net;
using base::Errc;
using base::Error;
using cli::testing::Scene;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// Answers every request by TLS with one line of output, and keeps the requests' heads.
class TlsServer {
 public:
  TlsServer(Scene& scene, std::string_view certificate) {
    socket_.emplace(net::SocketAddress("127.0.0.1", 0), 8,
                    base::makeTlsServerContext(scene.folder.write("server.pem", certificate),
                                               scene.folder.write("server.key", testing_support::kTestKey)));
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    ended_ = true;
    thread_.join();
  }
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(socket_->address().port());
  }
  /// Of the server's thread: read it when the client has its answer.
  std::string head;

 private:
  void serve() {
    while (!ended_) {
      if (!socket_->poll(Poco::Timespan(0, 20'000), net::Socket::SELECT_READ)) continue;
      try {
        net::SecureStreamSocket client(socket_->acceptConnection());
        client.setReceiveTimeout(Poco::Timespan(10, 0));
        answer(client);
      } catch (const Poco::Exception&) {  // a client that refuses us
      }
    }
  }

  void answer(net::SecureStreamSocket& client) {
    head.clear();
    std::string buffer(4096, '\0');
    while (head.find("}") == std::string::npos) {
      const int count = client.receiveBytes(buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) return;
      head.append(buffer, 0, static_cast<std::size_t>(count));
    }
    const std::string body = "{\"out\":\"by tls\\n\"}\n{\"exit\":0}\n";
    const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                               "\r\nConnection: close\r\n\r\n" + body;
    client.sendBytes(answer.data(), static_cast<int>(answer.size()));
    client.shutdown();
  }

  std::optional<net::SecureServerSocket> socket_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

struct HttpsScene : Scene {
  HttpsScene() {
    surroundings.environment.erase("FAIRLEAD_DATA");
    surroundings.environment["FAIRLEAD_TOKEN"] = "secret";
    surroundings.environment["SSL_CERT_FILE"] =
        folder.write("ca.pem", testing_support::kTestAuthority).string();
  }
  void use(const std::string& url) { surroundings.environment["FAIRLEAD_URL"] = url; }
  std::string refusal() {
    try {
      run({"apps"});
    } catch (const Error& failure) {
      EXPECT_EQ(out.text, "");
      return failure.what();
    }
    return "did not fail";
  }
};

TEST(Https, TalksToAServerThatItsAuthorityVouchesFor) {
  HttpsScene scene;
  TlsServer server(scene, testing_support::kTestCertificate);
  for (const char* host : {"localhost", "127.0.0.1"}) {
    scene.out.text.clear();
    scene.use(server.url(host));
    EXPECT_EQ(scene.run({"apps"}), 0);
    EXPECT_EQ(scene.out.text, "by tls\n");
    EXPECT_THAT(server.head, AllOf(HasSubstr("Authorization: Bearer secret"), HasSubstr("POST /fairlead/")));
  }
}

TEST(Https, RefusesAnAuthorityThatIsNotKnown) {
  HttpsScene scene;
  TlsServer server(scene, testing_support::kTestCertificate);
  scene.use(server.url("localhost"));
  scene.surroundings.environment["SSL_CERT_FILE"] =
      scene.folder.write("others.pem", testing_support::kOtherNamesCertificate).string();
  EXPECT_THAT(scene.refusal(), AllOf(HasSubstr("is not believed: unable to get local issuer certificate"),
                                     HasSubstr("SSL_CERT_FILE=")));
  EXPECT_EQ(server.head, "") << "the token left before the certificate was believed";
}

TEST(Https, RefusesACertificateForAnotherName) {
  HttpsScene scene;
  TlsServer server(scene, testing_support::kOtherNamesCertificate);
  scene.use(server.url("localhost"));
  EXPECT_THAT(scene.refusal(), HasSubstr("is not believed: it is not for the name localhost"));
  EXPECT_EQ(server.head, "");
}

TEST(Https, RefusesAnExpiredCertificate) {
  HttpsScene scene;
  TlsServer server(scene, testing_support::kExpiredCertificate);
  scene.use(server.url("localhost"));
  EXPECT_THAT(scene.refusal(), HasSubstr("is not believed: certificate has expired"));
}

TEST(Https, SaysThatTheAuthoritiesCannotBeRead) {
  HttpsScene scene;
  TlsServer server(scene, testing_support::kTestCertificate);
  scene.use(server.url("localhost"));
  for (const std::string& bundle :
       {(scene.folder / "missing.pem").string(), scene.folder.write("empty.pem", "nothing").string()}) {
    scene.surroundings.environment["SSL_CERT_FILE"] = bundle;
    EXPECT_THAT(scene.refusal(), AllOf(HasSubstr("SSL_CERT_FILE"), HasSubstr(bundle)));
  }
}

TEST(Https, SaysThatAServerSpeaksNoTls) {
  HttpsScene scene;
  const auto plain =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "test"), [](const base::HttpRequest&) {
        return base::makeHandler([](base::HttpRequest& request, base::HttpResponse& response) {
          base::sendBody(request, response, 200, "text/plain", "hello");
        });
      });
  scene.use("https://" + plain->address());
  EXPECT_THAT(scene.refusal(), AllOf(HasSubstr("no server answers at https://"), HasSubstr("TLS")));
}

}  // namespace
