#pragma once

// TLS 1.2 and later, with the certificate verified unless told otherwise. Servers offer forward-secret suites only.

#include <memory>
#include <string>

#include "base/result.h"

namespace boost::asio::ssl {
class context;
}

namespace resmon::net {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

struct ServerTlsOptions {
  std::string certificate_file;  // PEM: the server's certificate, then any intermediate ones
  std::string key_file;          // PEM
  std::string client_ca_file{};  // PEM: clients must have a certificate of these authorities; empty: they need none
};

struct ClientTlsOptions {
  std::string ca_file;  // PEM; empty: the system's certificate authorities
};

// Where this system keeps its certificate authorities: one of both is set, or none. A folder with a file for each,
// named by its hash, is preferred: it is read as far as a certificate needs it, while a bundle takes a megabyte of
// memory.
struct SystemAuthorities {
  std::string directory;
  std::string file;
};
// As SSL_CERT_DIR or SSL_CERT_FILE in the environment says, else the places of Debian, RedHat, SUSE, Alpine and Arch.
// `root` goes before those: for tests.
SystemAuthorities system_authorities(const std::string& root = "");
// Has `context` accept certificates of those. An error where there are none.
Status trust_system_authorities(boost::asio::ssl::context& context);

// Errors name the file and say what is wrong with it: missing, not PEM, expired, or the key of another certificate.
Result<TlsContext> make_server_tls(const ServerTlsOptions& options);
Result<TlsContext> make_client_tls(const ClientTlsOptions& options);

}  // namespace resmon::net
