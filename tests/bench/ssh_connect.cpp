// ssh_connect PORT USER KEY COUNT COMMAND: connects, logs in and runs the command COUNT times, one after the
// other, and prints the seconds of each. A lean client, so that the server's share is seen.
#include <libssh/libssh.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

bool once(const char* port, const char* user, ssh_key key, const char* command) {
  ssh_session session = ssh_new();
  const int portNumber = std::atoi(port);
  const int noConfig = 0;
  const int noDelay = 1;
  ssh_options_set(session, SSH_OPTIONS_HOST, "127.0.0.1");
  ssh_options_set(session, SSH_OPTIONS_PORT, &portNumber);
  ssh_options_set(session, SSH_OPTIONS_USER, user);
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &noConfig);
  ssh_options_set(session, SSH_OPTIONS_NODELAY, &noDelay);
  ssh_options_set(session, SSH_OPTIONS_KEY_EXCHANGE, "curve25519-sha256");
  bool done =
      ssh_connect(session) == SSH_OK && ssh_userauth_publickey(session, nullptr, key) == SSH_AUTH_SUCCESS;
  ssh_channel channel = done ? ssh_channel_new(session) : nullptr;
  done = channel != nullptr && ssh_channel_open_session(channel) == SSH_OK &&
         ssh_channel_request_exec(channel, command) == SSH_OK;
  char buffer[256];
  while (done && ssh_channel_read(channel, buffer, sizeof buffer, 0) > 0) {
  }
  if (!done) std::fprintf(stderr, "ssh_connect: %s\n", ssh_get_error(session));
  if (channel != nullptr) ssh_channel_free(channel);
  ssh_disconnect(session);
  ssh_free(session);
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fputs("usage: ssh_connect PORT USER KEY COUNT COMMAND\n", stderr);
    return 2;
  }
  ssh_key key = nullptr;
  if (ssh_pki_import_privkey_file(argv[3], nullptr, nullptr, nullptr, &key) != SSH_OK) return 1;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (!once(argv[1], argv[2], key, argv[5])) return 1;
    std::printf("%.6f\n", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  ssh_key_free(key);
  return 0;
}
