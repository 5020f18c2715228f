#pragma once

// Invitations: a link that lets its holder make one user with a password of the own, once and in time. One line for
// each, in a file beside the accounts: `ID ROLE EXPIRES DIGEST NAME`. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/accounts.h"

namespace resmon::auth {

struct Invitation {
  std::string id;
  Role role = Role::kViewer;
  std::int64_t expires_milliseconds = 0;  // since 1970
  Digest digest{};                        // of what the link has
  std::string user;
};

inline constexpr std::size_t kMostInvitations = 100;

// The file's text. A damaged line is no invitation; of more than kMostInvitations the first count.
std::vector<Invitation> parse_invitations(std::string_view text);
std::string format_invitations(const std::vector<Invitation>& all);

class Invitations {
 public:
  explicit Invitations(std::string file) : file_(std::move(file)) {}

  struct Made {
    Invitation invitation;
    std::string secret;  // for the link; it is not kept
  };
  // An older one of the same name ends. `user` is a name that Accounts takes.
  Result<Made> invite(const std::string& user, Role role, std::int64_t now_milliseconds,
                      std::int64_t expires_milliseconds);
  std::vector<Invitation> list(std::int64_t now_milliseconds) const;  // those that are not over
  std::optional<Invitation> find(std::string_view secret, std::int64_t now_milliseconds) const;
  Status remove(std::string_view id);  // kNotFound: there is none

 private:
  const std::string file_;
};

}  // namespace resmon::auth
