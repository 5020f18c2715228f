#pragma once

// [oidc] of server.toml.

#include <chrono>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/settings.h"

namespace resmon::oidc {

struct Options {
  std::string issuer;  // empty: nobody signs in this way
  std::string client_id;
  std::string client_secret_file;
  std::string token_auth = "auto";
  std::vector<std::string> scopes = {"openid", "profile", "email"};
  std::string name = "single sign-on";
  std::string user_claim = "preferred_username";
  std::string admin_claim = "groups";
  std::vector<std::string> admin_values;
  std::string viewer_claim = "groups";
  std::vector<std::string> viewer_values;
  std::string default_role = "none";
  std::string ca_file;
  std::chrono::nanoseconds timeout{std::chrono::seconds(5)};

  bool on() const { return !issuer.empty(); }
  void declare(config::Settings& settings);
  // Messages name the key. Reads the secret and the file of authorities. `public_url`: http.public_url.
  Status check(const std::string& public_url) const;
};

// The client's secret; empty: there is none.
Result<std::string> read_client_secret(const std::string& file);
// https, or http to this machine: anybody on the way could read the secret and give out other keys. kInvalid says so.
Status check_address(const std::string& url);
// Without the '/' that some write at its end.
std::string without_slash(std::string url);

}  // namespace resmon::oidc
