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
};

struct ClientTlsOptions {
  std::string ca_file;  // PEM; empty: the system's certificate authorities
};

// Errors name the file and say what is wrong with it: missing, not PEM, expired, or the key of another certificate.
Result<TlsContext> make_server_tls(const ServerTlsOptions& options);
Result<TlsContext> make_client_tls(const ClientTlsOptions& options);

}  // namespace resmon::net
