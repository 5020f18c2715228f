#include "access_control.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "oidc/provider.h"
#include "options.h"
#include "startup.h"

namespace resmon::server {

namespace {

// Makes the token file with one random token when there is none, so that nothing is ever open by default.
Status ensure_token(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return {};
  unsigned char random[24];
  if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return fail(ErrorKind::kInternal, "the kernel returned no random bytes for a token");
  const std::string token = hex_text(random);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && std::filesystem::create_directories(folder, ignored))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
  if (Status written = write_file_atomically(path, token + "\n", 0600); !written)
    return fail(std::move(written).error().wrap("token file"));
  log::info("server", "made a token", {{"file", path}});
  return {};
}

// The first administrator, if there is none yet. Only the hash of the password is kept.
Status ensure_administrator(const std::string& accounts_file) {
  RESMON_ASSIGN(const auto made, auth::ensure_administrator(accounts_file));
  if (made)
    log::tell("auth",
              "made the first administrator; the password is not shown again, 'resmon-server passwd' sets another",
              {{"user", made->name}, {"password", made->password}});
  return {};
}

}  // namespace

AccessControl::AccessControl(const Options& options)
    : options_(options), guard_(options.guard_options()), token_file_(options.token_file) {}

AccessControl::~AccessControl() = default;

Result<net::TokenSet> AccessControl::open_tokens() {
  RESMON_TRY(ensure_token(options_.token_file));
  auto tokens = token_file_.load();
  if (!tokens) return configuration_error(std::move(tokens).error());
  tokens_.replace(*tokens);
  return tokens;
}

Status AccessControl::open_accounts() {
  if (Status made = ensure_administrator(options_.accounts_file); !made)
    return configuration_error(std::move(made).error());
  if (Status loaded = guard_.load(); !loaded) return configuration_error(std::move(loaded).error());
  seen_accounts_ = guard_.version();
  return {};
}

void AccessControl::open_provider(const boost::asio::any_io_executor& executor) {
  if (options_.oidc.on()) oidc_ = std::make_shared<oidc::Provider>(executor, options_.oidc, options_.http_public_url);
}

bool AccessControl::lets_write(const net::TokenSet::Digest& token) const {
  return guard_.token(token) == auth::TokenAccess::kWrite;
}

std::optional<std::string> AccessControl::input_access(std::string_view token) const {
  const net::TokenSet::Digest digest = net::TokenSet::digest(token);
  const auto tokens = tokens_.get();
  if (tokens->contains(digest) || lets_write(digest)) return std::string();
  std::string name = tokens->name_of(digest);
  if (name.empty()) return std::nullopt;
  return name;
}

AccessControl::Changes AccessControl::read_changes() {
  Changes out;
  sign_in_refusals_.report();
  if (Status read = guard_.reload_if_changed(); !read)
    log::error("auth", "the accounts file cannot be read; the previous accounts stay in force",
               {{"reason", read.error().message}});
  const std::uint64_t now = guard_.version();
  out.accounts = std::exchange(seen_accounts_, now) != now;
  auto tokens = token_file_.load_if_changed();
  if (!tokens) {
    log::error("auth", "the token file cannot be read; the previous tokens stay in force",
               {{"reason", tokens.error().message}});
  } else if (*tokens) {
    log::info("auth", "the token file has changed", {{"tokens", (*tokens)->size()}});
    tokens_.replace(**tokens);
    out.tokens = std::move(*tokens);
  }
  return out;
}

}  // namespace resmon::server
