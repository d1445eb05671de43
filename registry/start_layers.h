// The layer that starts a release's processes by their types.
#pragma once

#include <map>
#include <mutex>

#include "store/blob_store.h"
#include "store/model.h"

namespace registry {

/// The small layer with the entrypoint /fairlead/start (a bash script) and /fairlead/types/TYPE (one file per
/// process type: its command, verbatim). `start TYPE` runs a process type as Heroku does: cwd /app, sources
/// /app/.profile.d/*.sh sorted by name and then /app/.profile (no `set -e` around them), then execs `bash -c
/// COMMAND`; `start CMD ARG...` whose first word is no type execs that command, quoting kept, in the same
/// environment; `start` alone is `start web`. The local engine and `docker run IMAGE web` start a process the
/// same way, from the same layer. Thread-safe.
class StartLayers {
 public:
  explicit StartLayers(store::BlobStore& blobs) : blobs_(blobs) {}

  /// Stored, durable, and left alone by a collection for a while. Same types, same bytes. Throws
  /// invalidArgument for a type that cannot be a file's name.
  store::Layer get(const store::ProcessTypes& types);

 private:
  store::BlobStore& blobs_;
  std::mutex mutex_;
  // A change of config vars or a rollback needs the layer of an earlier release: packing it again is most of
  // the work of such a change.
  std::map<store::ProcessTypes, store::Layer> known_;
};

}  // namespace registry
