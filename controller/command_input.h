// A client of the HTTP door that talks with a running command: keys come by a request of their own.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/byte_sink.h"
#include "base/interaction.h"
#include "base/json.h"

namespace controller {

/// What lies between the two requests. The command reads; the other request feeds. Thread-safe.
class CommandInput : public base::Interaction {
 public:
  struct Client {
    std::string user;
    std::optional<base::TerminalSize> terminal;
    std::string terminalType;
  };
  /// `output` outlives it; `began` is called when the command wants keys as they are.
  CommandInput(Client client, base::ByteSink& output, std::function<void()> began)
      : client_(std::move(client)), output_(output), began_(std::move(began)) {}

  std::optional<base::TerminalSize> terminal() const override { return client_.terminal; }
  std::string terminalType() const override { return client_.terminalType; }
  void begin(std::function<void(base::TerminalSize)> resized) override;
  base::ByteSink& output() override { return output_; }
  void endInput() override;
  std::size_t read(char* buffer, std::size_t capacity) override;

  const std::string& user() const noexcept { return client_.user; }
  /// Waits while 64 KiB are not read yet; false when nobody reads any more.
  bool feed(std::string_view bytes);
  void resize(base::TerminalSize size);
  /// No more will come.
  void endOfFeed();

 private:
  const Client client_;
  base::ByteSink& output_;
  const std::function<void()> began_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;  // guarded by mutex_, like all below
  bool fed_ = false;     // to the end
  bool closed_ = false;  // by the command
  std::mutex resizing_;  // held while resized_ is called or replaced
  std::function<void(base::TerminalSize)> resized_;
};

/// "columns" and "rows" of a message: 1 to 10000 each; nullopt when it has neither. Throws invalidArgument
/// for others.
std::optional<base::TerminalSize> terminalSizeOf(const base::JsonObject::Ptr& message);

/// Those that are open, by an id that nobody guesses. Thread-safe.
class CommandInputs {
 public:
  /// Keeps it findable for its life.
  class Entry {
   public:
    Entry(CommandInputs& owner, std::shared_ptr<CommandInput> input);
    ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    const std::string& id() const noexcept { return id_; }

   private:
    CommandInputs& owner_;
    const std::string id_;
  };
  /// Throws notFound, also for another user's.
  std::shared_ptr<CommandInput> get(const std::string& id, const std::string& user);
  /// Reads lines {"data": BASE64} and {"columns": N, "rows": N} to their end. Throws invalidArgument for
  /// another line.
  static void relay(base::ByteSource& lines, CommandInput& input);

 private:
  std::mutex mutex_;
  // Shared with the request that runs the command and the one that brings input.
  std::map<std::string, std::shared_ptr<CommandInput>> open_;
};

}  // namespace controller
