#include "cli/detail/answer_reader.h"

#include <Poco/Exception.h>

#include <optional>

#include "base/base64.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace cli::detail {
namespace {

using base::Errc;
using base::Error;

constexpr std::size_t kLineMaxBytes = 8u << 20;
constexpr std::size_t kErrorMaxBytes = 64u << 10;

/// False at the end of the stream; what a broken connection left of a line is no line.
bool readLine(std::istream& in, std::string& line) {
  line.clear();
  for (;;) {
    const int c = in.get();
    if (c == std::char_traits<char>::eof()) return false;
    if (c == '\n') return true;
    if (line.size() == kLineMaxBytes)
      throw Error(Errc::corrupt, "the server's answer has a line of more than 8 MiB");
    line += static_cast<char>(c);
  }
}

struct Message {
  std::string out;
  std::string err;
  SavedFile save;
  std::string bytes;
  std::string input;
  bool raw = false;
  std::optional<pid_t> ending;
  std::optional<int> exit;
};

Message parseMessage(const std::string& line) {
  constexpr const char* kWhat = "the server's answer";
  try {
    const auto object = base::parseJsonObject(line, kWhat, kLineMaxBytes);
    Message message;
    message.out = base::jsonString(object, "out");
    message.err = base::jsonString(object, "err");
    if (const auto saved = object->getObject("save")) {
      message.save.path = base::jsonString(saved, "path");
      message.save.file = base::jsonString(saved, "file");
      message.save.secret = saved->optValue("secret", false);
    }
    message.bytes = base::fromBase64(base::jsonString(object, "bytes")).value_or("");
    message.input = base::jsonString(object, "input");
    message.raw = object->optValue("raw", false);
    if (object->has("ending")) message.ending = object->getValue<pid_t>("ending");
    if (object->has("exit")) message.exit = object->getValue<int>("exit") & 0xFF;
    return message;
  } catch (const Error& failure) {
    throw Error(Errc::corrupt, failure.what());
  } catch (const Poco::Exception&) {
    throw Error(Errc::corrupt, std::string(kWhat) + " has a member of another type than this version knows");
  }
}

}  // namespace

int followAnswer(std::istream& lines, const Surroundings& surroundings, const AnswerHooks& hooks) {
  std::string line;
  while (readLine(lines, line)) {
    if (base::trim(line).empty()) continue;
    const auto message = parseMessage(line);
    if (!message.out.empty()) surroundings.out->write(message.out);
    if (!message.err.empty()) surroundings.err->write(message.err);
    if (!message.bytes.empty()) surroundings.out->write(message.bytes);
    if (!message.save.file.empty()) hooks.save(message.save);
    if (!message.input.empty() && hooks.input) hooks.input(message.input);
    if (message.raw && hooks.raw) hooks.raw();
    if (message.ending && hooks.ending) hooks.ending(*message.ending);
    if (message.exit) return *message.exit;
  }
  throw Error(Errc::unavailable,
              "the connection to the server ended before the command did; whether it was done is not known");
}

std::string errorMessage(std::istream& body, const std::string& otherwise) {
  std::string text(kErrorMaxBytes, '\0');
  body.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(body.gcount()));
  try {
    const std::string message = base::jsonString(base::parseJsonObject(text, "the answer"), "message");
    return message.empty() ? otherwise : message;
  } catch (const Error&) {
    return otherwise;  // not our server, or a proxy before it: its status says more than its page
  }
}

}  // namespace cli::detail
