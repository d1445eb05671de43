// Watching a build: its log from the first byte, as it is written.
#pragma once

#include <stop_token>

#include "base/byte_sink.h"
#include "controller/deployer.h"

namespace controller {

/// Copies the build's log to `output` until the build is decided or `stop` is requested: whole lines, and
/// what stands of an unfinished one after 100 ms. While the build waits, its place in the queue is said. The
/// build never waits for `output`: what a slow reader has not taken is read from the disk when it is.
void followBuild(Deployer& deployer, BuildRun& run, base::ByteSink& output, const std::stop_token& stop);

/// followBuild for who started the build (not `attached`): going away cancels it. Returns its outcome, also
/// of a build that could not be cancelled any more.
gitd::PushOutcome awaitBuild(Deployer& deployer, const Deployer::Submitted& submitted, base::ByteSink& output,
                             const std::stop_token& gone);

}  // namespace controller
