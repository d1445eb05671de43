// registry_load HOST:PORT push|pull [NAME=VALUE...]: client processes, each with one connection that stays
// open, push or pull whole images of an OCI registry. Prints "REQUESTS LAYER-BYTES SECONDS"; fails when an
// answer is not the expected one or shorter than it says.
//   clients=8 bytes=4096 (of a layer) layers=1 repository=bench authorization=TEXT (the header)
//   push: images=N in all, tagged i0 ... or, without images, seconds=4. A POST and a PUT for each blob, a PUT
//   for the
//         manifest.
//   pull: images=N that are there, again and again for seconds=4. HEAD of the tag, then GET of manifest,
//   config and
//         layers.
// Raw sockets, and layers that differ in their last bytes only, whose beginning is hashed once: little of the
// measured time is to be the client's own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kConfigType = "application/vnd.oci.image.config.v1+json";
constexpr const char* kLayerType = "application/vnd.oci.image.layer.v1.tar";
constexpr std::size_t kStampBytes = 32;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "registry_load: %s\n", what.c_str());
  ::_exit(1);
}

struct Settings {
  std::string host;
  int port = 0;
  bool push = false;
  int clients = 8;
  int seconds = 4;
  std::size_t images = 0;  // 0: as many as fit into the time
  std::size_t layerBytes = 4096;
  int layers = 1;
  std::string repository = "bench";
  std::string authorization;
};

/// Shared by the processes.
struct Count {
  std::atomic<std::uint64_t> requests;
  std::atomic<std::uint64_t> bytes;
  std::atomic<std::size_t> nextImage;
};

struct Answer {
  std::string head;
  std::string body;
  std::uint64_t bodyBytes = 0;
};

std::string header(const Answer& answer, std::string_view name) {
  for (std::size_t at = answer.head.find("\r\n"); at != std::string::npos;
       at = answer.head.find("\r\n", at + 2)) {
    const std::size_t begin = at + 2;
    if (answer.head.size() - begin < name.size() || answer.head[begin + name.size()] != ':') continue;
    if (::strncasecmp(answer.head.c_str() + begin, name.data(), name.size()) != 0) continue;
    const std::size_t value = answer.head.find_first_not_of(' ', begin + name.size() + 1);
    return answer.head.substr(value, answer.head.find("\r\n", value) - value);
  }
  return "";
}

/// SHA-256 of a beginning that is hashed once and ends that are hashed each time.
class Hash {
 public:
  explicit Hash(std::string_view beginning) : beginning_(EVP_MD_CTX_new()), whole_(EVP_MD_CTX_new()) {
    EVP_DigestInit_ex(beginning_, EVP_sha256(), nullptr);
    EVP_DigestUpdate(beginning_, beginning.data(), beginning.size());
  }
  ~Hash() {
    EVP_MD_CTX_free(beginning_);
    EVP_MD_CTX_free(whole_);
  }
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  std::string digest(std::string_view end) {
    std::array<unsigned char, 32> bytes{};
    EVP_MD_CTX_copy_ex(whole_, beginning_);
    EVP_DigestUpdate(whole_, end.data(), end.size());
    EVP_DigestFinal_ex(whole_, bytes.data(), nullptr);
    std::string text = "sha256:";
    for (const unsigned char byte : bytes)
      for (const int half : {byte >> 4, byte & 15})
        text += "0123456789abcdef"[half];
    return text;
  }

 private:
  EVP_MD_CTX* beginning_;
  EVP_MD_CTX* whole_;
};

/// One client's connection.
class Session {
 public:
  Session(const Settings& settings, Count& count) : settings_(settings), count_(count), buffer_(1u << 20) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(settings.port));
    ::inet_pton(AF_INET, settings.host.c_str(), &address.sin_addr);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("cannot connect");
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~Session() { ::close(fd_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  enum class Body { kept, counted };

  Answer get(const std::string& method, const std::string& path, Body body) {
    send(method + " " + path + " HTTP/1.1\r\n" + common() + "Accept: " + kManifestType + "\r\n\r\n", 0);
    return receive(method == "HEAD", "200", body);
  }

  /// `parts` are the body, one behind the other.
  Answer put(const std::string& method, const std::string& path, const std::string& type,
             std::initializer_list<std::string_view> parts) {
    std::size_t length = 0;
    for (const std::string_view part : parts)
      length += part.size();
    send(method + " " + path + " HTTP/1.1\r\n" + common() + "Content-Type: " + type +
             "\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n",
         length == 0 ? 0 : MSG_MORE);
    std::size_t left = length;
    for (const std::string_view part : parts) {
      left -= part.size();
      send(part, left == 0 ? 0 : MSG_MORE);
    }
    return receive(false, method == "POST" ? "202" : "201", Body::kept);
  }

 private:
  std::string common() const {
    std::string text = "Host: " + settings_.host + ":" + std::to_string(settings_.port) + "\r\n";
    if (!settings_.authorization.empty()) text += "Authorization: " + settings_.authorization + "\r\n";
    return text;
  }

  void send(std::string_view bytes, int flags) {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | flags);
      if (count <= 0) die("cannot send");
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  Answer receive(bool headOnly, const std::string& status, Body body) {
    Answer answer;
    std::size_t end = std::string::npos;
    while (end == std::string::npos) {
      const auto count = ::recv(fd_, buffer_.data(), 16384, 0);
      if (count <= 0) die("the connection was closed before an answer");
      answer.head.append(buffer_.data(), static_cast<std::size_t>(count));
      end = answer.head.find("\r\n\r\n");
    }
    answer.body = answer.head.substr(end + 4);
    answer.head.resize(end + 2);
    const std::string length = header(answer, "Content-Length");
    answer.bodyBytes = headOnly || length.empty() ? 0 : std::strtoull(length.c_str(), nullptr, 10);
    for (std::uint64_t received = answer.body.size(); received < answer.bodyBytes;) {
      const auto count = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
      if (count <= 0) die("the connection was closed in the middle of an answer");
      received += static_cast<std::uint64_t>(count);
      if (body == Body::kept) answer.body.append(buffer_.data(), static_cast<std::size_t>(count));
    }
    if (answer.head.compare(9, 3, status) != 0) die("answer: " + answer.head + answer.body.substr(0, 300));
    if (!headOnly && length.empty() && status == "200") die("an answer without Content-Length");
    ++count_.requests;
    return answer;
  }

  const Settings& settings_;
  Count& count_;
  std::vector<char> buffer_;
  int fd_;
};

std::string descriptor(const char* type, const std::string& digest, std::size_t bytes) {
  return std::string(R"({"mediaType":")") + type + R"(","digest":")" + digest + R"(","size":)" +
         std::to_string(bytes) + "}";
}

class Pusher {
 public:
  Pusher(const Settings& settings, Count& count, std::uint64_t salt)
      : settings_(settings),
        count_(count),
        salt_(salt),
        beginning_(settings.layerBytes - std::min(settings.layerBytes, kStampBytes), '\0'),
        layerHash_(randomized(beginning_)),
        plainHash_(""),
        session_(settings, count) {}

  void pushOne(const std::string& tag) {
    std::string layers;
    for (int i = 0; i < settings_.layers; ++i) {
      const std::string end = stamp();
      const std::string digest = layerHash_.digest(end);
      pushBlob(digest, {beginning_, end});
      layers += (i == 0 ? "" : ",") + descriptor(kLayerType, digest, beginning_.size() + end.size());
      count_.bytes += beginning_.size() + end.size();
    }
    const std::string config =
        R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"author":")" +
        stamp() + std::string(150, '.') + "\"}";
    const std::string configDigest = plainHash_.digest(config);
    pushBlob(configDigest, {config});
    const std::string manifest = std::string(R"({"schemaVersion":2,"mediaType":")") + kManifestType +
                                 R"(","config":)" + descriptor(kConfigType, configDigest, config.size()) +
                                 R"(,"layers":[)" + layers + "]}";
    session_.put("PUT", "/v2/" + settings_.repository + "/manifests/" + tag, kManifestType, {manifest});
  }

 private:
  static std::string& randomized(std::string& bytes) {
    std::uint64_t state = 88172645463325252ULL;
    for (char& byte : bytes) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      byte = static_cast<char>(state);
    }
    return bytes;
  }

  /// Never twice the same.
  std::string stamp() {
    std::array<char, kStampBytes + 1> text{};
    std::snprintf(text.data(), text.size(), "%016llx%016llx", static_cast<unsigned long long>(salt_),
                  static_cast<unsigned long long>(++stamps_));
    return {text.data(), kStampBytes};
  }

  void pushBlob(const std::string& digest, std::initializer_list<std::string_view> parts) {
    const Answer begun =
        session_.put("POST", "/v2/" + settings_.repository + "/blobs/uploads/", "text/plain", {});
    std::string location = header(begun, "Location");
    if (const auto scheme = location.find("://"); scheme != std::string::npos)
      location.erase(0, location.find('/', scheme + 3));
    location += (location.find('?') == std::string::npos ? "?digest=" : "&digest=") + digest;
    session_.put("PUT", location, "application/octet-stream", parts);
  }

  const Settings& settings_;
  Count& count_;
  const std::uint64_t salt_;
  std::uint64_t stamps_ = 0;
  std::string beginning_;
  Hash layerHash_;
  Hash plainHash_;
  Session session_;
};

void push(const Settings& settings, Count& count, Clock::time_point deadline) {
  std::uint64_t salt = 0;
  if (::getrandom(&salt, sizeof salt, 0) != sizeof salt) die("no random numbers");
  Pusher pusher(settings, count, salt);
  while (settings.images != 0 || Clock::now() < deadline) {
    const std::size_t number = count.nextImage++;
    if (settings.images != 0 && number >= settings.images) break;
    pusher.pushOne("i" + std::to_string(number));
  }
}

void pull(const Settings& settings, Count& count, Clock::time_point deadline) {
  Session session(settings, count);
  const std::string root = "/v2/" + settings.repository;
  while (Clock::now() < deadline) {
    const std::string tag = "i" + std::to_string(count.nextImage++ % settings.images);
    const std::string digest = header(session.get("HEAD", root + "/manifests/" + tag, Session::Body::counted),
                                      "Docker-Content-Digest");
    const std::string manifest = session.get("GET", root + "/manifests/" + digest, Session::Body::kept).body;
    bool config = true;  // comes first
    constexpr std::string_view kKey = "\"digest\":\"";
    for (std::size_t at = manifest.find(kKey); at != std::string::npos; at = manifest.find(kKey, at + 1)) {
      const std::size_t begin = at + kKey.size();
      const std::string blob = manifest.substr(begin, manifest.find('"', begin) - begin);
      const auto bytes = session.get("GET", root + "/blobs/" + blob, Session::Body::counted).bodyBytes;
      if (!config) count.bytes += bytes;
      config = false;
    }
    if (config) die("a manifest without blobs");
  }
}

Settings parse(int argc, char** argv) {
  Settings settings;
  if (argc < 3) die("usage: registry_load HOST:PORT push|pull [NAME=VALUE...]");
  const std::string address = argv[1];
  settings.host = address.substr(0, address.rfind(':'));
  settings.port = std::atoi(address.c_str() + address.rfind(':') + 1);
  settings.push = std::string_view(argv[2]) == "push";
  std::map<std::string, std::string> given;
  for (int i = 3; i < argc; ++i) {
    const std::string word = argv[i];
    given[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  }
  const auto number = [&](const char* name, std::size_t standard) {
    return given.contains(name) ? std::strtoull(given[name].c_str(), nullptr, 10) : standard;
  };
  settings.clients = static_cast<int>(number("clients", 8));
  settings.seconds = static_cast<int>(number("seconds", 4));
  settings.images = number("images", settings.push ? 0 : 1);
  settings.layerBytes = number("bytes", 4096);
  settings.layers = static_cast<int>(number("layers", 1));
  if (given.contains("repository")) settings.repository = given["repository"];
  settings.authorization = given["authorization"];
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  void* shared = ::mmap(nullptr, sizeof(Count), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto& count = *new (shared) Count{};
  const auto start = Clock::now();
  const auto deadline = start + std::chrono::seconds(settings.seconds);
  for (int i = 0; i < settings.clients; ++i) {
    if (::fork() != 0) continue;
    (settings.push ? push : pull)(settings, count, deadline);
    ::_exit(0);
  }
  int failures = 0;
  int status = 0;
  while (::wait(&status) > 0)
    failures += status != 0;
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf("%llu %llu %.3f\n", static_cast<unsigned long long>(count.requests),
              static_cast<unsigned long long>(count.bytes), seconds);
  return failures == 0 ? 0 : 1;
}
