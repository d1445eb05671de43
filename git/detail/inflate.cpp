#include "git/detail/inflate.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/c_handle.h"
#include "base/error.h"

namespace git::detail {
namespace {

using Decompressor = base::CHandle<libdeflate_decompressor, &libdeflate_free_decompressor>;
using Compressor = base::CHandle<libdeflate_compressor, &libdeflate_free_compressor>;

constexpr int kLevel = 6;

}  // namespace

struct WholeInflater::State {
  Decompressor decompressor{libdeflate_alloc_decompressor()};
};

WholeInflater::WholeInflater() : state_(std::make_unique<State>()) {
  if (!state_->decompressor) throw base::Error(base::Errc::internal, "out of memory");
}

WholeInflater::~WholeInflater() = default;

std::optional<std::size_t> WholeInflater::inflate(std::string_view in, char* out, std::size_t size) {
  std::size_t taken = 0;
  const auto result = libdeflate_zlib_decompress_ex(state_->decompressor.get(), in.data(), in.size(), out,
                                                    size, &taken, nullptr);
  if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
  return taken;
}

struct StreamInflater::State {
  State() {
    if (inflateInit(&stream) != Z_OK) throw base::Error(base::Errc::internal, "out of memory");
  }
  ~State() { inflateEnd(&stream); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  z_stream stream{};
};

StreamInflater::StreamInflater() : state_(std::make_unique<State>()) {}
StreamInflater::~StreamInflater() = default;

void StreamInflater::restart() {
  inflateReset(&state_->stream);
}

StreamInflater::Step StreamInflater::inflate(std::string_view in, char* out, std::size_t capacity) {
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
  z_stream& stream = state_->stream;
  const std::size_t given = std::min(in.size(), kMost);
  const std::size_t room = std::min(capacity, kMost);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib does not write there
  stream.avail_in = static_cast<uInt>(given);
  stream.next_out = reinterpret_cast<Bytef*>(out);
  stream.avail_out = static_cast<uInt>(room);
  const int result = ::inflate(&stream, Z_NO_FLUSH);
  if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
    throw base::Error(base::Errc::invalidArgument, "the pack is damaged: an object cannot be inflated");
  return {given - stream.avail_in, room - stream.avail_out, result == Z_STREAM_END};
}

std::string deflate(std::string_view bytes) {
  const Compressor compressor(libdeflate_alloc_compressor(kLevel));
  if (!compressor) throw base::Error(base::Errc::internal, "out of memory");
  std::string out(libdeflate_zlib_compress_bound(compressor.get(), bytes.size()), '\0');
  out.resize(libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

std::uint32_t crc32(std::uint32_t crc, std::string_view bytes) noexcept {
  return libdeflate_crc32(crc, bytes.data(), bytes.size());
}

}  // namespace git::detail
