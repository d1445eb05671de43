#include "controller/command_input.h"

#include <algorithm>

#include "base/base64.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"

namespace controller {
namespace {

constexpr std::size_t kMaxWaiting = 64u << 10;
constexpr std::size_t kMaxLine = 256u << 10;
constexpr std::uint64_t kMaxSide = 10'000;

unsigned sideOf(const Poco::Dynamic::Var& value) {
  std::uint64_t side = 0;
  if (value.isInteger() && !value.isBoolean() && base::parseNumber(value.convert<std::string>(), side) &&
      side >= 1 && side <= kMaxSide)
    return static_cast<unsigned>(side);
  throw base::Error(base::Errc::invalidArgument,
                    "\"columns\" and \"rows\" are whole numbers from 1 to " + std::to_string(kMaxSide));
}

void take(const std::string& line, CommandInput& input) {
  const auto json = base::parseJsonObject(line, "a line of input", kMaxLine);
  if (json->has("data") && !json->isNull("data")) {
    const auto bytes = base::fromBase64(base::jsonString(json, "data"));
    if (!bytes) throw base::Error(base::Errc::invalidArgument, "\"data\" is not Base64");
    if (!input.feed(*bytes)) throw base::Error(base::Errc::cancelled, "the command reads no more");
    return;
  }
  const auto size = terminalSizeOf(json);
  if (!size)
    throw base::Error(base::Errc::invalidArgument,
                      "a line of input has \"data\", or \"columns\" and \"rows\"");
  input.resize(*size);
}

}  // namespace

std::optional<base::TerminalSize> terminalSizeOf(const base::JsonObject::Ptr& message) {
  if (!message->has("columns") && !message->has("rows")) return std::nullopt;
  return base::TerminalSize{sideOf(message->get("columns")), sideOf(message->get("rows"))};
}

void CommandInput::begin(std::function<void(base::TerminalSize)> resized) {
  {
    const std::lock_guard lock(resizing_);
    resized_ = std::move(resized);
  }
  began_();
}

void CommandInput::endInput() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  const std::lock_guard lock(resizing_);
  resized_ = nullptr;
}

std::size_t CommandInput::read(char* buffer, std::size_t capacity) {
  std::size_t count = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !waiting_.empty() || fed_ || closed_; });
    if (closed_) return 0;
    count = waiting_.copy(buffer, capacity);
    waiting_.erase(0, count);
  }
  changed_.notify_all();
  return count;
}

bool CommandInput::feed(std::string_view bytes) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_.size() < kMaxWaiting || closed_; });
    if (closed_) return false;
    waiting_.append(bytes);
  }
  changed_.notify_all();
  return true;
}

void CommandInput::resize(base::TerminalSize size) {
  const std::lock_guard lock(resizing_);
  if (resized_) resized_(size);
}

void CommandInput::endOfFeed() {
  {
    const std::lock_guard lock(mutex_);
    fed_ = true;
  }
  changed_.notify_all();
}

CommandInputs::Entry::Entry(CommandInputs& owner, std::shared_ptr<CommandInput> input)
    : owner_(owner), id_(base::randomHex(16)) {
  const std::lock_guard lock(owner_.mutex_);
  owner_.open_.emplace(id_, std::move(input));
}

CommandInputs::Entry::~Entry() {
  std::shared_ptr<CommandInput> input;
  {
    const std::lock_guard lock(owner_.mutex_);
    input = std::move(owner_.open_.extract(id_).mapped());
  }
  input->endInput();
}

std::shared_ptr<CommandInput> CommandInputs::get(const std::string& id, const std::string& user) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(id);
  if (found == open_.end() || found->second->user() != user)
    throw base::Error(base::Errc::notFound, "no command waits for this input");
  return found->second;
}

void CommandInputs::relay(base::ByteSource& lines, CommandInput& input) {
  std::string line;
  char buffer[4096];
  while (const std::size_t count = lines.read(buffer, sizeof buffer)) {
    std::string_view rest(buffer, count);
    for (auto end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      line += rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (!line.empty()) take(line, input);
      line.clear();
    }
    line += rest;
    if (line.size() > kMaxLine) throw base::Error(base::Errc::invalidArgument, "a line of input is too long");
  }
  if (!line.empty()) take(line, input);
}

}  // namespace controller
