#include "runner/detail/caddy_access_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <functional>

namespace runner::detail {
namespace {

constexpr const char* kLogger = "router";
constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxValue = 2048;

/// Reads JSON from front to back and builds nothing: this is done for every request. Each function is true
/// when what it is named after stood there, and is read. (RFC 8259.)
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool atEnd() {
    skipSpace();
    return at_ == text_.size();
  }

  /// `member` reads the value of each key.
  bool object(const std::function<bool(const std::string& key)>& member) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      std::string key;
      if (!string(key) || !take(':') || !member(key)) return false;
    } while (take(','));
    return take('}');
  }

  bool string(std::string& out) {
    if (!take('"')) return false;
    out.clear();
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c != '\\')
        out += c;
      else if (!escape(out))
        return false;
    }
    return false;
  }

  bool number(double& out) {
    skipSpace();
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), out);
    if (error != std::errc() || !std::isfinite(out)) return false;
    at_ = static_cast<std::size_t>(end - text_.data());
    return true;
  }

  /// The first of an array of strings, if there is one.
  bool firstString(std::string& out) {
    if (!take('[')) return false;
    if (take(']')) return true;
    if (!string(out)) return false;
    while (take(','))
      if (!skip(1)) return false;
    return take(']');
  }

  /// Any value.
  bool skip(int depth = 0) {
    if (depth > kMaxDepth) return false;
    skipSpace();
    if (at_ == text_.size()) return false;
    std::string ignored;
    double number = 0;
    switch (text_[at_]) {
      case '"':
        return string(ignored);
      case '{':
        return object([&](const std::string&) { return skip(depth + 1); });
      case '[':
        return skipArray(depth);
      default:
        return word("true") || word("false") || word("null") || this->number(number);
    }
  }

 private:
  bool skipArray(int depth) {
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      if (!skip(depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  void skipSpace() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
  }

  bool take(char wanted) {
    skipSpace();
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    return true;
  }

  /// Behind the backslash at `at_`; stays on its last character.
  bool escape(std::string& out) {
    if (++at_ == text_.size()) return false;
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    const std::size_t found = kNames.find(text_[at_]);
    if (found != std::string_view::npos) {
      out += kMeant[found];
      return true;
    }
    unsigned code = 0;
    constexpr std::size_t kDigits = 4;
    if (text_[at_] != 'u' || text_.size() - at_ <= kDigits) return false;
    const char* const digits = text_.data() + at_ + 1;
    if (std::from_chars(digits, digits + kDigits, code, 16).ptr != digits + kDigits) return false;
    at_ += kDigits;
    appendUtf8(out, code);
    return true;
  }

  /// Halves of a pair become one character each, which is none: they are shown as such.
  static void appendUtf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool readHeader(Scanner& json, const std::string& name, const char* wanted, std::string& value) {
  return name == wanted ? json.firstString(value) : json.skip();
}

bool readRequest(Scanner& json, AccessLine& line) {
  return json.object([&](const std::string& key) {
    if (key == "remote_ip") return json.string(line.remote);
    if (key == "proto") return json.string(line.protocol);
    if (key == "method") return json.string(line.method);
    if (key == "host") return json.string(line.host);
    if (key == "uri") return json.string(line.uri);
    if (key != "headers") return json.skip();
    return json.object([&](const std::string& name) {
      if (name == "X-Request-Id" && line.requestId.empty()) return json.firstString(line.requestId);
      return readHeader(json, name, "X-Forwarded-For", line.forwarded);
    });
  });
}

/// See accessLogNotes(). Lines of an earlier version have headers in their place.
void takeNotes(std::string_view notes, AccessLine& line) {
  const std::size_t space = notes.find(' ');
  if (space == std::string_view::npos) return;
  line.requestId = notes.substr(0, space);
  line.forwarded = notes.substr(space + 1);
}

bool isPlain(std::string_view text) {
  return !text.empty() && text.find_first_not_of(
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                              "0123456789-._:/[]") == std::string_view::npos;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxValue)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::array<char, 8> hex{};
      std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += hex.data();
    } else {
      out += c;
    }
  }
  return out + (text.size() > kMaxValue ? "...\"" : "\"");
}

std::string wordOf(std::string_view text) {
  return isPlain(text) && text.size() <= kMaxValue ? std::string(text) : quoted(text);
}

}  // namespace

base::JsonObject::Ptr accessLogOfServer() {
  auto logs = base::makeJsonObject();
  logs->set("default_logger_name", kLogger);
  return logs;
}

CaddyValue accessLogNotes() {
  // The one placeholder that Caddy itself puts into a line, for servers that know their users.
  const char* const notes = "{http.request.header.X-Request-Id} {http.request.header.X-Forwarded-For}";
  return object({{"handler", "map"},
                 {"source", ""},
                 {"destinations", array({"{http.auth.user.id}"})},
                 {"mappings", array({})},
                 {"defaults", array({notes})}});
}

base::JsonArray::Ptr namesOfRequests() {
  auto names = base::makeJsonArray();
  names->add(std::string("http"));
  return names;
}

base::JsonObject::Ptr accessLogWriter() {
  auto file = base::makeJsonObject();
  file->set("output", "file");
  file->set("filename", kAccessLog);
  file->set("roll_size_mb", 64);
  file->set("roll_keep", 1);
  file->set("roll_gzip", false);
  // Without the headers, which are most of a line: what is wanted of them is in the notes.
  const CaddyValue left = object({{"filter", "delete"}});
  const CaddyValue encoder = object(
      {{"format", "filter"},
       {"wrap", object({{"format", "json"}})},
       {"fields", object({{"request>headers", left}, {"request>tls", left}, {"resp_headers", left}})}});
  auto names = base::makeJsonArray();
  names->add(std::string("http.log.access.") + kLogger);
  auto log = base::makeJsonObject();
  log->set("writer", file);
  log->set("encoder", encoder);
  log->set("include", names);
  return log;
}

std::optional<AccessLine> parseAccessLine(std::string_view text) {
  AccessLine line;
  std::string notes;
  Scanner json(text);
  std::string answered;
  double time = -1, size = 0, status = -1;
  const bool read = json.object([&](const std::string& key) {
    if (key == "ts") return json.number(time);
    if (key == "duration") return json.number(line.seconds);
    if (key == "size") return json.number(size);
    if (key == "status") return json.number(status);
    if (key == "request") return readRequest(json, line);
    if (key == "user_id") return json.string(notes);
    if (key != "resp_headers") return json.skip();
    return json.object(
        [&](const std::string& name) { return readHeader(json, name, "X-Request-Id", answered); });
  });
  constexpr double kYear9999 = 253402300799;
  constexpr double kMost = 1e15;
  const auto within = [](double value, double most) { return value >= 0 && value <= most; };
  if (!read || !json.atEnd() || line.host.empty() || !within(time, kYear9999) || !within(size, kMost) ||
      !within(status, 999) || !within(line.seconds, kMost))
    return std::nullopt;
  constexpr double kMicroseconds = 1e6;
  line.time = static_cast<LogTime>(time * kMicroseconds) * 1000;
  line.status = static_cast<int>(status);
  line.bytes = static_cast<std::uint64_t>(size);
  if (!answered.empty()) line.requestId = answered;
  takeNotes(notes, line);
  return line;
}

std::string formatAccessLine(const AccessLine& line) {
  std::string text =
      "at=info method=" + wordOf(line.method) + " path=" + quoted(line.uri) + " host=" + wordOf(line.host);
  if (!line.requestId.empty()) text += " request_id=" + wordOf(line.requestId);
  const std::string chain = line.forwarded.empty() ? line.remote : line.forwarded + ", " + line.remote;
  text += " fwd=" + quoted(chain);
  text += " service=" + std::to_string(static_cast<std::uint64_t>(line.seconds * 1000)) +
          "ms status=" + std::to_string(line.status) + " bytes=" + std::to_string(line.bytes) +
          " protocol=" + wordOf(line.protocol);
  return text;
}

std::string hostOf(const AccessLine& line) {
  std::string host = line.host.substr(0, line.host.rfind(':'));
  if (!host.empty() && host.back() == '.') host.pop_back();
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return host;
}

}  // namespace runner::detail
