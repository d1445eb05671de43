// A BlobStore without a disk.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/guarded.h"
#include "store/blob_store.h"

namespace testing_support {

/// Keeps blobs in memory, by the same contract as the one on disk. Thread-safe; its writers must not outlive
/// it.
class MemoryBlobStore : public store::BlobStore {
 public:
  std::unique_ptr<store::BlobWriter> create() override { return std::make_unique<Writer>(*this); }

  std::optional<std::uint64_t> size(const store::Digest& digest) const override {
    return blobs_.with([&](const Blobs& blobs) -> std::optional<std::uint64_t> {
      const auto found = blobs.find(digest);
      if (found == blobs.end()) return std::nullopt;
      return found->second.size();
    });
  }

  std::unique_ptr<base::ByteSource> open(const store::Digest& digest) const override {
    return std::make_unique<Reader>(bytes(digest));
  }

  void remove(const store::Digest& digest) override {
    blobs_.with([&](Blobs& blobs) { blobs.erase(digest); });
  }

  /// A blob's whole content; throws notFound.
  std::string bytes(const store::Digest& digest) const {
    return blobs_.with([&](const Blobs& blobs) {
      const auto found = blobs.find(digest);
      if (found == blobs.end()) throw base::Error(base::Errc::notFound, "There is no blob " + digest.str());
      return found->second;
    });
  }

  std::size_t count() const {
    return blobs_.with([](const Blobs& blobs) { return blobs.size(); });
  }

 private:
  using Blobs = std::map<store::Digest, std::string>;

  class Writer : public store::BlobWriter {
   public:
    explicit Writer(MemoryBlobStore& owner) : owner_(owner) {}
    void write(std::string_view bytes) override { content_.append(bytes); }
    std::uint64_t sizeBytes() const override { return content_.size(); }
    Committed commit(const std::optional<store::Digest>& expected) override {
      const auto digest = store::Digest::of(content_);
      const std::uint64_t size = content_.size();
      if (expected && *expected != digest) {
        throw base::Error(base::Errc::invalidArgument,
                          "The content is " + digest.str() + ", not " + expected->str());
      }
      owner_.blobs_.with([&](Blobs& blobs) { blobs.emplace(digest, std::move(content_)); });
      return {digest, size};
    }

   private:
    MemoryBlobStore& owner_;
    std::string content_;
  };

  class Reader : public base::ByteSource {
   public:
    explicit Reader(std::string content) : content_(std::move(content)) {}
    std::size_t read(char* buffer, std::size_t capacity) override {
      const std::size_t count = std::min(capacity, content_.size() - at_);
      std::memcpy(buffer, content_.data() + at_, count);
      at_ += count;
      return count;
    }

   private:
    std::string content_;
    std::size_t at_ = 0;
  };

  base::Guarded<Blobs> blobs_;
};

}  // namespace testing_support
