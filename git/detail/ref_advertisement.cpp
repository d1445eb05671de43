#include "git/detail/ref_advertisement.h"

#include <unordered_set>

#include "base/error.h"
#include "base/fd.h"
#include "base/strings.h"
#include "git/detail/shallow_file.h"
#include "git/pkt_line.h"

namespace git::detail {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxAlternatesBytes = 1u << 20;
constexpr std::size_t kMaxAlternateTips = 100'000;

std::string capabilities(ObjectFormat format, const ReceiveSettings& settings) {
  std::string text = "report-status report-status-v2 delete-refs side-band-64k quiet";
  if (settings.advertiseAtomic) text.append(" atomic");
  if (settings.advertiseOfsDelta) text.append(" ofs-delta");
  if (settings.advertisePushOptions) text.append(" push-options");
  if (settings.sessionId) text.append(" session-id=").append(*settings.sessionId);
  text.append(" object-format=").append(name(format));
  return text.append(" agent=").append(settings.agent);
}

class Advertisement {
 public:
  explicit Advertisement(std::string capabilities) : capabilities_(std::move(capabilities)) {}

  void add(const ObjectId& id, std::string_view name) {
    line_ = id.hex();
    line_.append(" ").append(name);
    if (!begun_) line_.append(1, '\0').append(capabilities_);
    begun_ = true;
    appendPkt(text_, line_.append("\n"));
  }
  bool begun() const noexcept { return begun_; }
  std::string& text() noexcept { return text_; }

 private:
  std::string capabilities_;
  std::string line_;
  std::string text_;
  bool begun_ = false;
};

}  // namespace

std::vector<ObjectId> alternateTips(const Repository& repository) {
  const fs::path list = repository.objects() / "info" / "alternates";
  std::error_code failure;
  std::vector<ObjectId> tips;
  if (!fs::exists(list, failure)) return tips;
  for (const std::string& line : base::split(base::readFile(list, kMaxAlternatesBytes), '\n')) {
    if (line.empty() || line.starts_with('#')) continue;
    const fs::path objects = fs::path(line).is_absolute() ? fs::path(line) : repository.objects() / line;
    const fs::path folder = fs::weakly_canonical(objects, failure).parent_path();
    if (failure || !fs::is_directory(folder / "refs", failure)) continue;
    const RefStore refs(Repository{folder, folder, std::nullopt, repository.format});
    for (const Ref& ref : refs.list()) {
      if (tips.size() == kMaxAlternateTips) return tips;
      tips.push_back(ref.id);
    }
  }
  return tips;
}

PushAdvertisement pushAdvertisement(const RefStore& refs, const ReceiveSettings& settings) {
  const Repository& repository = refs.repository();
  Advertisement advertisement(capabilities(repository.format, settings));
  if (settings.protocol == 1) appendPkt(advertisement.text(), "version 1\n");
  std::unordered_set<ObjectId> seen;
  std::vector<ObjectId> ids;
  for (const Ref& ref : refs.list()) {
    if (settings.hiddenRefs.hides(ref.name)) continue;
    if (seen.insert(ref.id).second) ids.push_back(ref.id);
    advertisement.add(ref.id, ref.name);
  }
  for (const ObjectId& tip : alternateTips(repository)) {
    if (!seen.insert(tip).second) continue;
    ids.push_back(tip);
    advertisement.add(tip, ".have");
  }
  if (!advertisement.begun()) advertisement.add(ObjectId::null(repository.format), "capabilities^{}");
  for (const ObjectId& id : readShallowFile(repository.commonDir, repository.format))
    appendPkt(advertisement.text(), "shallow " + id.hex());
  return {std::move(advertisement.text().append(kFlushPkt)), std::move(ids)};
}

}  // namespace git::detail
