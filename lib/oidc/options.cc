#include "oidc/options.h"

#include <algorithm>

#include "base/file.h"
#include "net/address.h"
#include "net/tls.h"
#include "sink/endpoint.h"

namespace resmon::oidc {

namespace {

constexpr std::size_t kMostButtonBytes = 40;
constexpr std::size_t kMostSecretBytes = 4096;

Unexpected<Error> wrong_key(const std::string& key, const std::string& why) {
  return fail(ErrorKind::kInvalid, "oidc." + key + ": " + why);
}

bool has_empty(const std::vector<std::string>& list) {
  return std::find(list.begin(), list.end(), "") != list.end();
}

}  // namespace

void Options::declare(config::Settings& settings) {
  settings.text("oidc.issuer", &issuer,
                "The provider's issuer, exactly as in its discovery document, such as "
                "https://id.example.org/realms/main. People then also sign in with this provider (docs/server.md). "
                "Needs http.public_url; the address to register with the provider is http.public_url and "
                "/oidc/callback. Empty: only local users.");
  settings.text("oidc.client_id", &client_id, "The identifier that the provider gave to this server.");
  settings.text("oidc.client_secret_file", &client_secret_file,
                "A file whose first line is the client's secret. Read at each sign-in. Empty: a public client, which "
                "has none.");
  settings.choice("oidc.token_auth", &token_auth, {"auto", "basic", "post"},
                  "How the secret is sent: as Basic authentication or in the form. auto: as the provider's discovery "
                  "document says.");
  settings.list("oidc.scopes", &scopes, "What is asked for. `openid` must be among them.");
  settings.text("oidc.name", &name, "The provider's name on the page's button: Sign in with NAME.");
  settings.text("oidc.user_claim", &user_claim,
                "The claim that is the user's name on the page: unique with the provider, and not for a person to "
                "change. `email` needs `email_verified`.");
  settings.text("oidc.admin_claim", &admin_claim,
                "The claim that makes an administrator if it is, or contains, one of admin_values. A dot leads into an "
                "object: realm_access.roles.");
  settings.list("oidc.admin_values", &admin_values, "See admin_claim. Empty: nobody is an administrator this way.");
  settings.text("oidc.viewer_claim", &viewer_claim, "As admin_claim, for people who may read.");
  settings.list("oidc.viewer_values", &viewer_values, "See viewer_claim.");
  settings.choice("oidc.default_role", &default_role, {"none", "viewer", "admin"},
                  "The role of people who have none by the claims. none: they are refused.");
  settings.text("oidc.ca_file", &ca_file,
                "The certificate authorities to trust for the provider (PEM). Empty: the system's.");
  settings.duration("oidc.timeout", &timeout, std::chrono::milliseconds(100), std::chrono::seconds(60),
                    "The time limit for each step of a request to the provider.");
}

Status Options::check(const std::string& public_url) const {
  if (!on()) {
    if (client_id.empty() && client_secret_file.empty()) return {};
    return wrong_key("issuer", "is missing, but oidc.client_id or oidc.client_secret_file is set");
  }
  if (Status good = check_address(issuer); !good) return wrong_key("issuer", good.error().message);
  if (client_id.empty()) return wrong_key("client_id", "is missing");
  if (public_url.empty())
    return fail(ErrorKind::kInvalid,
                "http.public_url: is missing; with [oidc] it must be the page's address as people open it");
  if (Status good = check_address(public_url); !good)
    return fail(ErrorKind::kInvalid, "http.public_url: " + good.error().message);
  RESMON_ASSIGN(const sink::Url own, sink::parse_url(public_url));
  if (!own.path.empty())
    return fail(ErrorKind::kInvalid, "http.public_url: with [oidc] it must have no path: the page is at /");
  if (std::find(scopes.begin(), scopes.end(), "openid") == scopes.end() || has_empty(scopes))
    return wrong_key("scopes", "must contain \"openid\", and nothing empty");
  if (name.empty() || name.size() > kMostButtonBytes) return wrong_key("name", "1 to 40 bytes");
  if (user_claim.empty()) return wrong_key("user_claim", "is missing");
  if (has_empty(admin_values) || (admin_claim.empty() && !admin_values.empty()))
    return wrong_key("admin_values", "an empty value or claim would match by mistake");
  if (has_empty(viewer_values) || (viewer_claim.empty() && !viewer_values.empty()))
    return wrong_key("viewer_values", "an empty value or claim would match by mistake");
  if (admin_values.empty() && viewer_values.empty() && default_role == "none")
    return wrong_key("default_role",
                     "is \"none\" and there are neither admin_values nor viewer_values: nobody could sign in");
  if (auto secret = read_client_secret(client_secret_file); !secret)
    return wrong_key("client_secret_file", secret.error().message);
  if (ca_file.empty()) return {};
  if (auto tls = net::make_client_tls({ca_file}); !tls) return wrong_key("ca_file", tls.error().message);
  return {};
}

Result<std::string> read_client_secret(const std::string& file) {
  if (file.empty()) return std::string();
  RESMON_ASSIGN(std::string text, read_file(file, kMostSecretBytes));
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  if (text.empty()) return fail(ErrorKind::kInvalid, file + ": the first line is empty");
  return text;
}

Status check_address(const std::string& url) {
  auto parsed = sink::parse_url(url);
  if (!parsed) return fail(ErrorKind::kInvalid, "must be an address such as https://id.example.org, without query");
  if (!parsed->user.empty() || !parsed->password.empty())
    return fail(ErrorKind::kInvalid, "must have no user name and no password");
  if (!parsed->tls && !net::is_loopback(parsed->host))
    return fail(ErrorKind::kInvalid, "must begin with https://; http:// is for this machine only, such as 127.0.0.1");
  return {};
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace resmon::oidc
