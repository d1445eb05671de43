// What a push brings into git/, as functions over bytes: for the fuzzers, and for the replay of their corpus
// as a unit test.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "git/detail/delta.h"
#include "git/detail/hash_object.h"
#include "git/detail/object_check.h"
#include "git/pack_receiver.h"
#include "tests/unit/git/pack_builder.h"

namespace fuzz {

/// Refusals are answers; anything else that is thrown is a bug.
template <typename Body>
void orRefusedPack(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument);
  }
}

/// A folder for the files of one process, in memory where the machine has such a file system: syncing would
/// be nearly all that a fuzzer does.
class PackFolder {
 public:
  PackFolder() : path_(above() / ("fuzz-pack-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~PackFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PackFolder(const PackFolder&) = delete;
  PackFolder& operator=(const PackFolder&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  static std::filesystem::path above() {
    const std::filesystem::path memory = "/dev/shm";
    return ::access(memory.c_str(), W_OK | X_OK) == 0 ? memory : std::filesystem::temp_directory_path();
  }

  std::filesystem::path path_;
};

/// The bytes as a list of objects: a type, a base where it is a delta, a length, the content. The checksum
/// and the compression are right, so that all else is reached.
inline std::string scriptedPack(std::string_view script) {
  git::testing::PackBuilder pack;
  std::vector<std::uint64_t> offsets;
  std::vector<git::ObjectId> ids;
  const auto next = [&script]() -> unsigned {
    if (script.empty()) return 0;
    const auto byte = static_cast<unsigned char>(script.front());
    script.remove_prefix(1);
    return byte;
  };
  while (!script.empty() && offsets.size() < 64) {
    const unsigned type = next();
    const unsigned base = next();
    std::size_t size = next();
    if ((type & 0x80u) != 0) size *= 64;
    const std::string_view content = script.substr(0, size);
    script.remove_prefix(content.size());
    if ((type & 7u) == 6 && !offsets.empty()) {
      git::testing::Delta delta(0, 0);
      offsets.push_back(pack.addOffsetDelta(offsets[base % offsets.size()], delta.reset(content)));
    } else if ((type & 7u) == 7 && !ids.empty()) {
      git::testing::Delta delta(0, 0);
      offsets.push_back(pack.addIdDelta(ids[base % ids.size()], delta.reset(content)));
    } else {
      const auto plain = static_cast<git::ObjectType>((type & 3u) + 1);
      ids.push_back(git::testing::idOf(plain, content));
      offsets.push_back(pack.add(plain, content));
    }
  }
  return pack.bytes();
}

/// A pack as it is, with its checksum made right; or a script of one.
inline void pack(std::string_view bytes) {
  static const PackFolder folder;
  std::string whole;
  if (bytes.starts_with("PACK") && bytes.size() >= 32) {
    git::detail::PackHasher hasher(git::ObjectFormat::sha1);
    whole = bytes.substr(0, bytes.size() - 20);
    hasher.update(whole);
    whole.append(hasher.current().bytes());
  } else {
    whole = scriptedPack(bytes);
  }
  git::testing::MemorySource existing;
  existing.add(git::ObjectType::blob, "hello\n");
  git::PackReceiverOptions options{
      .folder = folder.path(), .existing = existing, .limits = {}, .policy = git::FsckPolicy()};
  options.limits.objectBytes.value = 1u << 20;
  options.limits.unpackedBytes.value = 8u << 20;
  options.limits.packObjects.value = 1000;
  options.limits.threads = 1;
  orRefusedPack([&] {
    git::PackReceiver receiver(options);
    // In two pieces, so that every boundary is met.
    const std::string_view view = whole;
    const std::size_t half = bytes.empty() ? 0 : view.size() * static_cast<unsigned char>(bytes.back()) / 256;
    receiver.append(view.substr(0, half));
    if (!receiver.complete()) receiver.append(view.substr(half));
    const git::PackSummary summary = receiver.finish();
    if (summary.index) {
      std::filesystem::remove(*summary.index);
      std::filesystem::remove(std::filesystem::path(*summary.index).replace_extension(".pack"));
    }
    receiver.findMissing({});
  });
}

/// A byte that halves the rest into base and delta, then both.
inline void delta(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::size_t half = (bytes.size() - 1) * static_cast<unsigned char>(bytes.front()) / 256;
  const std::string_view base = bytes.substr(1, half);
  const std::string_view instructions = bytes.substr(1 + half);
  const auto head = git::detail::parseDeltaHead(instructions);
  if (!head || head->resultSize > (1u << 20)) return;
  const auto result = std::make_unique_for_overwrite<char[]>(head->resultSize);
  git::detail::applyDelta(base, instructions, result.get());
}

class NoLinks : public git::detail::LinkSink {
 public:
  void link(const std::uint8_t* id, git::ObjectType) override { sum_ += id[0] + id[19]; }
  void specialBlob(const std::uint8_t* id, git::FsckMessage) override { sum_ += id[19]; }

 private:
  unsigned sum_ = 0;
};

/// Every check of an object, with each policy.
inline void tree(std::string_view bytes) {
  for (const auto preset : {git::FsckPolicy::Preset::deployable, git::FsckPolicy::Preset::off}) {
    const git::FsckPolicy policy(preset);
    git::detail::FsckReport report(policy);
    NoLinks links;
    for (const auto check : {&git::detail::checkTree, &git::detail::checkCommit, &git::detail::checkTag})
      orRefusedPack([&] { check(git::ObjectId(), bytes, report, links); });
  }
}

inline void gitmodules(std::string_view bytes) {
  const git::FsckPolicy policy;
  git::detail::FsckReport report(policy);
  orRefusedPack([&] { git::detail::checkGitmodules(git::ObjectId(), bytes, report); });
  orRefusedPack([&] { git::detail::checkGitattributes(git::ObjectId(), bytes, report); });
}

}  // namespace fuzz
