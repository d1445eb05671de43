#include "git/ref_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/detail/packed_refs.h"
#include "git/ref_name.h"

namespace git {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxSymbolicDepth = 5;
constexpr int kMaxFolderDepth = 128;
constexpr std::size_t kMaxTagDepth = 64;
constexpr std::size_t kMaxTagBytes = 16u << 20;

void checkName(const std::string& name) {
  if (isOldRefName(name) || isPseudoRefName(name)) return;
  throw base::Error(base::Errc::invalidArgument, "not a ref name: " + base::printable(name));
}

bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Content of a loose ref. Nothing valid: nullopt.
std::optional<RefValue> parseLoose(ObjectFormat format, std::string_view text) {
  if (text.starts_with("ref:")) {
    const std::string_view target = base::trim(text.substr(4));
    if (!isOldRefName(target) && !isPseudoRefName(target)) return std::nullopt;
    return RefValue{ObjectId::null(format), std::string(target)};
  }
  const std::size_t hexSize = idSize(format) * 2;
  if (text.size() > hexSize && !isSpace(text[hexSize])) return std::nullopt;
  const auto id = ObjectId::parse(format, text.substr(0, hexSize));
  if (!id) return std::nullopt;
  return RefValue{*id, ""};
}

enum class Found { none, text, link };
struct LooseFile {
  Found found = Found::none;
  std::string text;  // of the file, or where the link points to
};

/// A symbolic link is how HEAD was written long ago.
LooseFile readLooseFile(int folder, const char* name) {
  std::array<char, 4096> buffer;
  const base::Fd file(::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ELOOP) {
      const ssize_t size = ::readlinkat(folder, name, buffer.data(), buffer.size());
      if (size > 0) return {Found::link, std::string(buffer.data(), static_cast<std::size_t>(size))};
    }
    if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG) return {};
    base::throwErrno(errno, "reading ref " + base::printable(name));
  }
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) {
    if (errno == EISDIR) return {};
    base::throwErrno(errno, "reading ref " + base::printable(name));
  }
  return {Found::text, std::string(buffer.data(), static_cast<std::size_t>(size))};
}

std::optional<RefValue> parseFile(ObjectFormat format, const LooseFile& file) {
  if (file.found == Found::text) return parseLoose(format, file.text);
  if (file.found == Found::link && isOldRefName(file.text))
    return RefValue{ObjectId::null(format), file.text};
  return std::nullopt;
}

struct LooseRef {
  std::string name;
  RefValue value;
};

/// Collects the loose refs below one folder.
class LooseWalk {
 public:
  LooseWalk(ObjectFormat format, std::string_view prefix) : format_(format), prefix_(prefix) {}

  /// `name` ends with a slash.
  void walk(base::Fd folder, const std::string& name, int depth) {
    if (!folder.valid() || depth > kMaxFolderDepth) return;
    const int raw = folder.get();
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(raw), &::closedir);
    if (!entries) base::throwErrno(errno, "listing refs");
    (void)folder.release();
    while (const dirent* entry = ::readdir(entries.get())) {
      const std::string_view part = entry->d_name;
      if (part.starts_with('.') || part.ends_with(".lock")) continue;
      visit(raw, name + std::string(part), entry, depth);
    }
  }
  std::vector<LooseRef> take() { return std::move(refs_); }

 private:
  void visit(int folder, const std::string& name, const dirent* entry, int depth) {
    const std::string below = name + "/";
    const bool wanted = std::string_view(name).starts_with(prefix_);
    if (!wanted && !prefix_.starts_with(below)) return;
    if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) {
      base::Fd inner(::openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
      if (inner.valid()) return walk(std::move(inner), below, depth + 1);
      if (entry->d_type == DT_DIR) return;
    }
    if (!wanted || !isOldRefName(name)) return;
    auto value = parseFile(format_, readLooseFile(folder, entry->d_name));
    // A file that says nothing valid still hides what packed-refs says.
    refs_.push_back({name, value.value_or(RefValue{ObjectId::null(format_), ""})});
  }

  ObjectFormat format_;
  std::string_view prefix_;
  std::vector<LooseRef> refs_;
};

}  // namespace

RefStore::RefStore(Repository repository) : repository_(std::move(repository)) {}
RefStore::~RefStore() = default;

const detail::PackedRefs& RefStore::packed() const {
  const fs::path file = repository_.commonDir / "packed-refs";
  if (!packed_ || !packed_->isCurrent(file)) packed_ = detail::PackedRefs::load(repository_.format, file);
  return *packed_;
}

std::optional<RefValue> RefStore::readLoose(const std::string& name) const {
  const fs::path& folder = name.starts_with("refs/") ? repository_.commonDir : repository_.gitDir;
  const LooseFile file = readLooseFile(AT_FDCWD, (folder / name).c_str());
  if (file.found == Found::none) return std::nullopt;
  auto value = parseFile(repository_.format, file);
  if (!value) throw base::Error(base::Errc::corrupt, "the file of ref " + name + " is damaged");
  return value;
}

std::optional<RefValue> RefStore::read(const std::string& name) const {
  checkName(name);
  if (auto loose = readLoose(name)) return loose;
  if (!name.starts_with("refs/")) return std::nullopt;
  // Who packs refs writes packed-refs first, then removes the loose file: looked at in the other order, a ref
  // cannot be missed.
  if (const detail::PackedRef* ref = packed().find(name)) return RefValue{ref->id, ""};
  return std::nullopt;
}

std::optional<ObjectId> RefStore::resolve(const std::string& name) const {
  std::string at = name;
  for (int depth = 0; depth <= kMaxSymbolicDepth; ++depth) {
    auto value = read(at);
    if (!value) return std::nullopt;
    if (!value->isSymbolic()) return value->id;
    at = std::move(value->target);
  }
  throw base::Error(base::Errc::corrupt, "ref " + name + " points to itself");
}

std::string RefStore::resolveName(const std::string& name) const {
  std::string at = name;
  for (int depth = 0; depth <= kMaxSymbolicDepth; ++depth) {
    auto value = read(at);
    if (!value || !value->isSymbolic()) return at;
    at = std::move(value->target);
  }
  throw base::Error(base::Errc::corrupt, "ref " + name + " points to itself");
}

Head RefStore::head() const {
  Head head;
  const auto value = read("HEAD");
  if (!value) return head;
  if (!value->isSymbolic()) {
    head.id = value->id;
    return head;
  }
  head.target = resolveName(value->target);
  const auto found = read(head.target);
  if (found && !found->isSymbolic()) head.id = found->id;
  return head;
}

std::vector<Ref> RefStore::list(std::string_view prefix) const {
  LooseWalk walk(repository_.format, prefix);
  walk.walk(base::Fd(::open((repository_.commonDir / "refs").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
            "refs/", 0);
  std::vector<LooseRef> loose = walk.take();
  std::sort(loose.begin(), loose.end(), [](const LooseRef& a, const LooseRef& b) { return a.name < b.name; });
  const detail::PackedRefs& packedRefs = packed();
  const auto all = packedRefs.below(prefix);
  std::vector<Ref> refs;
  refs.reserve(loose.size() + all.size());
  auto packedAt = all.begin();
  const auto addPacked = [&] {
    refs.push_back({std::string(packedAt->name), packedAt->id, "", packedAt->peeled,
                    packedAt->peeled || packedRefs.fullyPeeled()});
    ++packedAt;
  };
  for (LooseRef& ref : loose) {
    while (packedAt != all.end() && packedAt->name < ref.name)
      addPacked();
    if (packedAt != all.end() && packedAt->name == ref.name) ++packedAt;
    refs.push_back({std::move(ref.name), ref.value.id, std::move(ref.value.target), std::nullopt, false});
  }
  while (packedAt != all.end())
    addPacked();
  for (Ref& ref : refs) {
    if (ref.target.empty()) continue;
    try {
      ref.id = resolve(ref.target).value_or(ref.id);
    } catch (const base::Error& error) {
      if (error.code() != base::Errc::corrupt) throw;
    }
  }
  std::erase_if(refs, [](const Ref& ref) { return ref.id.isNull() || !isOldRefName(ref.name); });
  return refs;
}

std::optional<ObjectId> peelTag(const ObjectSource& objects, const ObjectId& id) {
  ObjectId at = id;
  bool isTag = false;
  for (std::size_t depth = 0; depth < kMaxTagDepth; ++depth) {
    const auto header = objects.findHeader(at);
    if (!header) return std::nullopt;
    if (header->type != ObjectType::tag) return isTag ? std::optional(at) : std::nullopt;
    isTag = true;
    const auto tag = objects.find(at, kMaxTagBytes);
    if (!tag || !tag->data.starts_with("object ")) return std::nullopt;
    const auto target = ObjectId::parse(id.format(), std::string_view(tag->data).substr(7, id.size() * 2));
    if (!target) return std::nullopt;
    at = *target;
  }
  return std::nullopt;
}

std::optional<ObjectId> peel(const ObjectSource& objects, const Ref& ref) {
  return ref.peelKnown ? ref.peeled : peelTag(objects, ref.id);
}

}  // namespace git
