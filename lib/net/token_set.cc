#include "net/token_set.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace resmon::net {

namespace {

constexpr std::string_view kTokenBlanks = " \t\r";

constexpr std::size_t kLeastTokenBytes = 16;
constexpr std::size_t kMostClientNameBytes = 255;  // as in HELLO

struct TokenLine {
  std::string token;
  std::string name;  // of the client that it is bound to; empty: bound to none
};

struct TokenLines {
  std::vector<TokenLine> tokens;
  std::vector<DamagedLine> damaged;
};

// "" or what is wrong with it.
std::string token_problem(std::string_view text) {
  if (text.size() < kLeastTokenBytes) return "a token has at least 16 characters";
  for (const char c : text)
    if (c < 0x20 || c > 0x7e) return "a token has printable ASCII characters only";
  return "";
}

std::string name_problem(std::string_view text) {
  if (text.size() > kMostClientNameBytes) return "a client's name has at most 255 bytes";
  for (const char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "a client's name has no control characters";
  return "";
}

// A line that is neither blank nor a comment: "" or what is wrong with it.
std::string read_line(std::string_view text, TokenLine& out) {
  const std::string_view token = text.substr(0, text.find_first_of(" \t"));
  std::string_view name = trimmed(text.substr(token.size()), kTokenBlanks);
  if (name.starts_with('#')) name = {};
  if (std::string problem = token_problem(token); !problem.empty()) return problem;
  if (std::string problem = name_problem(name); !problem.empty()) return problem;
  out = {std::string(token), std::string(name)};
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
    const std::string_view text = trimmed(rest.substr(0, end), kTokenBlanks);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (text.empty() || text.front() == '#') continue;
    TokenLine read;
    if (std::string problem = read_line(text, read); !problem.empty())
      out.damaged.push_back({line, std::move(problem), std::string(text)});
    else
      out.tokens.push_back(std::move(read));
  }
  if (!out.tokens.empty()) return out;
  if (out.damaged.empty()) return fail(ErrorKind::kInvalid, "token file " + path + " contains no token");
  return fail(ErrorKind::kInvalid,
              "token file " + path + ":" + std::to_string(out.damaged.front().number) + ": " + out.damaged.front().why);
}

}  // namespace

TokenSet::Digest TokenSet::digest(std::string_view token) {
  Digest out{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), out.data());
  return out;
}

void TokenSet::add(std::string_view token, std::string_view name) {
  entries_.push_back({digest(token), std::string(name)});
}

bool TokenSet::contains(const Digest& sought) const {
  bool found = false;
  for (const Entry& known : entries_)
    found |= CRYPTO_memcmp(known.digest.data(), sought.data(), sought.size()) == 0 && known.name.empty();
  return found;
}

Admission TokenSet::admission(const Digest& sought, std::string_view name) const {
  Admission best = Admission::kUnknownToken;
  for (const Entry& known : entries_) {
    if (CRYPTO_memcmp(known.digest.data(), sought.data(), sought.size()) != 0) continue;
    best = std::max(best, known.name.empty() || known.name == name ? Admission::kYes : Admission::kOtherName);
  }
  return best;
}

std::string TokenSet::name_of(const Digest& sought) const {
  for (const Entry& known : entries_)
    if (CRYPTO_memcmp(known.digest.data(), sought.data(), sought.size()) == 0 && !known.name.empty()) return known.name;
  return {};
}

Result<TokenSet> TokenSet::load(const std::string& path) {
  RESMON_ASSIGN(TokenLines lines, read_tokens(path));
  TokenSet set;
  for (const TokenLine& line : lines.tokens) set.add(line.token, line.name);
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

Result<std::string> load_token(const std::string& path, std::string_view name) {
  RESMON_ASSIGN(TokenLines lines, read_tokens(path));
  for (TokenLine& line : lines.tokens)
    if (line.name.empty() || line.name == name) return std::move(line.token);
  if (name.empty())
    return fail(ErrorKind::kInvalid, "token file " + path + " has only tokens that are bound to a client's name");
  return fail(ErrorKind::kInvalid,
              "token file " + path + " has no token for a client named '" + std::string(name) + "'");
}

}  // namespace resmon::net
