// What the reading side of git/ is given, as functions over bytes: for the fuzzers, and for the replay of
// their corpus as a unit test.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "git/detail/idx_reader.h"
#include "git/detail/object_filter.h"
#include "git/detail/pack_view.h"
#include "git/upload_pack.h"

namespace fuzz {

/// Damage is an answer; anything else that is thrown is a bug.
template <typename Body>
void orDamaged(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::corrupt || error.code() == base::Errc::invalidArgument);
  }
}

inline void idx(std::string_view bytes) {
  for (const auto format : {git::ObjectFormat::sha1, git::ObjectFormat::sha256}) {
    orDamaged([&] {
      const git::detail::IdxReader reader(bytes, format);
      for (std::uint32_t position = 0; position < reader.count(); ++position) {
        (void)reader.find(reader.idAt(position));
        (void)reader.offsetAt(position);
      }
      (void)reader.find(git::ObjectId::null(format));
    });
  }
}

/// Entries are tried at every offset near the start.
inline void packEntry(std::string_view bytes) {
  orDamaged([&] {
    const git::detail::PackView view(bytes, git::ObjectFormat::sha1);
    for (std::uint64_t offset = 12; offset < view.content().size() && offset < 64; ++offset) {
      orDamaged([&] {
        const auto entry = view.entryAt(offset);
        if (entry.kind != git::detail::PackEntry::Kind::whole) (void)view.deltaResultSize(entry);
        (void)view.inflate(entry);
      });
    }
  });
}

inline void objectFilter(std::string_view bytes) {
  orDamaged([&] { (void)git::detail::parseObjectFilter(bytes); });
}

/// A client that says what it was given and reads nothing.
class DeafWire : public git::Wire {
 public:
  explicit DeafWire(std::string_view said) : said_(said) {}
  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = said_.copy(buffer, capacity);
    said_.remove_prefix(count);
    return count;
  }
  void write(std::string_view) override {}
  void writeProgress(std::string_view) override {}
  void useSideBand() override { sideBand_ = true; }
  void endSideBand() override { sideBand_ = false; }
  bool usesSideBand() const override { return sideBand_; }
  void discardInput(std::uint64_t, std::chrono::steady_clock::time_point) override {}
  std::stop_token clientClosed() const override { return {}; }
  std::stop_token clientGone() const override { return {}; }

 private:
  std::string_view said_;
  bool sideBand_ = false;
};

/// A repository without a commit, for the life of the process.
class EmptyRepository {
 public:
  EmptyRepository() {
    std::string folder = (std::filesystem::temp_directory_path() / "fuzz-upload-pack-XXXXXX").string();
    CHECK(::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    git::createRepository(folder_ / "a.git");
    repository_ = git::openBareRepository(folder_ / "a.git");
  }
  ~EmptyRepository() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  EmptyRepository(const EmptyRepository&) = delete;
  EmptyRepository& operator=(const EmptyRepository&) = delete;
  const git::Repository& get() const { return repository_; }

 private:
  std::filesystem::path folder_;
  git::Repository repository_;
};

/// What a fetching client says, the protocol's number as a digit in front.
inline void uploadPack(std::string_view bytes) {
  static const EmptyRepository repository;
  if (bytes.empty()) return;
  git::UploadPackSettings settings;
  settings.allowFilter = settings.allowRefInWant = settings.allowSideBandAll = true;
  settings.advertiseObjectInfo = true;
  DeafWire wire(bytes.substr(1));
  try {
    git::uploadPack(wire, {repository.get(), settings, bytes.front() == '2' ? 2 : 0});
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument || error.code() == base::Errc::io);
  }
}

}  // namespace fuzz
