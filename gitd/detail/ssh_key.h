// Keys: of users, by fingerprint, and the server's own.
#pragma once

#include <filesystem>
#include <string>

#include "gitd/detail/ssh.h"

namespace gitd::detail {

/// "SHA256:..." as ssh-keygen -l prints it.
std::string fingerprintOf(ssh_key key);

/// Ed25519, ECDSA, RSA and their security-key kinds; no DSA, and no certificates, which libssh does not
/// verify.
bool isAcceptedKeyType(ssh_key key);

/// Signature algorithms that a user's key may use; none with SHA-1.
extern const char* const kAcceptedSignatures;

enum class HostKeyKind { ed25519, rsa };
/// Reads a host key, or makes one (0600, complete or not at all). Throws corrupt when the file is no such
/// key.
SshKey loadHostKey(const std::filesystem::path& file, HostKeyKind kind);

}  // namespace gitd::detail
