#include "base/secret_mask.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kWindow = Secrets::kShortest;
constexpr std::size_t kLongestPiece = 64;

std::uint64_t windowAt(const char* text) {
  std::uint64_t window = 0;
  std::memcpy(&window, text, kWindow);
  return window;
}

std::size_t pairAt(const char* text) {
  return static_cast<std::size_t>(static_cast<unsigned char>(text[0])) << 8 |
         static_cast<unsigned char>(text[1]);
}

}  // namespace

Secrets::Secrets(const std::map<std::string, std::string>& values) {
  for (const auto& [name, value] : values)
    for (const std::string& line : split(value, '\n'))
      add(line, name);
  std::stable_sort(pieces_.begin(), pieces_.end(),
                   [](const Piece& a, const Piece& b) { return a.text < b.text; });
  const auto same = [](const Piece& a, const Piece& b) { return a.text == b.text; };
  pieces_.erase(std::unique(pieces_.begin(), pieces_.end(), same), pieces_.end());
  skip_.fill(kWindow - 1);
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const char* const text = pieces_[i].text.data();
    at_.emplace(windowAt(text), i);
    first_.set(static_cast<unsigned char>(text[0]));
    for (std::size_t end = 2; end <= kWindow; ++end) {
      std::uint8_t& skip = skip_[pairAt(text + end - 2)];
      skip = std::min(skip, static_cast<std::uint8_t>(kWindow - end));
    }
  }
}

void Secrets::add(std::string_view line, const std::string& name) {
  while (!line.empty() && line.back() == '\r')
    line.remove_suffix(1);
  while (line.size() >= kWindow) {
    // No rest that is too short to be looked for.
    const std::size_t rest = line.size() > kLongestPiece ? line.size() - kLongestPiece : 0;
    const std::size_t taken = rest == 0        ? line.size()
                              : rest < kWindow ? kLongestPiece - kWindow
                                               : kLongestPiece;
    pieces_.push_back({std::string(line.substr(0, taken)), "[" + name + "]"});
    line.remove_prefix(taken);
  }
}

const Secrets::Piece* Secrets::find(std::string_view text) const {
  const auto found = at_.find(windowAt(text.data()));
  if (found == at_.end()) return nullptr;
  // Narrows the sorted pieces byte by byte: at most 64 steps however many begin alike.
  auto begin = pieces_.begin() + static_cast<std::ptrdiff_t>(found->second);
  auto end = pieces_.end();
  const Piece* longest = nullptr;
  for (std::size_t length = kWindow; length <= kLongestPiece; ++length) {
    const std::string_view start = text.substr(0, length);
    if (start.size() < length) break;
    const auto cut = [&](const Piece& piece) { return std::string_view(piece.text).substr(0, length); };
    begin = std::partition_point(begin, end, [&](const Piece& piece) { return cut(piece) < start; });
    end = std::partition_point(begin, end, [&](const Piece& piece) { return cut(piece) == start; });
    if (begin == end) break;
    if (begin->text.size() == length) longest = &*begin;
  }
  return longest;
}

bool Secrets::mayBegin(std::string_view text) const {
  if (text.size() >= kLongestPiece) return false;
  const auto found =
      std::upper_bound(pieces_.begin(), pieces_.end(), text,
                       [](std::string_view left, const Piece& piece) { return left < piece.text; });
  return found != pieces_.end() && found->text.starts_with(text);
}

std::size_t SecretMask::next(std::size_t at, bool last) const {
  const std::string_view text = pending_;
  while (at + kWindow <= text.size()) {
    const std::size_t skip = secrets_->skip_[pairAt(text.data() + at + kWindow - 2)];
    if (skip != 0) {
      at += skip;
      continue;
    }
    const std::string_view rest = text.substr(at, kLongestPiece);
    if (secrets_->find(rest) != nullptr) return at;
    if (!last && rest.size() < kLongestPiece && secrets_->mayBegin(rest)) return at;
    ++at;
  }
  if (last) return text.size();
  for (; at < text.size(); ++at) {
    if (secrets_->first_.test(static_cast<unsigned char>(text[at])) && secrets_->mayBegin(text.substr(at)))
      return at;
  }
  return text.size();
}

std::string SecretMask::take(bool last) {
  std::string out;
  std::size_t at = 0;
  while (at < pending_.size()) {
    const std::size_t found = next(at, last);
    if (found > at) lastName_.clear();
    out.append(pending_, at, found - at);
    at = found;
    if (at == pending_.size()) break;
    const std::string_view rest = std::string_view(pending_).substr(at, kLongestPiece);
    // What may still become a longer piece waits for it.
    if (!last && secrets_->mayBegin(rest)) break;
    const Secrets::Piece* const piece = rest.size() < kWindow ? nullptr : secrets_->find(rest);
    if (piece == nullptr) {
      lastName_.clear();
      out.push_back(pending_[at++]);
      continue;
    }
    if (piece->name != lastName_) out += piece->name;
    lastName_ = piece->name;
    at += piece->text.size();
  }
  pending_.erase(0, at);
  return out;
}

std::string SecretMask::feed(std::string_view bytes) {
  if (!secrets_ || secrets_->empty()) return std::string(bytes);
  pending_ += bytes;
  return take(false);
}

std::string SecretMask::flush() {
  if (pending_.empty()) return "";
  std::string out = take(true);
  lastName_.clear();
  return out;
}

std::string SecretMask::apply(const std::shared_ptr<const Secrets>& secrets, std::string_view text) {
  SecretMask mask(secrets);
  std::string out = mask.feed(text);
  return out + mask.flush();
}

}  // namespace base
