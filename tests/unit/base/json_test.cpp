#include "base/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/error.h"

namespace base {
namespace {

using testing::HasSubstr;

std::string problemOf(std::string_view text, std::size_t maxBytes = 1000) {
  try {
    parseJsonObject(text, "manifest", maxBytes);
    return "none";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalidArgument);
    return error.what();
  }
}

TEST(ParseJsonObject, ReadsWhatToJsonWrites) {
  const std::string text = R"({"z":1,"a":[1.5,true,null,"x/é"],"o":{"n":-7},"e":[],"big":9007199254740993})";
  EXPECT_EQ(toJson(parseJsonObject(text, "x")), text);
}

TEST(ParseJsonObject, NamesTheThingAndTheLine) {
  EXPECT_THAT(problemOf("{\n\"a\": 1,\n\"b\": }"), HasSubstr("manifest is not valid JSON: line 3"));
  EXPECT_THAT(problemOf("{} x"), HasSubstr("manifest is not valid JSON"));
}

TEST(ParseJsonObject, RejectsDamagedText) {
  for (const char* bad :
       {"", " ", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{a:1}", "{\"a\":01}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\xff\"}", "{\"a\":1e999999}", "{\"a\":99999999999999999999999}", "{\"a\":nul}", "{]"}) {
    EXPECT_THAT(problemOf(bad), HasSubstr("manifest")) << bad;
  }
}

TEST(ParseJsonObject, TakesOnlyAnObject) {
  for (const char* other : {"[]", "1", "\"x\"", "null", "true"}) {
    EXPECT_THAT(problemOf(other), HasSubstr("manifest is not")) << other;
  }
}

TEST(ParseJsonObject, LimitsSize) {
  EXPECT_EQ(problemOf("{\"a\":1}", 6), "manifest is larger than 6 bytes");
  EXPECT_EQ(problemOf("{\"a\":1}", 7), "none");
}

TEST(ParseJsonObject, LimitsDepth) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_EQ(problemOf(nested(64)), "none");
  EXPECT_EQ(problemOf(nested(65)), "manifest is nested deeper than 64");
  EXPECT_EQ(problemOf("{\"a\":" + std::string(900, '[')), "manifest is nested deeper than 64");
}

TEST(ToJson, KeepsTheOrderOfKeys) {
  auto object = makeJsonObject();
  object->set("z", 1);
  object->set("a", std::string("x"));
  object->set("m", false);
  object->set("n", Poco::Dynamic::Var());
  auto list = makeJsonArray();
  list->add(std::string("v"));
  object->set("l", list);
  EXPECT_EQ(toJson(object), R"({"z":1,"a":"x","m":false,"n":null,"l":["v"]})");
  EXPECT_EQ(toJson(list), R"(["v"])");
}

TEST(ToJson, NeverWritesInvalidText) {
  auto object = makeJsonObject();
  object->set(std::string("k\xff"), std::string("a\xc3(\x01\x7f/\"\\"));
  object->set("inf", std::numeric_limits<double>::infinity());
  const std::string text = toJson(object);
  EXPECT_EQ(text, "{\"k\xEF\xBF\xBD\":\"a\xEF\xBF\xBD(\\u0001\\u007f/\\\"\\\\\",\"inf\":null}");
  EXPECT_EQ(toJson(parseJsonObject(text, "x")), text);
}

TEST(ToJson, WritesLists) {
  auto object = makeJsonObject();
  object->set("list", std::vector<std::string>{"a", "b"});
  EXPECT_EQ(toJson(object), R"({"list":["a","b"]})");
}

TEST(JsonQuote, EscapesLineBreaks) {
  EXPECT_EQ(jsonQuote("a\n\t\r"), R"("a\n\t\r")");
}

TEST(JsonString, TellsAbsentFromWrong) {
  const auto object = parseJsonObject(R"({"s":"x","n":null,"i":1})", "x");
  EXPECT_EQ(jsonString(object, "s"), "x");
  EXPECT_EQ(jsonString(object, "n", "d"), "d");
  EXPECT_EQ(jsonString(object, "missing", "d"), "d");
  EXPECT_THROW(jsonString(object, "i"), Error);
}

}  // namespace
}  // namespace base
