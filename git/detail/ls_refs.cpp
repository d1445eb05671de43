#include "git/detail/ls_refs.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace git::detail {
namespace {

// As git: so many prefixes say no more than none.
constexpr std::size_t kMaxPrefixes = 65'536;

struct Asked {
  bool peel = false;
  bool symrefs = false;
  bool unborn = false;
  std::vector<std::string> prefixes;
  bool takes(std::string_view name) const {
    return prefixes.empty() || std::any_of(prefixes.begin(), prefixes.end(), [&](const std::string& prefix) {
             return name.starts_with(prefix);
           });
  }
};

Asked parse(const FetchContext& context, const std::vector<std::string>& arguments) {
  Asked asked;
  for (const std::string& argument : arguments) {
    if (argument == "peel") {
      asked.peel = true;
    } else if (argument == "symrefs") {
      asked.symrefs = true;
    } else if (argument.starts_with("ref-prefix ")) {
      if (asked.prefixes.size() < kMaxPrefixes) asked.prefixes.push_back(argument.substr(11));
    } else if (argument == "unborn") {
      asked.unborn = context.settings().unborn != UploadPackSettings::Unborn::ignore;
    } else {
      throw base::Error(base::Errc::invalidArgument, "unexpected line: '" + base::printable(argument) + "'");
    }
  }
  if (asked.prefixes.size() >= kMaxPrefixes) asked.prefixes.clear();
  return asked;
}

}  // namespace

void listRefsV2(const FetchContext& context, const std::vector<std::string>& arguments) {
  const Asked asked = parse(context, arguments);
  const AdvertisedRefs refs(context.refs, context.objects, context.settings(),
                            asked.peel ? AdvertisedRefs::Peel::yes : AdvertisedRefs::Peel::no);
  PacketWriter out(context.wire);
  if (refs.unborn() && asked.unborn && asked.symrefs && asked.takes("HEAD"))
    out.line("unborn HEAD symref-target:" + *refs.unborn());
  for (const ShownRef& ref : refs.shown()) {
    if (!asked.takes(ref.name)) continue;
    std::string line = ref.id.hex() + " " + ref.name;
    if (asked.symrefs && !ref.target.empty()) line += " symref-target:" + context.refs.resolveName(ref.name);
    if (ref.peeled) line += " peeled:" + ref.peeled->hex();
    out.line(line);
  }
  out.flushPacket();
  out.send();
}

}  // namespace git::detail
