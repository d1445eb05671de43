#include "controller/signing_key.h"

#include <string_view>

#include "base/atomic_file.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyFileMaxBytes = 1024;

}  // namespace

std::string readOrMakeKey(const std::filesystem::path& file, const std::string& use) {
  if (!std::filesystem::exists(file))
    base::writeFileAtomically(file, base::randomHex(kKeyBytes) + "\n", 0600);
  const std::string text = base::readFile(file, kKeyFileMaxBytes);
  const std::string_view key = base::trim(text);
  if (key.size() < 2 * kKeyBytes)
    throw base::Error(base::Errc::corrupt, file.filename().string() +
                                               " in the keys folder is damaged: remove it, and " + use +
                                               " before are void");
  return std::string(key);
}

bool sameSignature(std::string_view mine, std::string_view theirs) noexcept {
  if (mine.size() != theirs.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < mine.size(); ++i)
    difference |=
        static_cast<unsigned>(static_cast<unsigned char>(mine[i]) ^ static_cast<unsigned char>(theirs[i]));
  return difference == 0;
}

}  // namespace controller
