#include "controller/registry_login.h"

#include "base/base64.h"
#include "base/strings.h"

namespace controller {
namespace {

bool usesTls(const std::string& url) {
  return url.starts_with("https://");
}

/// docker takes those without TLS.
bool isLoopback(const std::string& host) {
  const std::string name =
      host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
  return name == "localhost" || name.starts_with("127.") || name == "[::1]";
}

std::string loginCommand(const std::string& program, const RegistryLogin& login, const std::string& host) {
  return "printf %s " + base::shellQuote(login.secret) + " | " + program + " login --username " +
         kRegistryUser + " --password-stdin " + host;
}

/// The credentials go along as a header: containerd keeps none of its own.
std::string hostsTomlFor(const RegistryLogin& login) {
  const std::string basic = base::toBase64(std::string(kRegistryUser) + ":" + login.secret);
  return "server = \"" + login.url + "\"\n\n[host.\"" + login.url +
         "\"]\n  capabilities = [\"pull\", \"resolve\"]\n  [host.\"" + login.url +
         "\".header]\n    Authorization = [\"Basic " + basic + "\"]\n";
}

std::string indented(const std::string& text) {
  std::string out;
  for (const std::string& line : base::split(base::trim(text), '\n'))
    out += line.empty() ? "\n" : "    " + line + "\n";
  return out;
}

}  // namespace

LoginTexts loginTexts(const RegistryLogin& login) {
  const std::string host = login.url.substr(login.url.find("://") + 3);
  const bool tls = usesTls(login.url);
  return {.host = host,
          .docker = loginCommand("docker", login, host),
          .podman = loginCommand("podman", login, tls ? host : "--tls-verify=false " + host),
          .hostsFile = "/etc/containerd/certs.d/" + host + "/hosts.toml",
          .hostsToml = hostsTomlFor(login),
          .kubernetes = "kubectl create secret docker-registry fairlead --docker-server=" + host +
                        " --docker-username=" + kRegistryUser +
                        " --docker-password=" + base::shellQuote(login.secret),
          .dockerInsecure = tls || isLoopback(host) ? "" : "{\"insecure-registries\": [\"" + host + "\"]}",
          .caFile = tls ? "/etc/docker/certs.d/" + host + "/ca.crt" : ""};
}

std::string explain(const LoginTexts& texts) {
  std::string text = "docker:\n" + indented(texts.docker);
  if (!texts.dockerInsecure.empty())
    text +=
        "  This server has no TLS. docker takes it when /etc/docker/daemon.json says so (restart it "
        "then):\n" +
        indented(texts.dockerInsecure);
  if (!texts.caFile.empty())
    text += "  When its certificate is from a CA of your own, put that CA's into\n" + indented(texts.caFile);
  text += "\npodman; skopeo and buildah use the same login:\n" + indented(texts.podman);
  text += "\ncontainerd, " + texts.hostsFile + ":\n" + indented(texts.hostsToml);
  if (!texts.caFile.empty())
    text += "  With a CA of your own, below [host...]: ca = \"/etc/containerd/certs.d/" + texts.host +
            "/ca.crt\"\n";
  text +=
      "  /etc/containerd/config.toml has to say where that is (ctr: --hosts-dir /etc/containerd/certs.d):\n" +
      indented(
          "[plugins.\"io.containerd.grpc.v1.cri\".registry]\n  config_path = \"/etc/containerd/certs.d\"");
  text += "\nKubernetes, then name it in imagePullSecrets of the pods or of their service account:\n" +
          indented(texts.kubernetes);
  return text;
}

base::JsonObject::Ptr renderLogin(const LoginTexts& texts) {
  auto json = base::makeJsonObject();
  json->set("host", texts.host);
  json->set("username", std::string(kRegistryUser));
  json->set("docker_login", texts.docker);
  json->set("docker_daemon_json", texts.dockerInsecure);
  json->set("docker_ca_file", texts.caFile);
  json->set("podman_login", texts.podman);
  json->set("containerd_hosts_file", texts.hostsFile);
  json->set("containerd_hosts_toml", texts.hostsToml);
  json->set("kubernetes", texts.kubernetes);
  return json;
}

}  // namespace controller
