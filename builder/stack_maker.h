// Stacks made from Debian's packages.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/byte_sink.h"
#include "sandbox/host_programs.h"
#include "store/blob_store.h"
#include "store/model.h"

namespace builder {

/// Names that makeStack knows: "debian-12".
std::vector<std::string> knownStacks();

struct StackLayers {
  store::Layer build;
  store::Layer run;
};

/// What sandbox::HostPrograms has for them: "stack debian-12 run", "stack debian-12 build".
std::vector<std::string> stackPrograms();
/// One of these: mmdebstrap, which needs root, with this machine's own apt sources and proxy settings as they
/// are now. A tar on stdout, progress on stderr. Throws notFound for another name, unavailable with what is
/// missing, invalidArgument for lists in /etc/apt that are too long.
sandbox::HostProgram stackProgram(const std::string& name);

/// Makes the build and the run file system of a stack, by stackPrograms(), and streams each as one layer into
/// `blobs`. Writes progress as lines to `output` (at least every few seconds). Reproducible for the same
/// package versions (SOURCE_DATE_EPOCH, no logs, no caches, no machine id). Blocks for a minute or two; both
/// are made at once, each watched by a thread. Throws notFound for an unknown stack (names the known ones),
/// what stackProgram() does, unavailable with mmdebstrap's last words, cancelled.
StackLayers makeStack(const std::string& name, store::BlobStore& blobs, sandbox::HostPrograms& programs,
                      base::ByteSink& output, std::stop_token stop);

}  // namespace builder
