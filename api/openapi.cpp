#include "api/openapi.h"

#include "base/strings.h"
#include "base/version.h"

namespace api {
namespace {

using base::JsonArray;
using base::JsonObject;
using base::makeJsonArray;
using base::makeJsonObject;

JsonObject::Ptr with(const std::string& key, const Poco::Dynamic::Var& value) {
  auto json = makeJsonObject();
  json->set(key, value);
  return json;
}

/// Collects the objects that have names of their own.
class Schemas {
 public:
  Schemas() : all_(makeJsonObject()) {}

  JsonObject::Ptr of(const Shape& shape) {
    if (shape.title.empty()) return inlined(shape);
    if (!all_->has(shape.title)) {
      all_->set(shape.title, makeJsonObject());  // so that it may name itself
      Shape plain = shape;
      plain.nullable = false;
      all_->set(shape.title, inlined(plain));
    }
    auto reference = with("$ref", "#/components/schemas/" + shape.title);
    if (!shape.nullable) return reference;
    auto either = makeJsonArray();
    either->add(reference);
    auto json = with("allOf", either);
    json->set("nullable", true);
    return json;
  }

  JsonObject::Ptr all() const { return all_; }

 private:
  JsonObject::Ptr inlined(const Shape& shape) {
    auto json = makeJsonObject();
    switch (shape.kind) {
      case Shape::Kind::any:
        break;
      case Shape::Kind::text:
        json->set("type", "string");
        break;
      case Shape::Kind::whole:
        json->set("type", "integer");
        break;
      case Shape::Kind::number:
        json->set("type", "number");
        break;
      case Shape::Kind::flag:
        json->set("type", "boolean");
        break;
      case Shape::Kind::object:
        describeObject(shape, json);
        break;
      case Shape::Kind::list:
        json->set("type", "array");
        json->set("items", of(shape.element.at(0)));
        break;
      case Shape::Kind::map:
        json->set("type", "object");
        json->set("additionalProperties", of(shape.element.at(0)));
        break;
    }
    if (shape.nullable) json->set("nullable", true);
    return json;
  }

  void describeObject(const Shape& shape, JsonObject::Ptr json) {
    auto properties = makeJsonObject();
    auto needed = makeJsonArray();
    for (const Member& member : shape.members) {
      properties->set(member.name, of(member.shape));
      if (member.need == Need::required) needed->add(member.name);
    }
    json->set("type", "object");
    json->set("properties", properties);
    json->set("additionalProperties", false);
    if (needed->size() != 0) json->set("required", needed);
  }

  JsonObject::Ptr all_;
};

JsonObject::Ptr jsonContent(const JsonObject::Ptr& schema) {
  return with("application/json", with("schema", schema));
}

JsonArray::Ptr parametersOf(const std::string& path) {
  auto parameters = makeJsonArray();
  for (const std::string& piece : base::split(path, '/')) {
    if (!piece.starts_with('{')) continue;
    auto parameter = with("name", piece.substr(1, piece.size() - 2));
    parameter->set("in", "path");
    parameter->set("required", true);
    parameter->set("schema", with("type", "string"));
    parameters->add(parameter);
  }
  return parameters;
}

JsonObject::Ptr operation(const Route& route, Schemas& schemas) {
  auto json = with("summary", route.summary);
  json->set("parameters", parametersOf(route.path));
  if (route.body) json->set("requestBody", with("content", jsonContent(schemas.of(*route.body))));
  auto answer = with("description", "What was asked for");
  answer->set("content", jsonContent(schemas.of(route.answer)));
  auto refusal = with("description", "What is wrong, and what to do");
  refusal->set("content", jsonContent(schemas.of(titled(
                              "Error", object({required("id", text()), required("message", text())})))));
  auto answers = with(std::to_string(route.status), answer);
  answers->set("default", refusal);
  json->set("responses", answers);
  if (route.door == Door::signature) json->set("security", makeJsonArray());
  return json;
}

std::string lowerCase(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

std::string openApiDocument(const std::vector<Route>& routes) {
  Schemas schemas;
  auto paths = makeJsonObject();
  for (const Route& route : routes) {
    if (!paths->has(route.path)) paths->set(route.path, makeJsonObject());
    paths->getObject(route.path)->set(lowerCase(route.method), operation(route, schemas));
  }
  auto document = with("openapi", "3.0.3");
  auto info = with("title", "Fairlead");
  info->set("version", std::string(base::kVersion));
  info->set("description", "Heroku's Platform API, version 3, as far as it is here");
  document->set("info", info);
  document->set("paths", paths);
  auto bearer = with("type", "http");
  bearer->set("scheme", "bearer");
  auto components = with("schemas", schemas.all());
  components->set("securitySchemes", with("token", bearer));
  document->set("components", components);
  auto security = makeJsonArray();
  security->add(with("token", makeJsonArray()));
  document->set("security", security);
  return base::toJson(document);
}

}  // namespace api
