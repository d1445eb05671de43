#include "store/detail/config_keys.h"

#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/base64.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace store::detail {
namespace {

constexpr std::size_t kFileMaxBytes = 64u << 10;
constexpr std::size_t kKeptKeys = 2;

std::string aboutOf(AppId app, const std::string& name) {
  return "config " + std::to_string(app) + "\n" + name;
}

}  // namespace

ConfigKeys::ConfigKeys(std::filesystem::path file) : file_(std::move(file)) {
  std::error_code missing;
  if (!std::filesystem::exists(file_, missing)) return;
  const std::string text = base::readFile(file_, kFileMaxBytes);
  ring_.with([&](Ring& ring) {
    for (const std::string& line : base::split(base::trim(text), '\n')) {
      auto key = base::SealingKey::parse(line);
      if (!key)
        throw base::Error(base::Errc::corrupt,
                          "the file " + file_.string() +
                              ", which config vars are sealed with, is damaged: put it back "
                              "from a backup");
      ring.keys.push_back(std::make_shared<const base::SealingKey>(*std::move(key)));
    }
    ring.current = ring.keys.front();
  });
}

std::shared_ptr<const base::SealingKey> ConfigKeys::find(const std::string& id) const {
  return ring_.with([&](const Ring& ring) -> std::shared_ptr<const base::SealingKey> {
    for (const auto& key : ring.keys)
      if (key->id() == id) return key;
    return nullptr;
  });
}

bool ConfigKeys::has(const std::string& id) const {
  return find(id) != nullptr;
}

std::string ConfigKeys::newest() const {
  return ring_.with([](const Ring& ring) { return ring.keys.empty() ? "" : ring.keys.front()->id(); });
}

void ConfigKeys::write(const Ring& ring) const {
  std::string text;
  for (const auto& key : ring.keys)
    text += key->text() + "\n";
  std::filesystem::create_directories(file_.parent_path());
  ::chmod(file_.parent_path().c_str(), 0700);
  base::writeFileAtomically(file_, text, 0600);
}

std::string ConfigKeys::make() {
  auto key = std::make_shared<const base::SealingKey>(base::SealingKey::make());
  Ring ring = ring_.with([](const Ring& now) { return now; });
  ring.keys.insert(ring.keys.begin(), key);
  write(ring);
  ring_.with([&](Ring& now) { now.keys = ring.keys; });
  return key->id();
}

void ConfigKeys::use(const std::string& id) {
  auto key = find(id);
  CHECK(key != nullptr);
  ring_.with([&](Ring& ring) { ring.current = std::move(key); });
}

void ConfigKeys::retire() {
  Ring ring = ring_.with([](const Ring& now) { return now; });
  if (ring.keys.size() <= kKeptKeys) return;
  ring.keys.resize(kKeptKeys);
  write(ring);
  ring_.with([&](Ring& now) { now.keys = ring.keys; });
}

SealedValue ConfigKeys::sealText(const std::string& about, const std::string& text) const {
  const auto key = ring_.with([](const Ring& ring) { return ring.current; });
  CHECK(key != nullptr);
  return {key->id(), base::toBase64(key->seal(text, about))};
}

std::optional<std::string> ConfigKeys::unsealText(const std::string& about, const SealedValue& sealed) const {
  if (sealed.key.empty()) return sealed.text;
  const auto key = find(sealed.key);
  const auto bytes = base::fromBase64(sealed.text);
  if (!key || !bytes) return std::nullopt;
  return key->unseal(*bytes, about);
}

SealedValue ConfigKeys::seal(AppId app, const std::string& name, const std::string& value) const {
  return sealText(aboutOf(app, name), value);
}

std::string ConfigKeys::unseal(AppId app, const std::string& name, const SealedValue& sealed) const {
  if (auto plain = unsealText(aboutOf(app, name), sealed)) return *std::move(plain);
  throw base::Error(base::Errc::corrupt, "the stored value of the config var " + name +
                                             " cannot be read with the keys in " + file_.filename().string() +
                                             ": set it again, or put the database back from a backup");
}

}  // namespace store::detail
