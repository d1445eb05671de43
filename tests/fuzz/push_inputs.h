// What strangers send to git/ when they push, as functions over bytes: for the fuzzers, and for the replay of
// their corpus as a unit test.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "git/detail/packed_refs.h"
#include "git/detail/receive_commands.h"
#include "git/pkt_line.h"
#include "git/ref_name.h"
#include "tests/support/byte_streams.h"

namespace fuzz {

/// Refusals are answers; anything else that is thrown is a bug.
template <typename Body>
void orRefused(Body body) {
  try {
    body();
  } catch (const base::Error& error) {
    CHECK(error.code() == base::Errc::invalidArgument || error.code() == base::Errc::io ||
          error.code() == base::Errc::cancelled || error.code() == base::Errc::corrupt);
  }
}

/// The commands of a push with its capabilities, options and shallow lines, as far as the pack.
inline void pushRequest(std::string_view bytes) {
  git::ReceiveSettings settings;
  settings.commands.value = 100;
  for (const auto format : {git::ObjectFormat::sha1, git::ObjectFormat::sha256}) {
    orRefused([&] {
      testing_support::StringSource source{std::string(bytes)};
      git::PktReader reader(source);
      const auto request = git::detail::readPushRequest(reader, format, settings);
      CHECK(request.commands.size() <= 100);
      for (const git::PushCommand& command : request.commands)
        git::isRefName(command.ref);
    });
  }
}

inline void packedRefs(std::string_view bytes) {
  for (const auto format : {git::ObjectFormat::sha1, git::ObjectFormat::sha256}) {
    orRefused([&] {
      const git::detail::PackedRefs refs(format, std::string(bytes));
      for (const git::detail::PackedRef& ref : refs.all())
        CHECK(refs.find(ref.name) != nullptr);
      refs.below("refs/heads/");
      const git::detail::PackedRefs again(format,
                                          git::detail::PackedRefs::format(refs.all(), refs.fullyPeeled()));
      CHECK(again.all().size() == refs.all().size());
    });
  }
}

}  // namespace fuzz
