#include "auth/second_factors.h"

#include <algorithm>

#include "auth/accounts.h"
#include "auth/locked_file.h"
#include "base/clock.h"
#include "base/file.h"

namespace resmon::auth {

Factors parse_factors(std::string_view text) {
  Factors out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::vector<std::string> words;
    while (!line.empty()) {
      const std::string_view one = line.substr(0, line.find(' '));
      line.remove_prefix(std::min(one.size() + 1, line.size()));
      words.emplace_back(one);
    }
    if (words.empty() || words[0].empty() || out.size() >= kMostUsers) continue;
    Factor& factor = out[words[0]];
    if (words.size() > 1) factor.secret = words[1];
    if (words.size() > 2) factor.recovery.assign(words.begin() + 2, words.end());
    std::erase(factor.recovery, "");  // of two spaces
  }
  return out;
}

std::string format_factors(const Factors& factors) {
  std::string out;
  for (const auto& [user, factor] : factors) {
    out += user + ' ' + factor.secret;
    for (const std::string& digest : factor.recovery) out += ' ' + digest;
    out += '\n';
  }
  return out;
}

namespace {

constexpr std::size_t kMostFactorBytes = 2U << 20U;
constexpr std::int64_t kBegunSeconds = 600;
constexpr unsigned kWrongCodes = 5;  // in five minutes

Result<Factors> load_factors(const std::string& file) {
  auto text = read_file(file, kMostFactorBytes);
  if (text) return parse_factors(*text);
  if (text.error().kind == ErrorKind::kNotFound) return Factors();
  return fail(std::move(text).error());
}

std::int64_t seconds_now() {
  return Clock::system().wall() / 1'000'000'000;
}

}  // namespace

Result<std::optional<std::size_t>> SecondFactors::left(const std::string& user) const {
  RESMON_ASSIGN(const Factors factors, load_factors(file_));
  const auto at = factors.find(user);
  return at == factors.end() ? std::nullopt : std::optional(at->second.recovery.size());
}

bool SecondFactors::is_new(const std::string& user, std::int64_t step) {
  const MutexLock lock(mutex_);
  std::int64_t& last = last_[user];
  if (step <= last) return false;
  last = step;
  return true;
}

Status SecondFactors::check(const std::string& user, const std::string& code) {
  const auto wait = wrong_.begin(user, kWrongCodes, std::chrono::steady_clock::now());
  if (wait.count() > 0)
    return fail(ErrorKind::kLimit, "too many wrong codes: wait " + std::to_string(wait.count()) + " s");
  RESMON_ASSIGN(const Factors factors, load_factors(file_));
  const auto at = factors.find(user);
  bool right = false;
  if (at != factors.end() && is_totp_secret(at->second.secret)) {
    if (const auto step = totp_step(at->second.secret, code, seconds_now())) {
      right = is_new(user, *step);
    } else {
      const std::string digest = to_hex(digest_of(code));
      const auto& known = at->second.recovery;
      if (std::find(known.begin(), known.end(), digest) != known.end())
        RESMON_TRY(update_locked_file(file_, kMostFactorBytes, [&](std::string& text) -> Status {
          Factors now = parse_factors(text);
          right = std::erase(now[user].recovery, digest) > 0;
          text = format_factors(now);
          return {};
        }));
    }
  }
  if (!right) return fail(ErrorKind::kDenied, "the code is wrong or was used");
  wrong_.take_back(user);
  return {};
}

std::string SecondFactors::begin(const std::string& user) {
  std::string secret = random_totp_secret();
  const MutexLock lock(mutex_);
  std::erase_if(begun_, [](const auto& one) { return one.second.expires_seconds <= seconds_now(); });
  begun_[user] = {secret, seconds_now() + kBegunSeconds};
  return secret;
}

Result<std::vector<std::string>> SecondFactors::confirm(const std::string& user, const std::string& code) {
  Factor factor;
  {
    const MutexLock lock(mutex_);
    const auto at = begun_.find(user);
    if (at == begun_.end() || at->second.expires_seconds <= seconds_now())
      return fail(ErrorKind::kInvalid, "begin again: this took longer than ten minutes");
    factor.secret = at->second.secret;
  }
  const auto step = totp_step(factor.secret, code, seconds_now());
  if (!step) return fail(ErrorKind::kInvalid, "the code is wrong; are the clocks of phone and server right?");
  std::vector<std::string> codes;
  for (std::size_t i = 0; i < kRecoveryCodes; ++i) {
    codes.push_back(random_recovery_code());
    factor.recovery.push_back(to_hex(digest_of(codes.back())));
  }
  RESMON_TRY(update_locked_file(file_, kMostFactorBytes, [&](std::string& text) -> Status {
    Factors now = parse_factors(text);
    now[user] = factor;
    text = format_factors(now);
    return {};
  }));
  const MutexLock lock(mutex_);
  begun_.erase(user);
  last_[user] = *step;
  return codes;
}

Status SecondFactors::remove(const std::string& user) {
  return update_locked_file(file_, kMostFactorBytes, [&](std::string& text) -> Status {
    Factors now = parse_factors(text);
    if (now.erase(user) == 0)
      return fail(ErrorKind::kNotFound, "there is no second factor of " + user.substr(0, kMostNameBytes));
    text = format_factors(now);
    return {};
  });
}

}  // namespace resmon::auth
