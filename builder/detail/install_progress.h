// How far mmdebstrap is, read from its log.
#pragma once

#include <deque>
#include <string>
#include <string_view>

namespace builder::detail {

/// Follows the log of one `mmdebstrap --verbose`. Memory is bounded. One thread at a time.
class InstallProgress {
 public:
  void write(std::string_view bytes);
  /// "unpacking, 62 of 115 packages": never empty.
  std::string describe() const;
  /// The lines that tell why it failed, joined with "; ", printable.
  std::string lastWords() const;

 private:
  void line(std::string_view text);

  std::string partial_;
  std::string phase_ = "starting";
  int packages_ = 0;
  int unpacked_ = 0;
  int configured_ = 0;
  std::deque<std::string> errors_;
  std::deque<std::string> last_;
};

}  // namespace builder::detail
