#include "net/token_set.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/file.h"
#include "base/log.h"

namespace resmon::net {

namespace {

constexpr std::size_t kLeastTokenBytes = 16;

struct TokenLines {
  std::vector<std::string> tokens;
  std::vector<DamagedLine> damaged;
};

// "" or what is wrong with it.
std::string token_problem(std::string_view text) {
  if (text.size() < kLeastTokenBytes) return "a token has at least 16 characters";
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) return "a token has printable ASCII characters only";
  return "";
}

Result<TokenLines> read_tokens(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return fail(system_error("token file " + path, errno));
  if ((info.st_mode & (S_IRWXO | S_IWGRP)) != 0)
    return fail(ErrorKind::kDenied, "token file " + path + " is open to other users: chmod 600 it");
  auto content = read_file(path, 1U << 20U);
  if (!content) return fail(std::move(content).error().wrap("token file"));
  TokenLines out;
  std::string_view rest = *content;
  for (int line = 1; !rest.empty(); ++line) {
    const std::size_t end = rest.find('\n');
    std::string_view text = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\r' || text.back() == '\t')) text.remove_suffix(1);
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    if (text.empty() || text.front() == '#') continue;
    if (const std::string problem = token_problem(text); !problem.empty())
      out.damaged.push_back({line, problem, std::string(text)});
    else
      out.tokens.emplace_back(text);
  }
  if (!out.tokens.empty()) return out;
  if (out.damaged.empty()) return fail(ErrorKind::kInvalid, "token file " + path + " holds no token");
  return fail(ErrorKind::kInvalid,
              "token file " + path + ":" + std::to_string(out.damaged.front().number) + ": " + out.damaged.front().why);
}

}  // namespace

TokenSet::Digest TokenSet::digest(std::string_view token) {
  Digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data());
  return out;
}

void TokenSet::add(std::string_view token) {
  digests_.push_back(digest(token));
}

bool TokenSet::contains(const Digest& sought) const {
  bool found = false;
  for (const Digest& known : digests_) found |= CRYPTO_memcmp(known.data(), sought.data(), sought.size()) == 0;
  return found;
}

Result<TokenSet> TokenSet::load(const std::string& path) {
  RESMON_ASSIGN(TokenLines lines, read_tokens(path));
  TokenSet set;
  for (const std::string& token : lines.tokens) set.add(token);
  set.damaged_ = std::move(lines.damaged);
  return set;
}

Result<TokenSet> TokenFile::load() {
  // Both before the content: what changes meanwhile is seen the next time.
  const std::uint64_t mark = file_mark(path_);
  struct stat info {};
  ::stat(path_.c_str(), &info);
  RESMON_ASSIGN(TokenSet tokens, TokenSet::load(path_));
  for (const DamagedLine& line : tokens.damaged())
    log::error("auth", "a damaged line of the token file is left out",
               {{"file", path_}, {"line", line.number}, {"reason", line.why}});
  if (Status kept = keep_damaged_lines(path_, tokens.damaged()); !kept)
    log::error("auth", "cannot keep a copy of the damaged lines", {{"reason", kept.error().message}});
  mark_ = mark;
  modified_microseconds_ = static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1'000'000 +
                           static_cast<std::int64_t>(info.st_mtim.tv_nsec) / 1000;
  return tokens;
}

Result<std::optional<TokenSet>> TokenFile::load_if_changed() {
  const std::uint64_t mark = file_mark(path_);
  if (mark == mark_) return std::optional<TokenSet>();
  auto tokens = load();
  if (tokens) {
    told_ = mark_;
    return std::optional<TokenSet>(std::move(*tokens));
  }
  if (std::exchange(told_, mark) == mark) return std::optional<TokenSet>();
  return fail(std::move(tokens).error());
}

Result<std::string> load_token(const std::string& path) {
  RESMON_ASSIGN(TokenLines lines, read_tokens(path));
  return std::move(lines.tokens.front());
}

}  // namespace resmon::net
