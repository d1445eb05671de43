// A push without a client: its bytes are all there, and whatever can be accepted is.
#pragma once

#include <algorithm>
#include <chrono>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "git/receive_pack.h"
#include "git/ref_transaction.h"

namespace git::testing {

/// A client whose bytes are all there.
class MemoryWire : public Wire {
 public:
  explicit MemoryWire(std::string input) : input_(std::move(input)) {}

  std::size_t read(char* buffer, std::size_t capacity) override {
    const std::size_t count = input_.copy(buffer, capacity, at_);
    at_ += count;
    return count;
  }
  void write(std::string_view bytes) override { output.append(bytes); }
  void writeProgress(std::string_view text) override { screen.append(text); }
  void useSideBand() override {}
  void endSideBand() override {}
  bool usesSideBand() const override { return false; }
  void discardInput(std::uint64_t, std::chrono::steady_clock::time_point) override {}
  std::stop_token clientClosed() const override { return {}; }
  std::stop_token clientGone() const override { return {}; }

  std::string output;
  std::string screen;

 private:
  std::string input_;
  std::size_t at_ = 0;
};

class AcceptingBackend : public PushBackend {
 public:
  void admit(Push&) override {}
  void carryOut(Push& push) override {
    if (push.quarantine) push.quarantine->accept();
    std::vector<PushCommand*> commands;
    std::vector<RefChange> changes;
    for (PushCommand& command : push.commands) {
      if (!command.isLeft()) continue;
      commands.push_back(&command);
      changes.push_back({command.ref, command.newId, command.oldId});
    }
    const auto failures = changeRefs(push.refs, changes, push.atomic ? RefMode::atomic : RefMode::each);
    for (std::size_t at = 0; at < failures.size(); ++at) {
      if (failures[at]) commands[at]->refuse(failures[at]->text);
    }
  }
  void reported(Push&) override {}
  void broken(const Push&, const base::Error&) noexcept override {}
};

}  // namespace git::testing
