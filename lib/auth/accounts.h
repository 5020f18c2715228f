#pragma once

// The accounts file: users with a role and a password hash, and API tokens with their access. One line each, fields
// separated by spaces, `#` begins a comment:
//
//   user NAME ROLE HASH                      ROLE: admin or viewer
//   token ID ACCESS CREATED DIGEST NAME      ACCESS: read or write; CREATED: ms since 1970; DIGEST: SHA-256
//
// The server and its commands (resmon-server passwd, user, token) change the file. A writer holds a lock file beside it
// and replaces the file as a whole. A damaged line is ignored and copied to PATH.damaged; the other lines are valid.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/secret.h"
#include "base/damaged_lines.h"
#include "base/result.h"

namespace resmon::auth {

enum class Role : std::uint8_t { kViewer, kAdmin };
enum class TokenAccess : std::uint8_t { kRead, kWrite };  // kWrite includes reading

std::string_view role_name(Role role);  // "viewer", "admin"
std::string_view access_name(TokenAccess access);
Result<Role> parse_role(std::string_view text);
Result<TokenAccess> parse_access(std::string_view text);

// "", or why a user cannot have this name.
std::string user_name_problem(std::string_view name);

struct User {
  std::string name;
  Role role = Role::kViewer;
  std::string hash;
};

struct Token {
  std::string id;  // names it to people and programs; no secret
  TokenAccess access = TokenAccess::kRead;
  std::int64_t created_milliseconds = 0;
  Digest digest{};
  std::string name;  // what it is for
};

inline constexpr std::size_t kMostUsers = 1000;
inline constexpr std::size_t kMostTokens = 1000;
inline constexpr std::size_t kMostNameBytes = 64;

struct Accounts {
  std::vector<User> users;
  std::vector<Token> tokens;
  std::vector<DamagedLine> damaged;  // of the text that was parsed; format() leaves them out

  const User* find_user(std::string_view name) const;

  // Does no I/O.
  static Accounts parse(std::string_view text);
  std::string format() const;

  // These check names and bounds, and say what is wrong.
  Status add_user(std::string_view name, Role role, std::string_view password);
  Status set_password(std::string_view name, std::string_view password);
  Status remove_user(std::string_view name);  // not the last administrator
  // Returns the token itself: it is not kept.
  Result<std::string> add_token(std::string_view name, TokenAccess access, std::int64_t now_milliseconds);
  Status revoke_token(std::string_view id);
};

// kNotFound if there is none; kDenied if others may read it.
Result<Accounts> load_accounts(const std::string& path);
// Reads, changes and replaces the file (mode 0600) under its lock; an error of `change` leaves it as it was. A file
// that is not there counts as empty. Keeps the owner: root may run a command for another user's server.
Status update_accounts(const std::string& path, const std::function<Status(Accounts&)>& change);

struct NewUser {
  std::string name;
  std::string password;
};
// Makes the user "admin" with a random password, unless the file has an administrator; then nothing.
Result<std::optional<NewUser>> ensure_administrator(const std::string& path);

}  // namespace resmon::auth
