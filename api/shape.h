// What JSON values look like: one description for the check of requests, the OpenAPI document and its test.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace api {

struct Member;

/// An immutable description of a JSON value.
struct Shape {
  enum class Kind { any, text, whole, number, flag, object, list, map };
  Kind kind = Kind::any;
  bool nullable = false;
  std::string title = {};            ///< of an object that has a name of its own in the document
  std::vector<Member> members;       ///< of an object
  std::vector<Shape> element = {};   ///< of a list's or a map's values: exactly one
};

enum class Need { required, optional };
struct Member {
  std::string name;
  Shape shape;
  Need need = Need::optional;
};

Shape text();
Shape whole();
Shape flag();
Shape anything();
Shape orNull(Shape shape);
Shape listOf(Shape element);
Shape mapOf(Shape value);
Shape object(std::vector<Member> members);
Shape titled(std::string title, Shape shape);
/// A member that must be there.
Member required(std::string name, Shape shape);

/// Throws invalidArgument for a member that is unknown, missing or of another type, naming it with its path:
/// "updates[0].type must be a string". `what` is said of the value itself: "the request".
void requireShape(const Shape& shape, const Poco::Dynamic::Var& value, const std::string& what);

}  // namespace api
