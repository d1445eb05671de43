// /apps/A/domains.
#include "api/route.h"
#include "api/shapes.h"
#include "base/error.h"
#include "base/strings.h"
#include "controller/domain_operations.h"

namespace api {
namespace {

using base::Errc;
using base::Error;
using controller::Action;

Reply listDomains(const Call& call) {
  return page(call,
              {.all = controller::domainsJson(call.parts.control, call.app()), .fields = {"hostname", "id"}});
}

/// By host or id.
Reply showDomain(const Call& call) {
  const std::string& wanted = call.word("domain");
  for (const auto& json : controller::domainsJson(call.parts.control, call.app()))
    if (base::jsonString(json, "hostname") == wanted || base::jsonString(json, "id") == wanted)
      return reply(json);
  throw Error(Errc::notFound, "there is no domain " + base::printable(wanted) + " of " +
                                  call.app().name.str() + ": see fairlead domains");
}

Reply addDomain(const Call& call) {
  if (!base::jsonString(call.body, "sni_endpoint").empty())
    throw Error(Errc::invalidArgument,
                "there are no certificates to choose from: the router gets one for each host by itself");
  const auto domain =
      controller::addDomain(call.parts.control, call.app(), base::jsonString(call.body, "hostname"));
  return reply(controller::renderDomain(call.parts.control, call.app(), domain), 201);
}

Reply removeDomain(const Call& call) {
  const auto domain = controller::removeDomain(call.parts.control, call.app(), call.word("domain"));
  return reply(controller::renderDomain(call.parts.control, call.app(), domain));
}

Reply listCertificates(const Call&) {
  return reply(base::makeJsonArray());
}

}  // namespace

std::vector<Route> domainRoutes() {
  return {
      {"GET", "/apps/{app}/domains", "The hosts that the app is served at", listOf(domainShape()),
       listDomains, Action::viewApp},
      {"POST", "/apps/{app}/domains", "Serve it at one more", domainShape(), addDomain, Action::operateApp,
       object({required("hostname", text()), {"sni_endpoint", orNull(text())}}), 201},
      {"GET", "/apps/{app}/domains/{domain}", "One host, by name or id", domainShape(), showDomain,
       Action::viewApp},
      {"DELETE", "/apps/{app}/domains/{domain}", "Serve it there no more", domainShape(), removeDomain,
       Action::operateApp},
      {"GET", "/apps/{app}/sni-endpoints", "Certificates of the app's own: there are none", noneShape(),
       listCertificates, Action::viewApp},
  };
}

}  // namespace api
