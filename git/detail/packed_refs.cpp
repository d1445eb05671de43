#include "git/detail/packed_refs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/fd.h"

namespace git::detail {
namespace {

constexpr std::size_t kMaxBytes = 256u << 20;
constexpr std::string_view kHeader = "# pack-refs with:";

std::string_view takeLine(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

bool byName(const PackedRef& a, const PackedRef& b) {
  return a.name < b.name;
}

}  // namespace

PackedRefs::PackedRefs(ObjectFormat format, std::string text) : text_(std::move(text)) {
  parse(format);
}

void PackedRefs::parse(ObjectFormat format) {
  const std::size_t hexSize = idSize(format) * 2;
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::string_view line = takeLine(rest);
    if (line.starts_with('#')) {
      if (!line.starts_with(kHeader)) continue;
      fullyPeeled_ = line.find(" fully-peeled") != std::string_view::npos;
      sorted_ = line.find(" sorted") != std::string_view::npos;
    } else if (line.starts_with('^')) {
      const auto peeled = ObjectId::parse(format, line.substr(1));
      if (refs_.empty() || !peeled) throw base::Error(base::Errc::corrupt, "the file packed-refs is damaged");
      refs_.back().peeled = peeled;
    } else {
      const auto id = ObjectId::parse(format, line.substr(0, hexSize));
      if (!id || line.size() < hexSize + 2 || line[hexSize] != ' ')
        throw base::Error(base::Errc::corrupt, "the file packed-refs is damaged");
      refs_.push_back({line.substr(hexSize + 1), *id, std::nullopt});
    }
  }
  // Who wrote "sorted" may have been wrong: a search in what is not sorted would miss refs.
  if (!sorted_ || !std::is_sorted(refs_.begin(), refs_.end(), byName))
    std::stable_sort(refs_.begin(), refs_.end(), byName);
}

std::optional<PackedRefs::Stamp> PackedRefs::stampOf(const std::filesystem::path& file) {
  struct stat found {};
  if (::stat(file.c_str(), &found) != 0) return std::nullopt;
  return Stamp{found.st_ino, found.st_size, found.st_mtim};
}

std::unique_ptr<PackedRefs> PackedRefs::load(ObjectFormat format, const std::filesystem::path& file) {
  // The stamp first: a file that is replaced in between is read again at the next look.
  const auto stamp = stampOf(file);
  std::string text;
  if (stamp) {
    try {
      text = base::readFile(file, kMaxBytes);
    } catch (const base::Error& error) {
      if (error.code() != base::Errc::notFound) throw;
    }
  }
  auto refs = std::make_unique<PackedRefs>(format, std::move(text));
  refs->stamp_ = stamp;
  return refs;
}

bool PackedRefs::isCurrent(const std::filesystem::path& file) const {
  const auto now = stampOf(file);
  if (!now || !stamp_) return !now && !stamp_;
  return now->inode == stamp_->inode && now->size == stamp_->size &&
         now->changed.tv_sec == stamp_->changed.tv_sec && now->changed.tv_nsec == stamp_->changed.tv_nsec;
}

const PackedRef* PackedRefs::find(std::string_view name) const {
  const auto at = std::lower_bound(refs_.begin(), refs_.end(), name,
                                   [](const PackedRef& ref, std::string_view key) { return ref.name < key; });
  return at != refs_.end() && at->name == name ? &*at : nullptr;
}

std::span<const PackedRef> PackedRefs::below(std::string_view prefix) const {
  const auto first =
      std::lower_bound(refs_.begin(), refs_.end(), prefix,
                       [](const PackedRef& ref, std::string_view key) { return ref.name < key; });
  const auto last = std::find_if_not(first, refs_.end(),
                                     [&](const PackedRef& ref) { return ref.name.starts_with(prefix); });
  return {first, last};
}

std::string PackedRefs::format(std::span<const PackedRef> refs, bool fullyPeeled) {
  std::string text = "# pack-refs with: peeled ";
  text.append(fullyPeeled ? "fully-peeled " : "").append("sorted \n");
  for (const PackedRef& ref : refs) {
    text.append(ref.id.hex()).append(" ").append(ref.name).append("\n");
    if (ref.peeled) text.append("^").append(ref.peeled->hex()).append("\n");
  }
  return text;
}

}  // namespace git::detail
