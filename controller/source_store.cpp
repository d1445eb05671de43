#include "controller/source_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "controller/body_intake.h"

namespace controller {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;

constexpr std::string_view kPrefix = "/sources/";
constexpr auto kSweepEvery = std::chrono::hours(1);

bool isUuid(std::string_view text) {
  constexpr std::size_t kLength = 36;
  return text.size() == kLength && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos &&
         text.front() != '-';
}

/// Path and query of a URL, or what was given when it is none.
std::string withoutHost(const std::string& url) {
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  const auto path = url.find('/', scheme + 3);
  return path == std::string::npos ? "/" : url.substr(path);
}

bool isPlainUrl(std::string_view url) {
  constexpr std::size_t kMaxUrl = 4096;
  if (url.size() > kMaxUrl) return false;
  for (const char byte : url)
    if (byte <= ' ' || byte >= 0x7f) return false;
  return true;
}

}  // namespace

SourceStore::SourceStore(fs::path folder, Config config, const UrlSigner& signer, const base::Clock& clock)
    : folder_(std::move(folder)), config_(config), signer_(signer), clock_(clock) {
  fs::create_directories(folder_);
  if (::chmod(folder_.c_str(), 0700) != 0) base::throwErrno(errno, "protecting the sources folder");
  removeLeft(Left::unfinished);
  sweeper_ = std::jthread([this](const std::stop_token& stop) {
    pthread_setname_np(pthread_self(), "sources");
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(lock, stop, kSweepEvery, [] { return false; });
      if (!stop.stop_requested()) sweep();
    }
  });
}

SourceStore::~SourceStore() = default;

SourceStore::Paths SourceStore::create() const {
  const std::string path = std::string(kPrefix) + base::randomUuid();
  return {signer_.sign("GET", path), signer_.sign("PUT", path)};
}

fs::path SourceStore::place(const std::string& pathAndQuery) const {
  const std::string path = pathAndQuery.substr(0, pathAndQuery.find('?'));
  const std::string name = path.starts_with(kPrefix) ? path.substr(kPrefix.size()) : "";
  if (!isUuid(name)) throw Error(Errc::notFound, "there is no such source: make one with POST /sources");
  return folder_ / name;
}

void SourceStore::refuseSize() const {
  throw Error(Errc::invalidArgument, "the source is larger than " + base::formatBytes(config_.maxBytes) +
                                         ": make it smaller, or raise the setting source_max_bytes");
}

void SourceStore::put(const std::string& pathAndQuery, base::ByteSource& body) {
  const base::Time end = signer_.check("PUT", pathAndQuery);
  const IntakeRules rules{.folder = folder_,
                          .maxBytes = config_.maxBytes,
                          .minFreeBytes = config_.minFreeBytes,
                          .end = end,
                          .refuseSize = [this] { refuseSize(); }};
  base::AtomicFile file(place(pathAndQuery), 0600);
  takeBody(body, file, rules, clock_);
  file.commit();
}

fs::path SourceStore::file(const std::string& pathAndQuery) const {
  signer_.check("GET", pathAndQuery);
  fs::path file = place(pathAndQuery);
  if (!fs::exists(file))
    throw Error(Errc::notFound, "nothing was uploaded there yet: PUT the tarball to the source's put_url");
  return file;
}

std::shared_ptr<const base::Fd> SourceStore::resolve(const std::string& url) const {
  if (!isPlainUrl(url))
    throw Error(Errc::invalidArgument, "the source's URL is too long or has spaces in it");
  const std::string path = withoutHost(url);
  if (path.starts_with(kPrefix) && UrlSigner::isSigned(path)) {
    signer_.check("GET", path);
    const fs::path file = place(path);
    if (!fs::exists(file))
      throw Error(Errc::invalidArgument,
                  "nothing was uploaded to the source yet: PUT the tarball to its put_url first");
    return std::make_shared<const base::Fd>(base::openFile(file, O_RDONLY | O_NOFOLLOW));
  }
  constexpr std::string_view kHttps = "https://";
  if (!url.starts_with(kHttps) || url.size() == kHttps.size())
    throw Error(Errc::invalidArgument,
                "the source's URL must be a get_url of POST /sources, or begin with https://");
  return nullptr;
}

void SourceStore::sweep() {
  removeLeft(Left::old);
}

/// A file's time is that of its upload, which lay within the signature's life: after twice that nobody can
/// ask for it.
void SourceStore::removeLeft(Left also) {
  const auto now = clock_.now();
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder_, failed)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0) continue;
    const base::Time changed{std::chrono::seconds(info.st_mtime)};
    const bool unfinished = !isUuid(entry.path().filename().string());
    if ((unfinished && also == Left::unfinished) || changed + signer_.lifetime() < now)
      fs::remove(entry.path(), failed);
  }
  if (failed) base::Log("controller").warn("old sources could not be removed", {{"error", failed.message()}});
}

}  // namespace controller
