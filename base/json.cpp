#include "base/json.h"

#include <Poco/Exception.h>
#include <Poco/JSON/ParseHandler.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <istream>
#include <streambuf>
#include <typeinfo>
#include <vector>

#include "base/detail/utf8.h"
#include "base/error.h"
#include "base/strings.h"

namespace base {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Reads from memory and knows how far the parser came: Poco's own errors have no position.
class TextBuffer : public std::streambuf {
 public:
  explicit TextBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // never written to
    setg(begin, begin, begin + text.size());
  }
  std::size_t line() const { return 1 + static_cast<std::size_t>(std::count(eback(), gptr(), '\n')); }
};

[[noreturn]] void invalid(std::string_view what, const std::string& problem) {
  throw Error(Errc::invalidArgument, std::string(what) + " " + problem);
}

class Writer {
 public:
  std::string take() { return std::move(out_); }

  void write(const JsonObject& object) {
    out_ += '{';
    bool first = true;
    for (const auto& key : object.getNames()) {
      if (!first) out_ += ',';
      first = false;
      out_ += jsonQuote(key);
      out_ += ':';
      write(object.get(key));
    }
    out_ += '}';
  }

  void write(const JsonArray& array) {
    out_ += '[';
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (i != 0) out_ += ',';
      write(array.get(static_cast<unsigned>(i)));
    }
    out_ += ']';
  }

  void write(const Poco::Dynamic::Var& value) {
    if (value.isEmpty()) {
      out_ += "null";
    } else if (value.type() == typeid(JsonObject::Ptr)) {
      writePointer(value.extract<JsonObject::Ptr>());
    } else if (value.type() == typeid(JsonArray::Ptr)) {
      writePointer(value.extract<JsonArray::Ptr>());
    } else if (value.type() == typeid(JsonObject)) {
      write(value.extract<JsonObject>());
    } else if (value.type() == typeid(JsonArray)) {
      write(value.extract<JsonArray>());
    } else if (value.type() == typeid(std::vector<std::string>)) {
      writeList(value.extract<std::vector<std::string>>());
    } else if (value.isBoolean()) {
      out_ += value.convert<bool>() ? "true" : "false";
    } else if (value.isNumeric() && value.type() != typeid(char)) {
      writeNumber(value);
    } else {
      out_ += jsonQuote(value.convert<std::string>());
    }
  }

 private:
  template <typename Pointer>
  void writePointer(const Pointer& pointer) {
    if (pointer.isNull()) {
      out_ += "null";
    } else {
      write(*pointer);
    }
  }

  void writeList(const std::vector<std::string>& list) {
    out_ += '[';
    for (const auto& text : list) {
      if (&text != &list.front()) out_ += ',';
      out_ += jsonQuote(text);
    }
    out_ += ']';
  }

  void writeNumber(const Poco::Dynamic::Var& value) {
    if (!value.isInteger() && !std::isfinite(value.convert<double>())) {
      out_ += "null";  // JSON has no word for these
    } else {
      out_ += value.convert<std::string>();
    }
  }

  std::string out_;
};

template <typename Pointer>
std::string write(const Pointer& value) {
  if (value.isNull()) return "null";
  try {
    Writer writer;
    writer.write(*value);
    return writer.take();
  } catch (const Poco::Exception& exception) {
    throw Error(Errc::internal, "writing JSON: " + exception.displayText());
  }
}

}  // namespace

JsonObject::Ptr makeJsonObject() {
  return new JsonObject(Poco::JSON_PRESERVE_KEY_ORDER);
}

JsonArray::Ptr makeJsonArray() {
  return new JsonArray;
}

JsonObject::Ptr parseJsonObject(std::string_view text, std::string_view what, std::size_t maxBytes) {
  if (text.size() > maxBytes) invalid(what, "is larger than " + std::to_string(maxBytes) + " bytes");
  TextBuffer buffer(text);
  std::istream stream(&buffer);
  Poco::JSON::Parser parser(new Poco::JSON::ParseHandler(true));
  parser.setDepth(kMaxDepth);
  Poco::Dynamic::Var parsed;
  std::string problem;
  try {
    parsed = parser.parse(stream);
  } catch (const Poco::Exception& exception) {
    problem = exception.message();
  } catch (const std::exception& exception) {
    problem = exception.what();
  }
  if (problem == "Maximum depth exceeded")
    invalid(what, "is nested deeper than " + std::to_string(kMaxDepth));
  if (!problem.empty()) {
    invalid(what, "is not valid JSON: line " + std::to_string(buffer.line()) + ": " + printable(problem));
  }
  if (parsed.type() != typeid(JsonObject::Ptr)) invalid(what, "is not a JSON object");
  return parsed.extract<JsonObject::Ptr>();
}

std::string toJson(const JsonObject::Ptr& object) {
  return write(object);
}

std::string toJson(const JsonArray::Ptr& array) {
  return write(array);
}

std::string jsonQuote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t length = detail::utf8Length(text);
    const std::string_view character = text.substr(0, length == 0 ? 1 : length);
    const char c = character.front();
    if (length == 0) {
      quoted += "\xEF\xBF\xBD";  // U+FFFD
    } else if (c == '"' || c == '\\') {
      quoted.append("\\").append(character);
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      quoted += escape.data();
    } else {
      quoted += character;
    }
    text.remove_prefix(character.size());
  }
  return quoted + "\"";
}

std::string jsonString(const JsonObject::Ptr& object, const std::string& key, const std::string& otherwise) {
  const Poco::Dynamic::Var value = object->get(key);
  if (value.isEmpty()) return otherwise;
  if (!value.isString()) throw Error(Errc::invalidArgument, key + " must be a string");
  return value.extract<std::string>();
}

}  // namespace base
