#include "oidc/discovery.h"

#include "base/json_text.h"
#include "oidc/json_members.h"
#include "oidc/options.h"

namespace resmon::oidc {

namespace {

constexpr std::size_t kMostAddressBytes = 2048;

Result<std::string> address_member(const boost::json::object& document, const std::string& key, bool only_tls) {
  std::string address = text_member(document, key);
  if (address.empty()) return fail(ErrorKind::kInvalid, "it has no " + key);
  if (address.size() > kMostAddressBytes || address.find('#') != std::string::npos)
    return fail(ErrorKind::kInvalid, key + " is no address");
  // Some providers have a query in it, which is theirs.
  if (Status good = check_address(address.substr(0, address.find('?'))); !good)
    return fail(ErrorKind::kInvalid, key + " " + good.error().message);
  for (const char c : address)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) > '~')
      return fail(ErrorKind::kInvalid, key + " is no address");
  if (only_tls && !address.starts_with("https://"))
    return fail(ErrorKind::kInvalid, key + " must begin with https://, as the issuer does");
  return address;
}

}  // namespace

Result<Discovery> Discovery::parse(std::string_view json, const std::string& issuer) {
  RESMON_ASSIGN(const boost::json::object document, parse_object(json, kMostDocumentBytes));
  if (const std::string found = text_member(document, "issuer"); found != issuer)
    return fail(ErrorKind::kInvalid,
                "its issuer is \"" + printable(found.substr(0, 200)) + "\", and oidc.issuer is \"" + issuer + "\"");
  const bool only_tls = issuer.starts_with("https://");
  Discovery out;
  RESMON_ASSIGN(out.authorization_endpoint, address_member(document, "authorization_endpoint", only_tls));
  RESMON_ASSIGN(out.token_endpoint, address_member(document, "token_endpoint", only_tls));
  RESMON_ASSIGN(out.jwks_uri, address_member(document, "jwks_uri", only_tls));
  if (document.contains("userinfo_endpoint")) {
    RESMON_ASSIGN(out.userinfo_endpoint, address_member(document, "userinfo_endpoint", only_tls));
  }
  if (const auto* const methods = document.if_contains("token_endpoint_auth_methods_supported"))
    out.takes_basic = any_text(*methods, [](std::string_view one) { return one == "client_secret_basic"; });
  if (const auto* const sends = document.if_contains("authorization_response_iss_parameter_supported"))
    out.sends_issuer = sends->is_bool() && sends->get_bool();
  return out;
}

std::string discovery_address(const std::string& issuer) {
  return without_slash(issuer) + "/.well-known/openid-configuration";
}

SplitAddress split_address(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return {url, "/"};
  return {url.substr(0, path), url[path] == '?' ? "/" + url.substr(path) : url.substr(path)};
}

}  // namespace resmon::oidc
