#include "auth/guard.h"

#include <algorithm>
#include <charconv>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/network.h"

namespace resmon::auth {

namespace {

constexpr std::size_t kOutsiderBytes = 32;

std::int64_t now_seconds() {
  return Clock::system().wall() / 1'000'000'000;
}

}  // namespace

Guard::Guard(GuardOptions options)
    : options_(std::move(options)),
      known_addresses_(options_.accounts_file + ".addresses", options_.most_known_addresses),
      settings_(options_.accounts_file + ".settings"),
      state_(std::make_shared<const State>()) {}

std::shared_ptr<const Guard::State> Guard::state() const {
  const MutexLock lock(state_mutex_);
  return state_;
}

void Guard::take(Accounts accounts) {
  const auto before = state();
  auto next = std::make_shared<State>();
  for (const Token& token : accounts.tokens) {
    std::shared_ptr<std::atomic<std::int64_t>> used;
    for (std::size_t i = 0; i < before->accounts.tokens.size() && !used; ++i)
      if (before->accounts.tokens[i].id == token.id) used = before->last_used[i];
    next->last_used.push_back(used ? used : std::make_shared<std::atomic<std::int64_t>>(0));
  }
  next->accounts = std::move(accounts);
  {
    const MutexLock lock(state_mutex_);
    state_ = next;
    ++version_;
  }
  settings_.keep_only([&](const std::string& user) {
    return user.starts_with(Who::kOutsiderPrefix) || next->accounts.find_user(user) != nullptr;
  });
}

void Guard::tell_damaged(const Accounts& accounts) const {
  for (const DamagedLine& line : accounts.damaged)
    log::error("auth", "a damaged line of the accounts file is left out",
               {{"file", options_.accounts_file}, {"line", line.number}, {"reason", line.why}});
  if (Status kept = keep_damaged_lines(options_.accounts_file, accounts.damaged); !kept)
    log::error("auth", "cannot keep a copy of the damaged lines", {{"reason", kept.error().message}});
}

Status Guard::load() {
  const std::uint64_t mark = file_mark(options_.accounts_file);
  RESMON_ASSIGN(Accounts accounts, load_accounts(options_.accounts_file));
  tell_damaged(accounts);
  settings_.load();
  take(std::move(accounts));
  {
    const MutexLock lock(state_mutex_);
    file_mark_ = mark;
  }
  load_sessions();
  known_addresses_.load();
  return {};
}

Status Guard::reload_if_changed() {
  const std::uint64_t mark = file_mark(options_.accounts_file);
  {
    const MutexLock lock(state_mutex_);
    if (mark == file_mark_) return {};
  }
  auto accounts = load_accounts(options_.accounts_file);
  // A file without one valid line does not sign everybody out.
  if (accounts && accounts->users.empty() && !accounts->damaged.empty())
    accounts = fail(ErrorKind::kInvalid, options_.accounts_file + ": no line can be parsed");
  if (!accounts) {
    if (std::exchange(told_, true)) return {};
    return fail(std::move(accounts).error());
  }
  told_ = false;
  tell_damaged(*accounts);
  take(std::move(*accounts));
  const MutexLock lock(state_mutex_);
  file_mark_ = mark;
  return {};
}

std::optional<TokenAccess> Guard::token(std::string_view token) const {
  if (token.empty()) return std::nullopt;
  return this->token(digest_of(token));
}

std::optional<TokenAccess> Guard::token(const Digest& sought) const {
  const auto now = state();
  std::size_t found = now->accounts.tokens.size();
  for (std::size_t i = 0; i < now->accounts.tokens.size(); ++i)
    if (same(now->accounts.tokens[i].digest, sought)) found = i;
  if (found == now->accounts.tokens.size()) return std::nullopt;
  now->last_used[found]->store(Clock::system().wall() / 1'000'000, std::memory_order_relaxed);
  return now->accounts.tokens[found].access;
}

std::optional<Who> Guard::session(std::string_view id) const {
  if (id.empty() || id.size() > 256) return std::nullopt;
  Session found;
  {
    const std::string key = to_hex(digest_of(id));
    const MutexLock lock(mutex_);
    const auto at = sessions_.find(key);
    if (at == sessions_.end() || at->second.expires_seconds <= now_seconds()) return std::nullopt;
    found = at->second;
  }
  return who_of(found);
}

// A local user who got an outsider's name later ends the outsider's session: no two people have one name.
std::optional<Who> Guard::who_of(const Session& session) const {
  const auto now = state();
  const User* const user = now->accounts.find_user(session.user);
  if (!session.outsider.empty()) {
    if (user != nullptr || options_.provider.empty() || !same(digest_of(options_.provider), session.password))
      return std::nullopt;
    return Who{session.user, session.role, session.outsider};
  }
  if (user == nullptr || !same(digest_of(user->hash), session.password)) return std::nullopt;
  return Who{user->name, user->role};
}

Guard::Try Guard::begin_try(const std::string& user, std::string_view address) {
  const std::string network = network_of(address);
  const auto now = std::chrono::steady_clock::now();
  // A name may be as long as a request; its digest is not.
  const std::string name = to_hex(digest_of(user));
  Try out;
  out.known = known_addresses_.has(user, network);
  const std::pair<std::string, unsigned> keys[] = {
      {"user " + name + " at " + network, options_.attempts_of_user_at_address},
      {"user " + name, options_.attempts_of_user},
      {"address " + network, options_.attempts_of_address}};
  for (const auto& [key, most] : keys) {
    out.wait = attempts_.begin(key, most, now);
    if (out.wait.count() > 0) {
      // A refused attempt is not counted, so that repeating it does not use up the limit of others at the same address.
      take_back(out);
      return out;
    }
    out.counted.push_back(key);
    if (out.known) break;
  }
  return out;
}

void Guard::take_back(const Try& begun) {
  for (const std::string& key : begun.counted) attempts_.take_back(key);
}

Guard::LogIn Guard::log_in(const std::string& user, const std::string& password, std::string_view address,
                           const Try& begun) {
  LogIn out;
  const auto now = state();
  const User* const known = now->accounts.find_user(user);
  // An unknown name takes as long as a wrong password.
  const bool right = verify_password(password, known != nullptr ? known->hash : nobodys_hash());
  if (known == nullptr || !right) return out;
  take_back(begun);
  known_addresses_.add(user, network_of(address));
  out.session = add_session({known->name, digest_of(known->hash), 0, {}, {}});
  out.who = {known->name, known->role};
  return out;
}

Result<Guard::LogIn> Guard::admit(const std::string& name, Role role, std::string_view subject) {
  if (options_.provider.empty()) return fail(ErrorKind::kInvalid, "there is no provider");
  if (const std::string problem = user_name_problem(name); !problem.empty()) return fail(ErrorKind::kInvalid, problem);
  if (state()->accounts.find_user(name) != nullptr) return fail(ErrorKind::kDenied, "a local user has this name");
  const std::string id = to_hex(digest_of(options_.provider + '\n' + std::string(subject))).substr(0, kOutsiderBytes);
  LogIn out;
  out.session = add_session({name, digest_of(options_.provider), 0, id, role});
  out.who = {name, role, id};
  return out;
}

std::size_t Guard::end_sessions_of_outsider(std::string_view name) {
  const MutexLock lock(mutex_);
  const std::size_t ended = std::erase_if(
      sessions_, [&](const auto& one) { return !one.second.outsider.empty() && one.second.user == name; });
  if (ended > 0) save_sessions();
  return ended;
}

std::vector<Who> Guard::outsiders() const {
  std::vector<Session> all;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, session] : sessions_)
      if (!session.outsider.empty() && session.expires_seconds > now_seconds()) all.push_back(session);
  }
  // The newest sign-in of each comes first: its role is the one in force for that session and shown.
  std::sort(all.begin(), all.end(), [](const Session& a, const Session& b) {
    return std::pair(a.user, b.expires_seconds) < std::pair(b.user, a.expires_seconds);
  });
  std::vector<Who> out;
  for (const Session& session : all) {
    auto who = who_of(session);
    if (who && (out.empty() || out.back().name != who->name)) out.push_back(*std::move(who));
  }
  return out;
}

std::string Guard::add_session(Session session) {
  std::string id = random_hex(32);
  const MutexLock lock(mutex_);
  drop_expired();
  if (sessions_.size() >= options_.most_sessions)
    sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
      return a.second.expires_seconds < b.second.expires_seconds;
    }));
  session.expires_seconds = now_seconds() + static_cast<std::int64_t>(options_.session_duration.count());
  sessions_[to_hex(digest_of(id))] = std::move(session);
  save_sessions();
  return id;
}

void Guard::log_out(std::string_view session) {
  const MutexLock lock(mutex_);
  if (sessions_.erase(to_hex(digest_of(session))) > 0) save_sessions();
}

Status Guard::change_password(const std::string& user, const std::string& present, const std::string& next,
                              std::string_view address, std::string_view session) {
  const Try begun = begin_try(user, address);
  if (begun.wait.count() > 0)
    return fail(ErrorKind::kLimit, "too many attempts: wait " + std::to_string(begun.wait.count()) + " s");
  const auto now = state();
  const User* const known = now->accounts.find_user(user);
  if (known == nullptr || !verify_password(present, known->hash))
    return fail(ErrorKind::kDenied, "the current password is wrong");
  take_back(begun);
  RESMON_TRY(change([&](Accounts& accounts) { return accounts.set_password(user, next); }));
  // This session goes on; the user's others were of the old password.
  const auto changed = state();
  const User* const again = changed->accounts.find_user(user);
  const MutexLock lock(mutex_);
  if (const auto at = sessions_.find(to_hex(digest_of(session))); at != sessions_.end() && again != nullptr)
    at->second.password = digest_of(again->hash);
  save_sessions();
  return {};
}

Status Guard::change(const std::function<Status(Accounts&)>& work) {
  Accounts changed;
  Status updated = update_accounts(options_.accounts_file, [&](Accounts& accounts) -> Status {
    RESMON_TRY(work(accounts));
    changed = accounts;
    return {};
  });
  RESMON_TRY(updated);
  take(std::move(changed));
  return {};
}

std::vector<User> Guard::users() const {
  return state()->accounts.users;
}

std::vector<Guard::TokenInfo> Guard::tokens() const {
  const auto now = state();
  std::vector<TokenInfo> out;
  for (std::size_t i = 0; i < now->accounts.tokens.size(); ++i)
    out.push_back({now->accounts.tokens[i], now->last_used[i]->load(std::memory_order_relaxed)});
  return out;
}

std::size_t Guard::sessions() const {
  const MutexLock lock(mutex_);
  return sessions_.size();
}

void Guard::drop_expired() {
  const std::int64_t now = now_seconds();
  std::erase_if(sessions_, [&](const auto& one) { return one.second.expires_seconds <= now; });
}

// Saves the sessions, so that a restart signs nobody out. The file has digests only, so it grants no access. If it
// cannot be written or read, only the sessions are lost.
void Guard::save_sessions() {
  std::string text;
  for (const auto& [key, session] : sessions_) {
    text += key + ' ' + std::to_string(session.expires_seconds) + ' ' + to_hex(session.password) + ' ' + session.user;
    if (!session.outsider.empty())
      text.append(1, ' ').append(role_name(session.role)).append(1, ' ').append(session.outsider);
    text += '\n';
  }
  (void)write_file_atomically(options_.accounts_file + ".sessions", text, 0600).has_value();
}

void Guard::load_sessions() {
  const auto text = read_file(options_.accounts_file + ".sessions", 1U << 20U);
  if (!text) return;
  const MutexLock lock(mutex_);
  for (std::string_view rest = *text; !rest.empty() && sessions_.size() < options_.most_sessions;) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const std::size_t first = line.find(' ');
    const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
    const std::size_t third = second == std::string_view::npos ? second : line.find(' ', second + 1);
    if (third == std::string_view::npos) continue;
    Session session;
    const std::string_view expires = line.substr(first + 1, second - first - 1);
    std::from_chars(expires.data(), expires.data() + expires.size(), session.expires_seconds);
    const auto password = digest_from_hex(line.substr(second + 1, third - second - 1));
    if (!digest_from_hex(line.substr(0, first)) || !password) continue;
    session.password = *password;
    std::string_view words = line.substr(third + 1);
    session.user = words.substr(0, words.find(' '));
    words.remove_prefix(std::min(session.user.size() + 1, words.size()));
    if (!words.empty()) {
      const auto role = parse_role(words.substr(0, words.find(' ')));
      session.outsider = words.substr(std::min(words.find(' '), words.size() - 1) + 1);
      if (!role || session.outsider.size() != kOutsiderBytes) continue;
      session.role = *role;
    }
    sessions_[std::string(line.substr(0, first))] = std::move(session);
  }
  drop_expired();
}

}  // namespace resmon::auth
