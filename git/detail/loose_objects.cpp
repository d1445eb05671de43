#include "git/detail/loose_objects.h"

#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"
#include "git/detail/mapped_file.h"

namespace git::detail {
namespace {

// "commit 18446744073709551615\0".
constexpr std::size_t kMaxHeader = 32;
constexpr std::size_t kPiece = 64u << 10;
constexpr std::size_t kMaxInput = 1u << 30;  // zlib counts in 32 bits

[[noreturn]] void throwDamaged(const ObjectId& id) {
  throw base::Error(base::Errc::corrupt,
                    "object " + id.hex() + " is damaged: restore it from a backup or another clone");
}

/// An object's file, inflated as far as asked for.
class LooseReader {
 public:
  LooseReader(const std::filesystem::path& path, const ObjectId& id) : id_(id), file_(path) {
    if (::inflateInit(&stream_) != Z_OK) throw base::Error(base::Errc::overloaded, "out of memory");
    try {
      readHeader();
    } catch (...) {
      ::inflateEnd(&stream_);
      throw;
    }
  }
  ~LooseReader() { ::inflateEnd(&stream_); }
  LooseReader(const LooseReader&) = delete;
  LooseReader& operator=(const LooseReader&) = delete;

  const ObjectHeader& header() const { return header_; }

  /// Fills `out`, less only at the object's end.
  std::size_t read(char* out, std::size_t capacity) {
    const std::size_t early = std::min(capacity, early_.size());
    early_.copy(out, early);
    early_.remove_prefix(early);
    return early + inflateTo(out + early, capacity - early);
  }

  /// After all of the content was read.
  void checkEnd() {
    char one = 0;
    if (read(&one, 1) != 0 || !ended_) throwDamaged(id_);
  }

 private:
  std::size_t inflateTo(char* out, std::size_t capacity) {
    std::size_t made = 0;
    while (made < capacity && !ended_) {
      const std::string_view input = file_.bytes().substr(consumed_, kMaxInput);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
      stream_.avail_in = static_cast<uInt>(input.size());
      const std::size_t room = std::min(capacity - made, kMaxInput);
      stream_.next_out = reinterpret_cast<Bytef*>(out + made);
      stream_.avail_out = static_cast<uInt>(room);
      const int rc = ::inflate(&stream_, Z_NO_FLUSH);
      consumed_ += input.size() - stream_.avail_in;
      made += room - stream_.avail_out;
      if (rc == Z_STREAM_END) {
        ended_ = true;
      } else if (rc != Z_OK) {
        throwDamaged(id_);
      }
    }
    return made;
  }

  void readHeader() {
    const std::size_t count = inflateTo(head_.data(), head_.size());
    const std::string_view head(head_.data(), count);
    const std::size_t space = head.find(' ');
    const std::size_t end = head.find('\0');
    if (end == std::string_view::npos || space > end) throwDamaged(id_);
    const auto type = parseObjectType(head.substr(0, space));
    if (!type || !base::parseNumber(head.substr(space + 1, end - space - 1), header_.size)) throwDamaged(id_);
    header_.type = *type;
    early_ = head.substr(end + 1);
  }

  const ObjectId& id_;
  MappedFile file_;
  z_stream stream_{};
  std::array<char, kMaxHeader> head_{};
  std::string_view early_;  // content that came with the header
  std::size_t consumed_ = 0;
  bool ended_ = false;
  ObjectHeader header_;
};

/// nullopt when there is no such file.
template <typename Body>
auto withReader(const std::filesystem::path& path, const ObjectId& id, Body body)
    -> std::optional<decltype(body(std::declval<LooseReader&>()))> {
  if (::access(path.c_str(), F_OK) != 0) return std::nullopt;
  LooseReader reader(path, id);
  return body(reader);
}

}  // namespace

std::filesystem::path LooseObjects::path(const ObjectId& id) const {
  const std::string hex = id.hex();
  return folder_ / hex.substr(0, 2) / hex.substr(2);
}

bool LooseObjects::contains(const ObjectId& id) const {
  return ::access(path(id).c_str(), F_OK) == 0;
}

std::optional<ObjectHeader> LooseObjects::findHeader(const ObjectId& id) const {
  return withReader(path(id), id, [](LooseReader& reader) { return reader.header(); });
}

std::optional<Object> LooseObjects::find(const ObjectId& id, std::uint64_t maxBytes) const {
  return withReader(path(id), id, [&](LooseReader& reader) {
    const ObjectHeader& header = reader.header();
    if (header.size > maxBytes)
      throw base::Error(base::Errc::invalidArgument, "object " + id.hex() + " is too large to be read");
    Object object{header.type, std::string(header.size, '\0')};
    if (reader.read(object.data.data(), object.data.size()) != object.data.size()) throwDamaged(id);
    reader.checkEnd();
    return object;
  });
}

void LooseObjects::copyTo(const ObjectId& id, base::ByteSink& out) const {
  LooseReader reader(path(id), id);
  std::string piece(kPiece, '\0');
  for (std::uint64_t left = reader.header().size; left > 0;) {
    const std::size_t count = reader.read(piece.data(), std::min<std::uint64_t>(left, piece.size()));
    if (count == 0) throwDamaged(id);
    out.write(std::string_view(piece).substr(0, count));
    left -= count;
  }
  reader.checkEnd();
}

}  // namespace git::detail
