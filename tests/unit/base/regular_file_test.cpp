#include "base/regular_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/failure_of.h"
#include "tests/support/temp_folder.h"

namespace base {
namespace {

TEST(RegularFile, IsReadFromADescriptorThatAnotherHasOpened) {
  const testing_support::TempFolder folder;
  const std::string text(200'000, 'x');
  const Fd file = openFile(folder.write("cert.pem", text), O_RDONLY);
  EXPECT_EQ(readRegular(file, "cert.pem", text.size()), text);
  EXPECT_EQ(readRegular(file, "cert.pem", 10), "");  // it stands at the end
}

TEST(RegularFile, WhatIsTooLongOrNoFileIsRefusedByItsName) {
  const testing_support::TempFolder folder;
  const auto refusal = [&](const std::filesystem::path& path) {
    return std::string(
        testing_support::failureOf([&] { readRegular(openFile(path, O_RDONLY), "the key", 4); }).what());
  };
  EXPECT_EQ(refusal(folder.write("long", "12345")), "the key is larger than 4 bytes");
  EXPECT_EQ(refusal(folder.path()), "the key is no file");
  EXPECT_EQ(refusal("/dev/null"), "the key is no file");
}

}  // namespace
}  // namespace base
