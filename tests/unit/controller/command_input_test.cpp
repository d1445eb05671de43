#include "controller/command_input.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "tests/support/byte_streams.h"

namespace controller {
namespace {

using testing_support::StringSink;
using testing_support::StringSource;

class CommandInputTest : public ::testing::Test {
 protected:
  std::string readAll() {
    std::string text;
    char buffer[7];
    while (const std::size_t count = input_->read(buffer, sizeof buffer))
      text.append(buffer, count);
    return text;
  }

  StringSink out_;
  int begun_ = 0;
  std::shared_ptr<CommandInput> input_ = std::make_shared<CommandInput>(
      CommandInput::Client{.user = "ada", .terminal = base::TerminalSize{90, 30}, .terminalType = "xterm"},
      out_, [this] { ++begun_; });
};

TEST_F(CommandInputTest, CarriesBytesAndSizesInTheirOrder) {
  std::vector<unsigned> columns;
  input_->begin([&](base::TerminalSize size) { columns.push_back(size.columns); });
  EXPECT_EQ(begun_, 1);
  StringSource lines("{\"data\":\"aGVsbG8g\"}\n\n{\"columns\":132,\"rows\":50}\n{\"data\":\"/wA=\"}", 5);
  CommandInputs::relay(lines, *input_);
  input_->endOfFeed();
  EXPECT_EQ(readAll(), std::string("hello \xff\0", 8));
  EXPECT_THAT(columns, ::testing::ElementsAre(132u));
}

TEST_F(CommandInputTest, RefusesOtherLines) {
  for (const char* line :
       {"{}", "x", "{\"data\":\"*\"}", "{\"columns\":0,\"rows\":5}", "{\"columns\":99999,\"rows\":5}",
        "{\"columns\":\"x\",\"rows\":5}", "{\"columns\":5}", "{\"columns\":true,\"rows\":5}",
        "{\"columns\":5.5,\"rows\":5}", "{\"columns\":-5,\"rows\":5}", "{\"columns\":[],\"rows\":{}}",
        "{\"columns\":99999999999999999999,\"rows\":5}", "{\"data\":5}", "{\"data\":null}"}) {
    StringSource lines(line);
    EXPECT_THROW(CommandInputs::relay(lines, *input_), base::Error) << line;
  }
  StringSource endless(std::string(1u << 20, 'x'));
  EXPECT_THROW(CommandInputs::relay(endless, *input_), base::Error);
}

TEST_F(CommandInputTest, WhatTheCommandDoesNotReadIsNotGathered) {
  std::thread reader([&] {
    char buffer[1024];
    for (int i = 0; i < 100; ++i)
      input_->read(buffer, sizeof buffer);
    input_->endInput();
  });
  bool wanted = true;
  for (int i = 0; i < 10'000 && wanted; ++i)
    wanted = input_->feed(std::string(4096, 'k'));
  EXPECT_FALSE(wanted);
  reader.join();
  EXPECT_EQ(readAll(), "");
}

TEST_F(CommandInputTest, IsFoundByItsOwnUserWhileItIsOpen) {
  CommandInputs inputs;
  std::string id;
  {
    const CommandInputs::Entry entry(inputs, input_);
    id = entry.id();
    EXPECT_EQ(inputs.get(id, "ada"), input_);
    EXPECT_THROW(inputs.get(id, "bob"), base::Error);
  }
  EXPECT_THROW(inputs.get(id, "ada"), base::Error);
  EXPECT_FALSE(input_->feed("late"));
}

}  // namespace
}  // namespace controller
