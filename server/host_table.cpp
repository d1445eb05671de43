#include "server/host_table.h"

#include <optional>

#include "runner/router_program.h"
#include "server/confined.h"

namespace server {
namespace {

std::optional<runner::TlsFront> tlsFront(const Config& config, const std::string& httpAddress) {
  if (config.httpsListen.empty()) return std::nullopt;
  return runner::TlsFront{.listen = config.httpsListen,
                          .certificate = config.tlsCertificate,
                          .key = config.tlsKey,
                          .backend = httpAddress};
}

std::optional<runner::AppsTls> appsTls(const Config& config) {
  if (config.routerHttpsListen.empty()) return std::nullopt;
  return runner::AppsTls{.listen = config.routerHttpsListen,
                         .certificate = config.routerCertificate,
                         .key = config.routerKey,
                         .domain = config.domain,
                         .acmeDirectory = config.acmeDirectory,
                         .acmeEmail = config.acmeEmail,
                         .acmeCa = config.acmeCa,
                         .redirect = config.routerRedirect == "on"};
}

}  // namespace

runner::CaddyConfig routerConfig(const Config& config, const controller::DataFolder& folder,
                                 const std::string& httpAddress) {
  return {.listen = config.routerListen,
          .tls = tlsFront(config, httpAddress),
          .appsTls = appsTls(config),
          .folder = folder.router(),
          .user = config.routerUser};
}

std::vector<std::pair<std::string, sandbox::HostProgram>> hostPrograms(const Config& config,
                                                                       const controller::DataFolder& folder) {
  return {{runner::kRouterProgram, runner::routerProgram(routerConfig(config, folder, ""), confinedBy)}};
}

}  // namespace server
