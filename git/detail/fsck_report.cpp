#include "git/detail/fsck_report.h"

#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace git::detail {

void FsckReport::add(const ObjectId& id, FsckMessage message, std::string_view text) {
  constexpr std::size_t kMaxText = 300;
  constexpr std::size_t kKept = 100;
  const Severity severity = policy_.severity(message);
  if (severity == Severity::ignore || policy_.skips(id)) return;
  std::string sentence = "object " + id.hex() + ": " + std::string(fsckMessageName(message)) + ": " +
                         base::printable(text, kMaxText);
  if (severity == Severity::error) throw base::Error(base::Errc::invalidArgument, std::move(sentence));
  ++count_;
  const std::lock_guard lock(mutex_);
  if (warnings_.size() < kKept) warnings_.push_back(std::move(sentence));
}

std::vector<std::string> FsckReport::takeWarnings() {
  const std::lock_guard lock(mutex_);
  return std::exchange(warnings_, {});
}

}  // namespace git::detail
