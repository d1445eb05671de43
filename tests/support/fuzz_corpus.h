// The corpora of the fuzzers as tests: what once crashed must not crash again.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace testing_support {

/// Hands every file of tests/data/fuzz/NAME to `body`; returns how many there were. SOURCE_DIR is the
/// repository's.
template <typename Body>
int replayCorpus(const std::string& name, const Body& body) {
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SOURCE_DIR) / "tests/data/fuzz" / name)) {
    SCOPED_TRACE(entry.path().filename().string());
    const std::string bytes = base::readFile(entry.path());
    body(std::string_view(bytes));
    ++files;
  }
  return files;
}

/// The same with each file cut short and with one byte changed, at up to 64 places each.
template <typename Body>
int replayVaried(const std::string& name, const Body& body) {
  return replayCorpus(name, [&](std::string_view bytes) {
    body(bytes);
    const std::size_t step = 1 + bytes.size() / 64;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      body(bytes.substr(0, at));
      std::string changed(bytes);
      changed[at] = static_cast<char>(changed[at] ^ 0x81);
      body(std::string_view(changed));
    }
  });
}

}  // namespace testing_support
