#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ssl/context.hpp>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/directory.h"
#include "base/file.h"

namespace resmon::net {

namespace {

namespace ssl = boost::asio::ssl;

constexpr int kOldestTls = TLS1_2_VERSION;
// Forward-secret suites of TLS 1.2 (all of TLS 1.3 are): recorded traffic stays secret if the key becomes known.
constexpr const char* kForwardSecretSuites = "ECDHE+AESGCM:ECDHE+CHACHA20";

// The reason that OpenSSL gave last, in its words.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

Status check_readable(const std::string& what, const std::string& path) {
  if (path.empty()) return fail(ErrorKind::kInvalid, what + " is not set");
  if (auto content = read_file(path, 4U << 20U); !content) return fail(std::move(content).error().wrap(what));
  return {};
}

// The folders of OpenSSL's kind, then the bundles, of each family of distributions.
constexpr const char* kHashedFolders[] = {"/etc/ssl/certs", "/etc/pki/tls/certs"};
constexpr const char* kBundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Ubuntu, Alpine, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",                   // RedHat and its family
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RedHat and its family, from 7 on
    "/etc/ssl/ca-bundle.pem",                             // SUSE
    "/etc/ssl/cert.pem",                                  // Alpine
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem",   // Arch
};

// "5ed36f99.0": the hash of a subject, and a number.
bool is_hashed_name(std::string_view name) {
  constexpr std::string_view kHex = "0123456789abcdef";
  return name.size() >= 10 && name[8] == '.' && name.substr(0, 8).find_first_not_of(kHex) == std::string_view::npos &&
         name.substr(9).find_first_not_of("0123456789") == std::string_view::npos;
}

bool has_hashed_names(const std::string& folder) {
  Directory listing(folder.c_str());
  while (const auto entry = listing.next())
    if (is_hashed_name(entry->name)) return true;
  return false;
}

TlsContext make_context(ssl::context::method method) {
  auto context = std::make_shared<ssl::context>(method);
  SSL_CTX* native = context->native_handle();
  SSL_CTX_set_min_proto_version(native, kOldestTls);
  // Idle connections give their 34 KiB of buffers back; what thousands of quiet clients need.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  return context;
}

}  // namespace

SystemAuthorities system_authorities(const std::string& root) {
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != 0) return {"", file};
  if (const char* folder = std::getenv("SSL_CERT_DIR"); folder != nullptr && *folder != 0) return {folder, ""};
  for (const char* folder : kHashedFolders)
    if (has_hashed_names(root + folder)) return {root + folder, ""};
  for (const char* file : kBundles)
    if (::access((root + file).c_str(), R_OK) == 0) return {"", root + file};
  return {};
}

Result<TlsContext> make_server_tls(const ServerTlsOptions& options) {
  RESMON_TRY(check_readable("TLS certificate", options.certificate_file));
  RESMON_TRY(check_readable("TLS key", options.key_file));
  TlsContext context = make_context(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  if (SSL_CTX_set_cipher_list(native, kForwardSecretSuites) != 1)
    return fail(ErrorKind::kInternal, "TLS 1.2 suites: " + openssl_reason());
  if (SSL_CTX_use_certificate_chain_file(native, options.certificate_file.c_str()) != 1)
    return fail(ErrorKind::kInvalid, "TLS certificate " + options.certificate_file + ": " + openssl_reason());
  if (SSL_CTX_use_PrivateKey_file(native, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    const bool mismatch = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
    const std::string reason = openssl_reason();
    return fail(ErrorKind::kInvalid,
                "TLS key " + options.key_file +
                    (mismatch ? " does not belong to certificate " + options.certificate_file : ": " + reason));
  }
  if (const X509* certificate = SSL_CTX_get0_certificate(native);
      X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    return fail(ErrorKind::kInvalid, "TLS certificate " + options.certificate_file + " has expired");
  if (!options.client_ca_file.empty()) {
    RESMON_TRY(check_readable("TLS client CA file", options.client_ca_file));
    if (SSL_CTX_load_verify_locations(native, options.client_ca_file.c_str(), nullptr) != 1)
      return fail(ErrorKind::kInvalid, "TLS client CA file " + options.client_ca_file + ": " + openssl_reason());
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  // Sessions are long: tickets would only cost memory at both ends.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  return context;
}

Status trust_system_authorities(ssl::context& context) {
  const SystemAuthorities found = system_authorities();
  if (found.directory.empty() && found.file.empty())
    return fail(ErrorKind::kInvalid,
                "this system has no certificate authorities (package ca-certificates); a CA file can be set instead");
  if (SSL_CTX_load_verify_locations(context.native_handle(), found.file.empty() ? nullptr : found.file.c_str(),
                                    found.directory.empty() ? nullptr : found.directory.c_str()) != 1)
    return fail(ErrorKind::kInvalid,
                "the system's certificate authorities in " + found.file + found.directory + ": " + openssl_reason());
  return {};
}

Result<TlsContext> make_client_tls(const ClientTlsOptions& options) {
  TlsContext context = make_context(ssl::context::tls_client);
  SSL_CTX* native = context->native_handle();
  if (options.ca_file.empty()) {
    RESMON_TRY(trust_system_authorities(*context));
  } else {
    RESMON_TRY(check_readable("TLS CA file", options.ca_file));
    if (SSL_CTX_load_verify_locations(native, options.ca_file.c_str(), nullptr) != 1)
      return fail(ErrorKind::kInvalid, "TLS CA file " + options.ca_file + ": " + openssl_reason());
  }
  SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  return context;
}

}  // namespace resmon::net
