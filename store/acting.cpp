#include "store/acting.h"

#include <utility>

namespace store {
namespace {

thread_local Actor actorOfThread;

}  // namespace

ActingAs::ActingAs(Actor actor) : before_(std::exchange(actorOfThread, std::move(actor))) {}

ActingAs::~ActingAs() {
  actorOfThread = std::move(before_);
}

void ActingAs::become(Actor actor) {
  actorOfThread = std::move(actor);
}

Actor ActingAs::current() {
  return actorOfThread;
}

}  // namespace store
