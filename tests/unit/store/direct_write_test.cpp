#include "store/detail/direct_write.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "tests/support/temp_folder.h"

namespace store::detail {
namespace {

/// Bytes that begin at a page, all different from their neighbours.
class Pages {
 public:
  explicit Pages(std::size_t size)
      : size_(size),
        bytes_(static_cast<char*>(
                   std::aligned_alloc(kDirectAlignment, size + kDirectAlignment - size % kDirectAlignment)),
               &std::free) {
    for (std::size_t i = 0; i < size; ++i)
      bytes_.get()[i] = static_cast<char>(i % 251 + i / kDirectAlignment);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char, decltype(&std::free)> bytes_;
};

void expectWritten(const std::filesystem::path& folder, const std::vector<std::string_view>& pieces) {
  const auto file = folder / "direct-write-test";
  {
    const base::Fd fd = base::openFile(file, O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (const std::string_view piece : pieces)
      writeDirectly(fd, piece);
    EXPECT_EQ(::fcntl(fd.get(), F_GETFL) & O_DIRECT, 0);
  }
  std::string expected;
  for (const std::string_view piece : pieces)
    expected += piece;
  EXPECT_TRUE(base::readFile(file, expected.size() + 1) == expected);
  std::filesystem::remove(file);
}

TEST(WriteDirectly, WritesWhatItIsGivenHoweverItIsAligned) {
  const testing_support::TempFolder folder;
  const Pages pages((1u << 20) + 100);
  const std::string_view all = pages.view();
  expectWritten(folder.path(), {all.substr(0, 1u << 20)});
  expectWritten(folder.path(), {all});
  expectWritten(folder.path(), {all, all});            // the second one's position is odd
  expectWritten(folder.path(), {all.substr(1), all});  // memory is odd
  expectWritten(folder.path(), {all.substr(0, 4096), all.substr(0, 10)});
  expectWritten(folder.path(), {all.substr(0, 10), all.substr(4096, 4086), all.substr(0, 8192)});
  expectWritten(folder.path(), {""});
}

TEST(WriteDirectly, WorksWhereThereIsNothingButMemory) {
  if (!std::filesystem::is_directory("/dev/shm")) GTEST_SKIP() << "there is no /dev/shm";
  const Pages pages(3 * kDirectAlignment + 7);
  expectWritten("/dev/shm", {pages.view(), pages.view()});
}

TEST(WriteDirectly, TellsWhatIsWrong) {
  const testing_support::TempFolder folder;
  const Pages pages(kDirectAlignment);
  const base::Fd fd = base::openFile(folder.write("readonly", ""), O_RDONLY);
  EXPECT_THROW(writeDirectly(fd, pages.view()), base::Error);
}

}  // namespace
}  // namespace store::detail
