#include "auth/accounts.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>

#include "base/file.h"

namespace resmon::auth {

namespace {

constexpr std::size_t kIdBytes = 6;

std::string name_problem(std::string_view name, bool spaces) {
  if (name.empty()) return "a name is needed";
  if (name.size() > kMostNameBytes) return "a name has at most 64 bytes";
  if (name.front() == ' ' || name.back() == ' ') return "a name does not begin or end with a space";
  for (const char c : name)
    if (static_cast<unsigned char>(c) < 32 || c == 127 || (c == ' ' && !spaces))
      return spaces ? "a name has no control characters" : "a user's name has no spaces and no control characters";
  if (!spaces && name.find_first_of(":/#\"'\\") != std::string_view::npos)
    return "a user's name has none of : / # \" ' \\";
  return "";
}

std::string_view word(std::string_view& rest) {
  const std::size_t end = rest.find(' ');
  const std::string_view out = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return out;
}

}  // namespace

std::string_view role_name(Role role) {
  return role == Role::kAdmin ? "admin" : "viewer";
}

std::string_view access_name(TokenAccess access) {
  return access == TokenAccess::kWrite ? "write" : "read";
}

Result<Role> parse_role(std::string_view text) {
  if (text == "admin") return Role::kAdmin;
  if (text == "viewer") return Role::kViewer;
  return fail(ErrorKind::kInvalid, "a role is admin or viewer, not '" + std::string(text.substr(0, 64)) + "'");
}

Result<TokenAccess> parse_access(std::string_view text) {
  if (text == "write") return TokenAccess::kWrite;
  if (text == "read") return TokenAccess::kRead;
  return fail(ErrorKind::kInvalid, "a token's access is read or write, not '" + std::string(text.substr(0, 64)) + "'");
}

std::string user_name_problem(std::string_view name) {
  return name_problem(name, false);
}

const User* Accounts::find_user(std::string_view name) const {
  const auto at = std::find_if(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  return at == users.end() ? nullptr : &*at;
}

namespace {

// Parses the part of a line after "user ".
Status add_user_line(std::string_view rest, Accounts& out) {
  User user;
  user.name = word(rest);
  if (const std::string problem = name_problem(user.name, false); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  const auto role = parse_role(word(rest));
  if (!role) return fail(ErrorKind::kInvalid, "its role is neither admin nor viewer");
  user.role = *role;
  user.hash = rest;
  if (!is_password_hash(user.hash)) return fail(ErrorKind::kInvalid, "the password's hash is malformed");
  if (out.find_user(user.name) != nullptr) return fail(ErrorKind::kInvalid, "user " + user.name + " exists already");
  if (out.users.size() >= kMostUsers) return fail(ErrorKind::kInvalid, "too many users");
  out.users.push_back(std::move(user));
  return {};
}

// Parses the part of a line after "token ".
Status add_token_line(std::string_view rest, Accounts& out) {
  Token token;
  token.id = word(rest);
  if (const std::string problem = name_problem(token.id, false); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  const auto access = parse_access(word(rest));
  if (!access) return fail(ErrorKind::kInvalid, "its access is neither read nor write");
  token.access = *access;
  const std::string_view created = word(rest);
  const auto [stop, error] =
      std::from_chars(created.data(), created.data() + created.size(), token.created_milliseconds);
  if (error != std::errc() || stop != created.data() + created.size()) return fail(ErrorKind::kInvalid, "not a time");
  RESMON_ASSIGN(token.digest, digest_from_hex(word(rest)));
  token.name = rest;
  if (const std::string problem = name_problem(token.name, true); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  if (out.tokens.size() >= kMostTokens) return fail(ErrorKind::kInvalid, "too many tokens");
  out.tokens.push_back(std::move(token));
  return {};
}

}  // namespace

Accounts Accounts::parse(std::string_view text) {
  Accounts out;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::string_view whole = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (whole.empty() || whole.front() == '#') continue;
    std::string_view rest = whole;
    const std::string_view kind = word(rest);
    Status added = kind == "user"    ? add_user_line(rest, out)
                   : kind == "token" ? add_token_line(rest, out)
                                     : fail(ErrorKind::kInvalid, "begins neither with user nor with token");
    if (!added) out.damaged.push_back({line, added.error().message, std::string(whole)});
  }
  return out;
}

std::string Accounts::format() const {
  std::string out = "# Who may do what on this resmon server. Change it with resmon-server passwd, user and token.\n";
  for (const User& user : users)
    out += "user " + user.name + ' ' + std::string(role_name(user.role)) + ' ' + user.hash + '\n';
  for (const Token& token : tokens)
    out += "token " + token.id + ' ' + std::string(access_name(token.access)) + ' ' +
           std::to_string(token.created_milliseconds) + ' ' + to_hex(token.digest) + ' ' + token.name + '\n';
  return out;
}

Status Accounts::add_user(std::string_view name, Role role, std::string_view password) {
  if (const std::string problem = name_problem(name, false); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  if (const std::string problem = password_problem(password, name); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  if (find_user(name) != nullptr) return fail(ErrorKind::kInvalid, "user " + std::string(name) + " exists already");
  if (users.size() >= kMostUsers) return fail(ErrorKind::kLimit, "too many users");
  RESMON_ASSIGN(std::string hash, hash_password(password));
  users.push_back({std::string(name), role, std::move(hash)});
  return {};
}

Status Accounts::set_password(std::string_view name, std::string_view password) {
  const auto at = std::find_if(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  if (at == users.end()) return fail(ErrorKind::kNotFound, "there is no user " + std::string(name.substr(0, 64)));
  if (const std::string problem = password_problem(password, name); !problem.empty())
    return fail(ErrorKind::kInvalid, problem);
  RESMON_ASSIGN(at->hash, hash_password(password));
  return {};
}

Status Accounts::remove_user(std::string_view name) {
  const auto at = std::find_if(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  if (at == users.end()) return fail(ErrorKind::kNotFound, "there is no user " + std::string(name.substr(0, 64)));
  const auto admins =
      std::count_if(users.begin(), users.end(), [](const User& user) { return user.role == Role::kAdmin; });
  if (at->role == Role::kAdmin && admins == 1)
    return fail(ErrorKind::kInvalid, at->name + " is the only administrator; make another one first");
  users.erase(at);
  return {};
}

Result<std::string> Accounts::add_token(std::string_view name, TokenAccess access, std::int64_t now_milliseconds) {
  if (const std::string problem = name_problem(name, true); !problem.empty()) return fail(ErrorKind::kInvalid, problem);
  if (tokens.size() >= kMostTokens) return fail(ErrorKind::kLimit, "too many tokens");
  std::string secret = random_token();
  tokens.push_back({random_hex(kIdBytes), access, now_milliseconds, digest_of(secret), std::string(name)});
  return secret;
}

Status Accounts::revoke_token(std::string_view id) {
  const auto erased = std::erase_if(tokens, [&](const Token& token) { return token.id == id; });
  if (erased == 0) return fail(ErrorKind::kNotFound, "there is no token with the id " + std::string(id.substr(0, 64)));
  return {};
}

Result<Accounts> load_accounts(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(system_error("accounts file " + path, errno));
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return fail(ErrorKind::kDenied, "accounts file " + path + " is open to other users: chmod 600 it");
  auto text = read_file(path, 4U << 20U);
  if (!text) return fail(std::move(text).error().wrap("accounts file"));
  return Accounts::parse(*text);
}

Status update_accounts(const std::string& path, const std::function<Status(Accounts&)>& change) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && std::filesystem::create_directories(folder, ignored))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
  struct stat owner {};
  const bool known_owner =
      ::stat(path.c_str(), &owner) == 0 || ::stat(folder.empty() ? "." : folder.c_str(), &owner) == 0;
  const std::string lock_path = path + ".lock";
  const Fd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock.valid()) return fail(system_error(lock_path, errno));
  // Before anything can fail: a lock that only root can open would keep the server from its own accounts.
  const bool give = known_owner && ::geteuid() == 0 && owner.st_uid != 0;
  if (give && ::fchown(lock.get(), owner.st_uid, owner.st_gid) != 0) return fail(system_error(lock_path, errno));
  if (::flock(lock.get(), LOCK_EX) != 0) return fail(system_error(lock_path, errno));
  Accounts accounts;
  auto loaded = load_accounts(path);
  if (loaded)
    accounts = std::move(*loaded);
  else if (loaded.error().kind != ErrorKind::kNotFound)
    return fail(std::move(loaded).error());
  RESMON_TRY(change(accounts));
  // The file is written without them.
  RESMON_TRY(keep_damaged_lines(path, accounts.damaged));
  RESMON_TRY(write_file_atomically(path, accounts.format(), 0600));
  // The folder is the other user's: what it puts there instead, such as a link to a file of root's, is not followed.
  const auto hand_over = [&](const std::string& file) {
    return !give || ::lchown(file.c_str(), owner.st_uid, owner.st_gid) == 0;
  };
  if (!hand_over(path)) return fail(system_error(path, errno));
  if (!accounts.damaged.empty() && !hand_over(path + ".damaged")) return fail(system_error(path + ".damaged", errno));
  return {};
}

Result<std::optional<NewUser>> ensure_administrator(const std::string& path) {
  const auto has_one = [](const Accounts& accounts) {
    return std::any_of(accounts.users.begin(), accounts.users.end(),
                       [](const User& user) { return user.role == Role::kAdmin; });
  };
  if (auto loaded = load_accounts(path)) {
    if (has_one(*loaded)) return std::optional<NewUser>();
  } else if (loaded.error().kind != ErrorKind::kNotFound) {
    return fail(std::move(loaded).error());
  }
  std::optional<NewUser> made;
  Status updated = update_accounts(path, [&](Accounts& accounts) -> Status {
    if (has_one(accounts)) return {};
    NewUser user{"admin", random_password()};
    for (int i = 2; accounts.find_user(user.name) != nullptr; ++i) user.name = "admin" + std::to_string(i);
    RESMON_TRY(accounts.add_user(user.name, Role::kAdmin, user.password));
    made = std::move(user);
    return {};
  });
  RESMON_TRY(updated);
  return made;
}

}  // namespace resmon::auth
