// JSON at the borders: Poco's types, with limits on what strangers send.
#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace base {

using JsonObject = Poco::JSON::Object;
using JsonArray = Poco::JSON::Array;

/// An object that keeps its keys in the order they are set.
JsonObject::Ptr makeJsonObject();
JsonArray::Ptr makeJsonArray();

/// Parses one JSON object; throws invalidArgument ("WHAT is not valid JSON: line 3 ...", "WHAT is larger than
/// N bytes", "WHAT is nested deeper than 64").
JsonObject::Ptr parseJsonObject(std::string_view text, std::string_view what,
                                std::size_t maxBytes = 4u << 20);

/// Compact text, keys in order; "/" not escaped; valid UTF-8 kept as it is, anything else replaced by U+FFFD.
std::string toJson(const JsonObject::Ptr& object);
std::string toJson(const JsonArray::Ptr& array);

/// A JSON string literal with quotes.
std::string jsonQuote(std::string_view text);

/// Member as string, or `otherwise` when absent or null; throws invalidArgument when it is of another type.
std::string jsonString(const JsonObject::Ptr& object, const std::string& key,
                       const std::string& otherwise = "");

}  // namespace base
