// A registry elsewhere that misbehaves as it is told.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/http.h"
#include "base/strings.h"
#include "store/model.h"

namespace testing_support {

/// Holds one repository's blobs and manifests in memory. Switches are set before requests are made.
class FakeRegistry {
 public:
  // What it does.
  std::string challenge;            ///< asked of who brings no "Authorization" that is in `good`
  std::set<std::string> good;       ///< values of Authorization that are let in
  std::vector<std::string> tokens;  ///< given out by /token, one after the other
  std::size_t breakAfter = 0;       ///< cuts each blob's download after so many bytes; 0: never
  bool knowsRanges = true;
  int wholePutStatus = 0;          ///< answer to a blob in one PUT; 0: taken
  std::string forgetAfterUploads;  ///< an Authorization that is not good any more when an upload began
  int failing = 0;                 ///< so many requests are answered 503 first
  std::string redirectBlobsTo;     ///< host:port of another one

  // What it has and what it saw.
  std::map<std::string, std::string> blobs;                              ///< by digest
  std::map<std::string, std::pair<std::string, std::string>> manifests;  ///< type and bytes, by reference
  std::string mountable;                                                 ///< a digest that can be mounted
  std::vector<std::string> log;                                          ///< "METHOD PATH"

  std::string host() const { return server_->address(); }
  std::size_t count(const std::string& part) const {
    std::size_t found = 0;
    for (const std::string& line : log)
      found += line.find(part) != std::string::npos;
    return found;
  }
  std::string put(const std::string& content) {
    const std::string digest = store::Digest::of(content).str();
    blobs[digest] = content;
    return digest;
  }

 private:
  using Request = base::HttpRequest;
  using Response = base::HttpResponse;

  void serve(Request& request, Response& response) {
    const std::lock_guard lock(mutex_);
    const std::string uri = request.getURI();
    const std::string method = request.getMethod();
    log.push_back(method + " " + uri);
    if (failing > 0) {
      --failing;
      return answer(request, response, 503);
    }
    if (uri.starts_with("/token")) {
      if (tokens.empty()) return answer(request, response, 401);
      const std::string token = tokens.front();
      if (tokens.size() > 1) tokens.erase(tokens.begin());
      return base::sendJson(request, response, 200, "{\"token\":\"" + token + "\",\"expires_in\":300}");
    }
    if (!challenge.empty() && !good.contains(request.get("Authorization", ""))) {
      std::string text = challenge;
      if (const auto at = text.find("HERE"); at != std::string::npos) text.replace(at, 4, host());
      response.set("WWW-Authenticate", text);
      return answer(request, response, 401);
    }
    if (uri.find("/manifests/") != std::string::npos) return serveManifest(request, response);
    if (uri.find("/blobs/uploads/") != std::string::npos) return serveUpload(request, response);
    serveBlob(request, response);
  }

  static void answer(Request& request, Response& response, int status) {
    base::sendBody(request, response, status, "application/json",
                   status >= 400 ? R"({"errors":[{"code":"X","message":"so it is"}]})" : "");
  }
  static std::string lastWord(const std::string& uri) { return uri.substr(uri.rfind('/') + 1); }

  void serveManifest(Request& request, Response& response) {
    const std::string reference = lastWord(request.getURI());
    if (request.getMethod() == "PUT") {
      manifests[reference] = {request.getContentType(), base::readBody(request, 1u << 20, "x")};
      return answer(request, response, 201);
    }
    const auto found = manifests.find(reference);
    if (found == manifests.end()) return answer(request, response, 404);
    base::sendBody(request, response, 200, found->second.first, found->second.second);
  }

  void serveBlob(Request& request, Response& response) {
    const auto found = blobs.find(lastWord(request.getURI()));
    if (found == blobs.end()) return answer(request, response, 404);
    if (!redirectBlobsTo.empty()) {
      response.set("Location", "http://" + redirectBlobsTo + "/elsewhere/" + found->first);
      return answer(request, response, 307);
    }
    std::string_view content = found->second;
    const std::string range = request.get("Range", "");
    std::uint64_t from = 0;
    if (knowsRanges && range.starts_with("bytes=") &&
        base::parseNumber(range.substr(6, range.size() - 7), from)) {
      response.set("Content-Range", "bytes " + std::to_string(from) + "-" +
                                        std::to_string(content.size() - 1) + "/" +
                                        std::to_string(content.size()));
      content.remove_prefix(from);
      response.setStatus(Poco::Net::HTTPResponse::HTTP_PARTIAL_CONTENT);
    }
    response.setContentLength64(static_cast<std::int64_t>(content.size()));
    std::ostream& out = response.send();
    if (request.getMethod() == "HEAD") return;
    if (breakAfter == 0 || content.size() <= breakAfter) {
      out << content << std::flush;
      return;
    }
    out << content.substr(0, breakAfter) << std::flush;
    throw base::Error(base::Errc::io, "cut on purpose");
  }

  void serveUpload(Request& request, Response& response) {
    const std::string uri = request.getURI();
    const std::string method = request.getMethod();
    const auto digestAt = uri.find("digest=");
    if (method == "POST" && !mountable.empty() && uri.find("mount=" + mountable) != std::string::npos) {
      blobs[mountable] = "mounted";
      return answer(request, response, 201);
    }
    if (method == "POST") {
      good.erase(forgetAfterUploads);
      uploads_[++lastUpload_] = "";
      response.set("Location", "/v2/team/app/blobs/uploads/" + std::to_string(lastUpload_) + "?state=x");
      return answer(request, response, 202);
    }
    std::uint64_t id = 0;
    const std::string word = lastWord(uri);
    base::parseNumber(word.substr(0, word.find('?')), id);
    std::string body = base::readBody(request, 64u << 20, "x");
    if (method == "PUT" && !body.empty() && wholePutStatus != 0)
      return answer(request, response, wholePutStatus);
    uploads_[id] += body;
    response.set("Location", "/v2/team/app/blobs/uploads/" + std::to_string(id) + "?state=x");
    if (method == "PATCH") return answer(request, response, 202);
    const std::string digest = uri.substr(digestAt + 7);
    if (store::Digest::of(uploads_[id]).str() != digest) return answer(request, response, 400);
    blobs[digest] = uploads_[id];
    answer(request, response, 201);
  }

  std::mutex mutex_;
  std::map<std::uint64_t, std::string> uploads_;
  std::uint64_t lastUpload_ = 0;
  std::unique_ptr<base::HttpServer> server_ = base::HttpServer::onTcp(
      base::listenTcp("127.0.0.1:0", "http_listen"), [this](const base::HttpRequest&) {
        return base::makeHandler([this](Request& request, Response& response) { serve(request, response); });
      });
};

}  // namespace testing_support
