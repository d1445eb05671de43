#include "builder/detail/install_progress.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "base/strings.h"

namespace builder::detail {
namespace {

/// mmdebstrap's own lines to words for people.
constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPhases = {{
    {"I: running apt-get update", "reading package lists"},
    {"I: downloading packages", "downloading packages"},
    {"I: extracting archives", "unpacking the base"},
    {"I: running --customize-hook", "finishing"},
    {"I: cleaning package lists", "cleaning up"},
    {"I: creating tarball", "packing"},
}};

constexpr std::size_t kKeptLines = 3;
constexpr std::size_t kMaxLine = 4096;

void keep(std::deque<std::string>& lines, std::string_view text) {
  lines.push_back(base::printable(text, 300));
  if (lines.size() > kKeptLines) lines.pop_front();
}

}  // namespace

void InstallProgress::write(std::string_view bytes) {
  for (const char byte : bytes) {
    if (byte == '\n' || byte == '\r') {
      line(base::trim(partial_));
      partial_.clear();
    } else if (partial_.size() < kMaxLine) {
      partial_ += byte;
    }
  }
}

void InstallProgress::line(std::string_view text) {
  if (text.empty()) return;
  for (const auto& [start, words] : kPhases) {
    if (text.starts_with(start)) phase_ = words;
  }
  constexpr std::string_view kCount = " upgraded, ";
  if (const auto at = text.find(kCount); at != text.npos && text.find(" newly installed") != text.npos) {
    packages_ += std::atoi(std::string(text.substr(at + kCount.size())).c_str());
  }
  if (text.starts_with("Unpacking ")) {
    ++unpacked_;
    phase_ = "unpacking";
  }
  if (text.starts_with("Setting up ")) {
    ++configured_;
    phase_ = "setting up";
  }
  // The first error is the cause, those after it only follow.
  const bool isError = text.starts_with("E: ") || text.starts_with("W: Failed to fetch");
  if (isError && errors_.size() < kKeptLines) keep(errors_, text);
  if (!text.starts_with("I: ")) keep(last_, text);
}

std::string InstallProgress::describe() const {
  const int done = phase_ == "unpacking" ? unpacked_ : configured_;
  if (phase_ != "unpacking" && phase_ != "setting up") return phase_;
  if (done > packages_) return phase_;
  return phase_ + ", " + std::to_string(done) + " of " + std::to_string(packages_) + " packages";
}

std::string InstallProgress::lastWords() const {
  const auto& lines = errors_.empty() ? last_ : errors_;
  return base::join({lines.begin(), lines.end()}, "; ");
}

}  // namespace builder::detail
