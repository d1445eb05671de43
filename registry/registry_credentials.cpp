#include "registry/registry_credentials.h"

#include <algorithm>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/fd.h"

namespace registry {
namespace {

constexpr std::size_t kMaxFile = 1u << 20;
constexpr std::size_t kMaxSecret = 64u << 10;  // tokens of clouds are kilobytes

/// docker's name for its own registry in this file.
std::string keyOf(const std::string& host) {
  return host == "docker.io" ? "https://index.docker.io/v1/" : host;
}

std::string hostOf(const std::string& key) {
  return key == keyOf("docker.io") ? "docker.io" : key;
}

base::JsonObject::Ptr member(const base::JsonObject::Ptr& json, const std::string& key) {
  return json->isObject(key) ? json->getObject(key) : nullptr;
}

RegistryCredential credentialOf(const base::JsonObject::Ptr& entry) {
  RegistryCredential credential{base::jsonString(entry, "username"), base::jsonString(entry, "password"),
                                base::jsonString(entry, "identitytoken")};
  const std::string pair = base::fromBase64(base::jsonString(entry, "auth")).value_or("");
  if (const auto colon = pair.find(':'); colon != std::string::npos) {
    credential.user = pair.substr(0, colon);
    credential.password = pair.substr(colon + 1);
  }
  return credential;
}

}  // namespace

base::JsonObject::Ptr RegistryCredentials::load() const {
  std::error_code missing;
  if (!std::filesystem::exists(file_, missing)) return base::makeJsonObject();
  return base::parseJsonObject(base::readFile(file_, kMaxFile), file_.string());
}

void RegistryCredentials::save(const base::JsonObject::Ptr& config) {
  base::writeFileAtomically(file_, base::toJson(config) + "\n", 0600);
}

std::optional<RegistryCredential> RegistryCredentials::find(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  const auto auths = member(load(), "auths");
  const auto entry = auths ? member(auths, keyOf(host)) : nullptr;
  if (!entry) return std::nullopt;
  return credentialOf(entry);
}

void RegistryCredentials::put(const std::string& host, const RegistryCredential& credential) {
  if (credential.user.empty() || credential.user.find(':') != std::string::npos ||
      credential.user.size() > kMaxSecret)
    throw base::Error(base::Errc::invalidArgument,
                      "a registry's user name is not empty and has no ':' in it");
  if (credential.password.empty() || credential.password.size() > kMaxSecret)
    throw base::Error(base::Errc::invalidArgument,
                      "the password is empty or longer than 64K: give it on the standard input");
  const std::lock_guard lock(mutex_);
  auto config = load();
  auto auths = member(config, "auths");
  if (!auths) auths = base::makeJsonObject();
  auto entry = base::makeJsonObject();
  entry->set("auth", base::toBase64(credential.user + ":" + credential.password));
  auths->set(keyOf(host), entry);
  config->set("auths", auths);
  save(config);
}

bool RegistryCredentials::remove(const std::string& host) {
  const std::lock_guard lock(mutex_);
  auto config = load();
  auto auths = member(config, "auths");
  if (!auths || !auths->has(keyOf(host))) return false;
  auths->remove(keyOf(host));
  save(config);
  return true;
}

std::vector<RegistryCredentials::Login> RegistryCredentials::logins() const {
  const std::lock_guard lock(mutex_);
  std::vector<Login> logins;
  const auto auths = member(load(), "auths");
  if (!auths) return logins;
  for (const std::string& key : auths->getNames()) {
    const auto entry = member(auths, key);
    if (entry) logins.push_back({hostOf(key), credentialOf(entry).user});
  }
  std::sort(logins.begin(), logins.end(), [](const Login& a, const Login& b) { return a.host < b.host; });
  return logins;
}

}  // namespace registry
