#include "base/log.h"

#include <Poco/AutoPtr.h>
#include <Poco/Channel.h>
#include <Poco/Logger.h>
#include <Poco/Message.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/clock.h"
#include "base/detail/utf8.h"
#include "base/error.h"

namespace base {
namespace {

constexpr std::array<std::pair<std::string_view, Poco::Message::Priority>, 4> kLevels = {{
    {"error", Poco::Message::PRIO_ERROR},
    {"warn", Poco::Message::PRIO_WARNING},
    {"info", Poco::Message::PRIO_INFORMATION},
    {"debug", Poco::Message::PRIO_DEBUG},
}};

std::string_view levelName(Poco::Message::Priority priority) {
  for (const auto& [name, level] : kLevels) {
    if (priority <= level) return name;
  }
  return "debug";
}

/// One write(2) per line, so that lines of several threads do not mix.
class StderrChannel : public Poco::Channel {
 public:
  void log(const Poco::Message& message) override {
    const auto micros = std::chrono::microseconds(message.getTime().epochMicroseconds());
    std::string line = toRfc3339(Time(std::chrono::floor<std::chrono::milliseconds>(micros)));
    line.append(" ").append(levelName(message.getPriority()));
    line.append(" ").append(message.getSource());
    line.append(" ").append(message.getText()).append("\n");
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t count = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (count < 0 && errno != EINTR) return;  // nowhere left to report this to
      if (count > 0) rest.remove_prefix(static_cast<std::size_t>(count));
    }
  }
};

/// Text that can neither end the line nor reach a terminal as a command.
void appendEscaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = detail::utf8Length(text);
    const std::string_view piece = text.substr(0, length == 0 ? 1 : length);
    const char32_t code = length == 0 ? 0 : detail::utf8Decode(piece);
    if (piece == "\"" || piece == "\\") {
      out.append("\\").append(piece);
    } else if (piece == "\n") {
      out += "\\n";
    } else if (code < 0x20 || (code >= 0x7F && code < 0xA0)) {
      for (const char c : piece) {
        std::array<char, 8> hex{};
        std::snprintf(hex.data(), hex.size(), "\\x%02x",
                      static_cast<unsigned>(static_cast<unsigned char>(c)));
        out += hex.data();
      }
    } else {
      out += piece;
    }
    text.remove_prefix(piece.size());
  }
}

std::string formatEvent(std::string_view event, std::initializer_list<LogField> fields) {
  std::string text(event);
  for (const auto& field : fields) {
    std::string value;
    appendEscaped(value, field.value);
    const bool bare =
        !value.empty() && value == field.value && value.find_first_of(" =") == std::string::npos;
    text.append(" ").append(field.key).append("=");
    if (bare) {
      text += value;
    } else {
      text.append("\"").append(value).append("\"");
    }
  }
  return text;
}

void post(const std::string& module, Poco::Message::Priority priority, std::string_view event,
          std::initializer_list<LogField> fields) {
  Poco::Logger& logger = Poco::Logger::get(module);
  if (!logger.is(priority)) return;
  logger.log(Poco::Message(module, formatEvent(event, fields), priority));
}

}  // namespace

void Log::error(std::string_view event, std::initializer_list<LogField> fields) const {
  post(module_, Poco::Message::PRIO_ERROR, event, fields);
}

void Log::warn(std::string_view event, std::initializer_list<LogField> fields) const {
  post(module_, Poco::Message::PRIO_WARNING, event, fields);
}

void Log::info(std::string_view event, std::initializer_list<LogField> fields) const {
  post(module_, Poco::Message::PRIO_INFORMATION, event, fields);
}

void Log::debug(std::string_view event, std::initializer_list<LogField> fields) const {
  post(module_, Poco::Message::PRIO_DEBUG, event, fields);
}

void configureLogging(std::string_view level) {
  for (const auto& [name, priority] : kLevels) {
    if (name != level) continue;
    Poco::Logger::root();  // exists from its first use on only, and later loggers copy it
    // The empty name is a prefix of every logger's, also of those that exist already.
    Poco::Logger::setChannel("", Poco::AutoPtr<Poco::Channel>(new StderrChannel));
    Poco::Logger::setLevel("", priority);
    return;
  }
  throw Error(Errc::invalidArgument, "unknown log level: use error, warn, info or debug");
}

}  // namespace base
