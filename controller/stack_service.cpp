#include "controller/stack_service.h"

#include <pthread.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "builder/stack_maker.h"
#include "registry/image_import.h"
#include "registry/release_image.h"

namespace controller {
namespace {

bool sameLayers(const std::vector<store::Layer>& a, const std::vector<store::Layer>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const store::Layer& x, const store::Layer& y) {
    return x.blob.digest == y.blob.digest && x.diffId == y.diffId;
  });
}

}  // namespace

/// Passes lines on and keeps the last one for those who watch.
class StackService::Progress : public base::ByteSink {
 public:
  Progress(StackService& owner, Making& making, base::ByteSink& output)
      : owner_(owner), making_(making), output_(output) {}

  void write(std::string_view bytes) override {
    partial_ += bytes;
    for (std::size_t end; (end = partial_.find('\n')) != std::string::npos; partial_.erase(0, end + 1)) {
      {
        const std::lock_guard lock(owner_.mutex_);
        making_.lastLine = partial_.substr(0, end + 1);
        ++making_.lines;
      }
      owner_.changed_.notify_all();
    }
    output_.write(bytes);
  }

 private:
  StackService& owner_;
  Making& making_;
  base::ByteSink& output_;
  std::string partial_;
};

StackService::StackService(store::ReleaseStore& releases, store::BlobStore& blobs,
                           sandbox::HostPrograms& programs, const base::Clock& clock)
    : releases_(releases), blobs_(blobs), programs_(programs), clock_(clock) {}

StackService::~StackService() {
  stop();
}

void StackService::create(const std::string& name, base::ByteSink& output, std::stop_token stop) {
  make(
      name,
      [&](base::ByteSink& progress) {
        const builder::StackLayers layers = builder::makeStack(name, blobs_, programs_, progress, stop);
        return Made{{layers.build}, {layers.run}};
      },
      output, stop);
}

void StackService::import(const std::string& name, const StackSources& sources, base::ByteSink& output,
                          std::stop_token stop) {
  make(
      name,
      [&](base::ByteSink& progress) {
        const auto take = [&](const std::string& image, const std::string& reference) {
          progress.write("-----> Copying the " + image + " image\n");
          return registry::importImage(
              {.reference = reference,
               .workFolder = sources.workFolder,
               .web = sources.web,
               .credentials = sources.credentials,
               .progress = [&](const std::string& line) { progress.write(line + "\n"); }},
              blobs_, stop);
        };
        // Both first: an image alone is of no use.
        std::vector<store::Layer> run = take("run", sources.run);
        return Made{take("build", sources.build), std::move(run)};
      },
      output, stop);
}

void StackService::make(const std::string& name, const Maker& maker, base::ByteSink& output,
                        std::stop_token stop) {
  std::shared_ptr<Making> making;
  {
    const std::lock_guard lock(mutex_);
    making = making_[name];
    if (!making)
      making = making_[name] = std::make_shared<Making>();
    else
      making = nullptr;
  }
  if (!making) {
    get(name, output, stop);
    return;
  }
  const auto end = [&](const std::string& failure) {
    {
      const std::lock_guard lock(mutex_);
      making->done = true;
      making->failure = failure;
      making_.erase(name);
    }
    changed_.notify_all();
  };
  try {
    Progress progress(*this, *making, output);
    commit(name, maker(progress));
  } catch (const std::exception& failure) {
    end(failure.what());
    throw;
  }
  end("");
}

void StackService::commit(const std::string& name, Made made) {
  const store::RepositoryName repository = store::RepositoryName::parse("stacks/" + name);
  const store::Time now = clock_.now();
  const auto before = releases_.findStack(name);
  const auto put = [&](std::vector<store::Layer> layers, const store::StackImage* old, const char* tag) {
    // The same layers are the same image, whenever it is made: what stands on it is up to date.
    if (old && sameLayers(old->layers, layers)) return *old;
    const store::Manifest manifest = registry::assembleStackImage(blobs_, layers, now);
    releases_.putManifest(repository, manifest, {tag});
    return store::StackImage{std::move(layers), manifest.digest};
  };
  store::StackImage build = put(std::move(made.build), before ? &before->build : nullptr, "build");
  store::StackImage run = put(std::move(made.run), before ? &before->run : nullptr, "run");
  base::Log("controller").info("stack made", {{"stack", name}, {"run", run.manifest.str()}});
  releases_.putStack({name, std::move(build), std::move(run), now, before ? before->alias : ""});
}

void StackService::createMissing(const std::string& name, base::ByteSink& output) {
  if (releases_.findStack(name)) return;
  background_ = std::jthread([this, name, &output](std::stop_token stop) {
    pthread_setname_np(pthread_self(), "stack");
    try {
      output.write("Making the stack " + name +
                   " from this machine's Debian packages (once, about two minutes)\n");
      create(name, output, stop);
      output.write("Stack " + name + " is ready\n");
    } catch (const std::exception& failure) {
      base::Log("controller").error("making the stack failed", {{"stack", name}, {"error", failure.what()}});
      output.write("The stack " + name + " could not be made: " + failure.what() + "\n");
    }
  });
}

void StackService::watch(const std::string& name, const std::shared_ptr<Making>& making,
                         base::ByteSink& output, std::stop_token stop) {
  output.write("-----> Waiting for the stack " + name + ", which is being made\n");
  std::size_t seen = 0;
  while (true) {
    std::string line;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop, [&] { return making->done || making->lines != seen; });
      if (stop.stop_requested())
        throw base::Error(base::Errc::cancelled, "cancelled while waiting for the stack " + name);
      if (making->done) {
        if (making->failure.empty()) return;
        throw base::Error(base::Errc::unavailable,
                          "the stack " + name + " could not be made: " + making->failure);
      }
      seen = making->lines;
      line = making->lastLine;
    }
    output.write(line);
  }
}

store::Stack StackService::get(const std::string& name, base::ByteSink& output, std::stop_token stop) {
  std::shared_ptr<Making> making;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = making_.find(name); found != making_.end()) making = found->second;
  }
  if (const auto stack = releases_.findStack(name)) return *stack;
  if (making) watch(name, making, output, stop);
  if (const auto stack = releases_.findStack(name)) return *stack;
  throw base::Error(base::Errc::notFound,
                    "there is no stack " + name + " here: make it with: fairlead stacks:create " + name);
}

void StackService::stop() {
  background_.request_stop();
  if (background_.joinable()) background_.join();
}

}  // namespace controller
