#include "api/shape.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using Poco::Dynamic::Var;

std::string_view described(Shape::Kind kind) {
  switch (kind) {
    case Shape::Kind::text:
      return "a string";
    case Shape::Kind::whole:
      return "a whole number";
    case Shape::Kind::number:
      return "a number";
    case Shape::Kind::flag:
      return "true or false";
    case Shape::Kind::object:
    case Shape::Kind::map:
      return "an object";
    case Shape::Kind::list:
      return "an array";
    case Shape::Kind::any:
      break;
  }
  return "a value";
}

bool hasKind(Shape::Kind kind, const Var& value) {
  switch (kind) {
    case Shape::Kind::text:
      return value.isString();
    case Shape::Kind::whole:
      return value.isInteger() && !value.isBoolean();
    case Shape::Kind::number:
      return value.isNumeric() && !value.isBoolean() && !value.isString();
    case Shape::Kind::flag:
      return value.isBoolean();
    case Shape::Kind::object:
    case Shape::Kind::map:
      return value.type() == typeid(base::JsonObject::Ptr);
    case Shape::Kind::list:
      return value.type() == typeid(base::JsonArray::Ptr);
    case Shape::Kind::any:
      break;
  }
  return true;
}

std::string below(const std::string& path, const std::string& name) {
  return path.empty() ? base::printable(name) : path + "." + base::printable(name);
}

void check(const Shape& shape, const Var& value, const std::string& what, const std::string& path);

void checkObject(const Shape& shape, const base::JsonObject& object, const std::string& what,
                 const std::string& path) {
  for (const std::string& name : object.getNames()) {
    const auto known = std::find_if(shape.members.begin(), shape.members.end(),
                                    [&](const Member& member) { return member.name == name; });
    if (known != shape.members.end()) {
      check(known->shape, object.get(name), what, below(path, name));
      continue;
    }
    std::vector<std::string> names;
    for (const Member& member : shape.members)
      names.push_back(member.name);
    throw Error(Errc::invalidArgument,
                what + " has an unknown member " + below(path, name) +
                    (names.empty() ? ": it takes none" : ": it takes " + base::join(names, ", ")));
  }
  for (const Member& member : shape.members) {
    if (member.need == Need::required && !object.has(member.name))
      throw Error(Errc::invalidArgument, what + " lacks " + below(path, member.name) + ", which is " +
                                             std::string(described(member.shape.kind)));
  }
}

void check(const Shape& shape, const Var& value, const std::string& what, const std::string& path) {
  if (value.isEmpty() && shape.nullable) return;
  if (value.isEmpty() ? shape.kind != Shape::Kind::any : !hasKind(shape.kind, value))
    throw Error(Errc::invalidArgument, (path.empty() ? what : path) + " must be " +
                                           std::string(described(shape.kind)) +
                                           (shape.nullable ? " or null" : ""));
  if (shape.kind == Shape::Kind::object)
    return checkObject(shape, *value.extract<base::JsonObject::Ptr>(), what, path);
  if (shape.kind == Shape::Kind::map) {
    const auto object = value.extract<base::JsonObject::Ptr>();
    for (const std::string& name : object->getNames())
      check(shape.element.at(0), object->get(name), what, below(path, name));
  }
  if (shape.kind == Shape::Kind::list) {
    const auto array = value.extract<base::JsonArray::Ptr>();
    for (unsigned i = 0; i < array->size(); ++i)
      check(shape.element.at(0), array->get(i), what, path + "[" + std::to_string(i) + "]");
  }
}

Shape plain(Shape::Kind kind) {
  return {.kind = kind};
}

}  // namespace

Shape text() {
  return plain(Shape::Kind::text);
}

Shape whole() {
  return plain(Shape::Kind::whole);
}

Shape flag() {
  return plain(Shape::Kind::flag);
}

Shape anything() {
  return plain(Shape::Kind::any);
}

Shape orNull(Shape shape) {
  shape.nullable = true;
  return shape;
}

Shape listOf(Shape element) {
  return {.kind = Shape::Kind::list, .element = {std::move(element)}};
}

Shape mapOf(Shape value) {
  return {.kind = Shape::Kind::map, .element = {std::move(value)}};
}

Shape object(std::vector<Member> members) {
  return {.kind = Shape::Kind::object, .members = std::move(members)};
}

Shape titled(std::string title, Shape shape) {
  shape.title = std::move(title);
  return shape;
}

Member required(std::string name, Shape shape) {
  return {std::move(name), std::move(shape), Need::required};
}

void requireShape(const Shape& shape, const Var& value, const std::string& what) {
  check(shape, value, what, "");
}

}  // namespace api
