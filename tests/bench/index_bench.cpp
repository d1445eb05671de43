// index_bench PACK FOLDER [THREADS [sha256]]: receives the pack as a push into an empty repository would
// bring it, with Fairlead's object checks, and prints "OBJECTS DELTAS SECONDS PEAK-KIB". FOLDER gets pack and
// index.
#include <fcntl.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "base/fd.h"
#include "git/pack_receiver.h"

namespace {

class EmptySource : public git::ObjectSource {
 public:
  explicit EmptySource(git::ObjectFormat format) : format_(format) {}
  git::ObjectFormat format() const override { return format_; }
  bool contains(const git::ObjectId&) const override { return false; }
  std::optional<git::ObjectHeader> findHeader(const git::ObjectId&) const override { return std::nullopt; }
  std::optional<git::Object> find(const git::ObjectId&, std::uint64_t) const override { return std::nullopt; }

 private:
  git::ObjectFormat format_;
};

void run(int argc, char** argv) {
  const auto start = std::chrono::steady_clock::now();
  const EmptySource existing(argc > 4 ? git::ObjectFormat::sha256 : git::ObjectFormat::sha1);
  git::PackReceiverOptions options{
      .folder = argv[2], .existing = existing, .limits = {}, .policy = git::FsckPolicy()};
  if (argc > 3) options.limits.threads = static_cast<unsigned>(std::atoi(argv[3]));
  git::PackReceiver receiver(std::move(options));
  const base::Fd pack = base::openFile(argv[1], O_RDONLY);
  std::vector<char> buffer(256u << 10);
  while (const std::size_t count = base::readSome(pack, buffer.data(), buffer.size()))
    receiver.append({buffer.data(), count});
  const auto received = std::chrono::steady_clock::now();
  const git::PackSummary summary = receiver.finish();
  const auto missing = receiver.findMissing({});
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [&](auto until) { return std::chrono::duration<double>(until - start).count(); };
  std::printf("%llu %llu %.3f %ld\n", static_cast<unsigned long long>(summary.objects),
              static_cast<unsigned long long>(summary.deltas), seconds(std::chrono::steady_clock::now()),
              usage.ru_maxrss);
  std::fprintf(stderr, "receiving took %.3f s, %llu warnings%s\n", seconds(received),
               static_cast<unsigned long long>(summary.warningCount),
               missing ? ", an object is missing" : "");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: index_bench PACK FOLDER [THREADS [sha256]]\n", stderr);
    return 2;
  }
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "index_bench: %s\n", failure.what());
    return 1;
  }
}
