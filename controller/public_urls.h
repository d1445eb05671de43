// How the outside world names what we serve.
#pragma once

#include <string>

#include "base/guarded.h"
#include "store/model.h"

namespace controller {

/// Addresses as bound, HOST:PORT each.
struct Endpoints {
  std::string ssh;
  std::string http;
  std::string router;
  std::string https;             ///< the TLS front of http; empty: none
  std::string rendezvous = {};   ///< empty: none
  std::string routerHttps = {};  ///< the router's listener with TLS; empty: none
};

/// URLs for people and clients. The endpoints are set once the listeners are bound. Thread-safe.
class PublicUrls {
 public:
  /// `publicUrl`: the HTTP listener's as the outside world has it ("https://paas.example.org"), or empty.
  explicit PublicUrls(std::string domain, std::string publicUrl = "")
      : domain_(std::move(domain)), publicUrl_(std::move(publicUrl)) {}
  void setEndpoints(const Endpoints& endpoints);
  Endpoints endpoints() const;
  const std::string& domain() const noexcept { return domain_; }
  /// "ssh://git@localhost:2222/hello.git"
  std::string git(const store::AppName& app) const;
  /// "http://hello.localhost:8080/", or with https where the router has TLS
  std::string web(const store::AppName& app) const;
  /// "http://localhost:5000", or the public URL
  std::string http() const;
  /// The same, or the TLS front where there is one: what registry clients use.
  std::string registry() const;
  /// "rendezvous://localhost:5001/SECRET"
  std::string rendezvous(const std::string& secret) const;
  /// What clients from elsewhere call this machine: the host of the public URL, or the domain.
  std::string host() const;
  /// "localhost:5000/hello:v3"
  std::string image(const store::AppName& app, store::ReleaseVersion version) const;

 private:
  /// `address` with a host that clients can use: a wildcard or loopback address becomes the domain.
  std::string reachable(const std::string& address) const;
  std::string domain_;
  std::string publicUrl_;
  base::Guarded<Endpoints> endpoints_;
};

/// `text` when it is an http or https URL of a host, without a path; else throws invalidArgument.
std::string parsePublicUrl(const std::string& text);

}  // namespace controller
