// A registry behind a live server, and a client that asks it.
#pragma once

#include <Poco/Net/HTTPClientSession.h>
#include <Poco/Net/HTTPRequest.h>
#include <Poco/Net/HTTPResponse.h>
#include <Poco/StreamCopier.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "registry/registry_handler.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace registry {

using store::Digest;
using store::RepositoryName;
using Headers = std::vector<std::pair<std::string, std::string>>;

struct Answer {
  Poco::Net::HTTPResponse head;
  std::string body;
  int status() const { return head.getStatus(); }
  std::string header(const std::string& name) const { return head.get(name, "(none)"); }
};

/// "Basic good" may do everything, "Basic reader" may read what is not below secret/, nobody else anything
/// but the loopback interface read, and say who it is (the version check).
inline Decision verdict(const AccessQuestion& question) {
  if (question.action == Action::check && question.authorization.empty()) return Verdict::logIn;
  if (question.authorization == "Bearer narrow") return Verdict::insufficient;
  if (question.authorization == "Bearer old")
    throw base::Error(base::Errc::unauthenticated, "its time was over");
  const bool reads = question.action != Action::push && question.action != Action::remove;
  if (question.authorization == "Basic good") return {Verdict::allowed, "good"};
  if (question.authorization == "Basic reader")
    return reads && !question.repository.starts_with("secret/") ? Verdict::allowed : Verdict::denied;
  if (question.authorization == "Basic pusher")
    return {question.repository.starts_with("secret/") ? Verdict::denied : Verdict::allowed, "pusher"};
  return question.authorization.empty() && reads && question.fromLoopback ? Verdict::allowed : Verdict::logIn;
}

/// One server, in a folder that may hold an earlier one's state.
struct Site {
  explicit Site(const std::filesystem::path& folder, const RegistryOptions& options = {})
      : releases(folder / "fairlead.db", clock),
        blobs(folder / "blobs"),
        uploads(rows, blobs, folder / "blobs/sessions", clock),
        api({releases, rows, blobs, uploads, metrics}, verdict, options) {}

  Answer ask(const std::string& method, const std::string& path, const Headers& headers = {},
             const std::string& body = "") {
    Poco::Net::HTTPClientSession session(Poco::Net::SocketAddress(server->address()));
    Poco::Net::HTTPRequest request(method, path, "HTTP/1.1");
    for (const auto& [name, value] : headers)
      request.set(name, value);
    if (!body.empty() || method == "PUT" || method == "PATCH" || method == "POST")
      request.setContentLength64(static_cast<std::int64_t>(body.size()));
    session.sendRequest(request) << body << std::flush;
    Answer answer;
    std::istream& in = session.receiveResponse(answer.head);
    if (method != "HEAD") Poco::StreamCopier::copyToString(in, answer.body);
    return answer;
  }
  /// With the right to everything.
  Answer put(const std::string& method, const std::string& path, const std::string& body = "",
             Headers headers = {}) {
    headers.emplace_back("Authorization", "Basic good");
    return ask(method, path, headers, body);
  }
  /// A new upload's path.
  std::string begin(const std::string& repository) {
    const Answer answer = put("POST", "/v2/" + repository + "/blobs/uploads/");
    EXPECT_EQ(answer.status(), 202);
    return answer.header("Location");
  }
  /// Pushes a blob in one request.
  Digest push(const std::string& repository, const std::string& content) {
    const Digest digest = Digest::of(content);
    EXPECT_EQ(put("POST", "/v2/" + repository + "/blobs/uploads/?digest=" + digest.str(), content).status(),
              201);
    return digest;
  }

  test::FakeClock clock;
  store::ReleaseStore releases;
  store::RegistryStore rows{releases};
  store::DiskBlobStore blobs;
  store::UploadStore uploads;
  base::Metrics metrics;
  RegistryApi api;
  std::unique_ptr<base::HttpServer> server =
      base::HttpServer::onTcp(base::listenTcp("127.0.0.1:0", "http_listen"),
                              [this](const base::HttpRequest& request) { return api.handler(request); });
};

class RegistryTest : public ::testing::Test {
 protected:
  testing_support::TempFolder folder_;
  std::unique_ptr<Site> site_ = std::make_unique<Site>(folder_.path());
};

/// The status and the code of an answer: "404 BLOB_UNKNOWN".
inline std::string outcomeOf(const Answer& answer) {
  const std::string mark = "{\"errors\":[{\"code\":\"";
  std::string text = std::to_string(answer.status());
  if (answer.body.starts_with(mark))
    text += " " + answer.body.substr(mark.size(), answer.body.find('"', mark.size()) - mark.size());
  return text;
}

}  // namespace registry
