#include "auth/invitations.h"

#include <algorithm>
#include <charconv>

#include "auth/locked_file.h"
#include "base/file.h"

namespace resmon::auth {

namespace {

constexpr std::size_t kMostInvitationBytes = 1U << 20U;
constexpr std::size_t kInvitationIdBytes = 6;

std::string_view next_word(std::string_view& rest) {
  const std::string_view out = rest.substr(0, rest.find(' '));
  rest.remove_prefix(std::min(out.size() + 1, rest.size()));
  return out;
}

}  // namespace

std::vector<Invitation> parse_invitations(std::string_view text) {
  std::vector<Invitation> out;
  while (!text.empty() && out.size() < kMostInvitations) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    Invitation one;
    one.id = next_word(line);
    const auto role = parse_role(next_word(line));
    const std::string_view expires = next_word(line);
    const auto [stop, error] =
        std::from_chars(expires.data(), expires.data() + expires.size(), one.expires_milliseconds);
    const auto digest = digest_from_hex(next_word(line));
    one.user = line;
    if (!role || !digest || error != std::errc() || stop != expires.data() + expires.size() || one.user.empty())
      continue;
    one.role = *role;
    one.digest = *digest;
    out.push_back(std::move(one));
  }
  return out;
}

std::string format_invitations(const std::vector<Invitation>& all) {
  std::string out;
  for (const Invitation& one : all)
    out += one.id + ' ' + std::string(role_name(one.role)) + ' ' + std::to_string(one.expires_milliseconds) + ' ' +
           to_hex(one.digest) + ' ' + one.user + '\n';
  return out;
}

Result<Invitations::Made> Invitations::invite(const std::string& user, Role role, std::int64_t now_milliseconds,
                                              std::int64_t expires_milliseconds) {
  Made made;
  made.secret = random_hex(24);
  made.invitation = {random_hex(kInvitationIdBytes), role, expires_milliseconds, digest_of(made.secret), user};
  RESMON_TRY(update_locked_file(file_, kMostInvitationBytes, [&](std::string& text) -> Status {
    std::vector<Invitation> all = parse_invitations(text);
    std::erase_if(
        all, [&](const Invitation& one) { return one.user == user || one.expires_milliseconds <= now_milliseconds; });
    if (all.size() >= kMostInvitations) return fail(ErrorKind::kLimit, "at most 100 invitations");
    all.push_back(made.invitation);
    text = format_invitations(all);
    return {};
  }));
  return made;
}

std::vector<Invitation> Invitations::list(std::int64_t now_milliseconds) const {
  const auto text = read_file(file_, kMostInvitationBytes);
  std::vector<Invitation> all = text ? parse_invitations(*text) : std::vector<Invitation>();
  std::erase_if(all, [&](const Invitation& one) { return one.expires_milliseconds <= now_milliseconds; });
  return all;
}

std::optional<Invitation> Invitations::find(std::string_view secret, std::int64_t now_milliseconds) const {
  const Digest sought = digest_of(secret);
  std::optional<Invitation> found;
  for (Invitation& one : list(now_milliseconds))
    if (same(one.digest, sought)) found = std::move(one);
  return found;
}

Status Invitations::remove(std::string_view id) {
  return update_locked_file(file_, kMostInvitationBytes, [&](std::string& text) -> Status {
    std::vector<Invitation> all = parse_invitations(text);
    if (std::erase_if(all, [&](const Invitation& one) { return one.id == id; }) == 0)
      return fail(ErrorKind::kNotFound, "there is no such invitation");
    text = format_invitations(all);
    return {};
  });
}

}  // namespace resmon::auth
