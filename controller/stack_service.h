// The stacks that this server has, and the making of new ones.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/byte_sink.h"
#include "base/clock.h"
#include "registry/registry_credentials.h"
#include "registry/web_options.h"
#include "sandbox/host_programs.h"
#include "store/blob_store.h"
#include "store/release_store.h"

namespace controller {

/// Where the images of an imported stack come from, see registry/image_import.h.
struct StackSources {
  std::string run;
  std::string build;
  std::filesystem::path workFolder;
  registry::WebOptions web = {};
  const registry::RegistryCredentials* credentials = nullptr;
};

/// Makes each stack at most once at a time; who asks meanwhile watches the same work. Thread-safe.
class StackService {
 public:
  /// `programs` has builder::stackPrograms().
  StackService(store::ReleaseStore& releases, store::BlobStore& blobs, sandbox::HostPrograms& programs,
               const base::Clock& clock);
  ~StackService();

  /// Makes (or makes anew) a stack and commits its images as stacks/NAME:build and :run. Progress lines go to
  /// `output`. Throws what makeStack throws.
  void create(const std::string& name, base::ByteSink& output, std::stop_token stop);
  /// The same from images made elsewhere. Throws what importImage throws.
  void import(const std::string& name, const StackSources& sources, base::ByteSink& output,
              std::stop_token stop);
  /// In the background, when the stack is missing; `output` is written from that thread and must live until
  /// stop().
  void createMissing(const std::string& name, base::ByteSink& output);
  /// The stack; while it is being made, waits and passes progress on. Throws notFound with the command to
  /// type, cancelled.
  store::Stack get(const std::string& name, base::ByteSink& output, std::stop_token stop);
  void stop();

 private:
  struct Making {
    std::string lastLine;
    std::size_t lines = 0;
    bool done = false;
    std::string failure;
  };
  class Progress;
  /// Layers of the build and of the run image.
  struct Made {
    std::vector<store::Layer> build;
    std::vector<store::Layer> run;
  };
  using Maker = std::function<Made(base::ByteSink& output)>;
  /// Runs `maker` unless the same stack is being made: then waits for that.
  void make(const std::string& name, const Maker& maker, base::ByteSink& output, std::stop_token stop);
  void commit(const std::string& name, Made made);
  /// Waits for the end of a making that another thread does.
  void watch(const std::string& name, const std::shared_ptr<Making>& making, base::ByteSink& output,
             std::stop_token stop);

  store::ReleaseStore& releases_;
  store::BlobStore& blobs_;
  sandbox::HostPrograms& programs_;
  const base::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, std::shared_ptr<Making>> making_;
  std::jthread background_;
};

}  // namespace controller
