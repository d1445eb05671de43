#include "registry/web_options.h"

#include "registry/image_reference.h"

namespace registry {

bool WebOptions::speaksTls(const std::string& host) const {
  return !isLoopbackHost(host) && !insecureHosts.contains(host) &&
         !insecureHosts.contains(host.substr(0, host.find(':')));
}

}  // namespace registry
