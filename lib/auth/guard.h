#pragma once

// Authentication: checks API tokens and sessions without I/O, and signs users in. The accounts file is read at start,
// after a change by this process, and when reload_if_changed finds a change by a command. Changing a password or
// removing a user ends that user's sessions.
//
// Wrong passwords are limited, each per five minutes: for one name from one address, for one name, and from one
// address. Unknown names are treated like known ones, so that an answer does not reveal which exist. For an address
// from which the user has signed in before, only the first limit applies: strangers cannot lock that user out.
//
// Thread-safe. log_in and change_password take a tenth of a second on purpose: do not call them on a thread that serves
// connections.

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/accounts.h"
#include "auth/attempts.h"
#include "auth/known_addresses.h"
#include "auth/user_settings.h"
#include "base/mutex.h"
#include "base/result.h"

namespace resmon::auth {

struct GuardOptions {
  std::string accounts_file;
  std::chrono::seconds session_duration{std::chrono::hours(24 * 7)};  // from signing in
  std::size_t most_sessions = 1000;                                   // when there are more, the oldest ends
  unsigned attempts_of_user_at_address = 5;                           // wrong passwords in five minutes, then 429
  unsigned attempts_of_address = 20;
  unsigned attempts_of_user = 100;
  std::size_t most_known_addresses = 4096;
  // Names the provider whose people may have sessions; empty: there is none. Sessions of another one end.
  std::string provider;
};

struct Who {
  std::string name;  // of the user
  Role role = Role::kViewer;
  // Of somebody whom a provider vouches for, and who is not in the accounts file: stands for that person for ever, has
  // 32 characters. Empty: a local user.
  std::string outsider = {};

  // Under which the settings are kept. No local user's name has a ':'.
  std::string settings_key() const { return outsider.empty() ? name : kOutsiderPrefix + outsider; }
  static constexpr const char* kOutsiderPrefix = "oidc:";
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  Status load();
  // Every second or so, from one thread. An error, told once, leaves what was known in force.
  Status reload_if_changed();

  // The access of an API token; empty if it is unknown. Records the time of use.
  std::optional<TokenAccess> token(std::string_view token) const;
  // The same by digest, for callers that do not keep the token.
  std::optional<TokenAccess> token(const Digest& digest) const;
  // Grows with each change of users or tokens. From any thread.
  std::uint64_t version() const { return version_; }
  // The user of a session that is still good.
  std::optional<Who> session(std::string_view id) const;

  // A try to give a password. It counts from its beginning on, so that many at once are no way around the bounds.
  struct Try {
    std::chrono::seconds wait{0};      // not 0: too many. Nothing counts, and log_in is not to be called
    bool known = false;                // this user has signed in from there before
    std::vector<std::string> counted;  // Guard's own
  };
  Try begin_try(const std::string& user, std::string_view address);
  // It came to nothing: no password was looked at.
  void take_back(const Try& begun);

  struct LogIn {
    std::string session;  // a secret for the cookie; empty: not signed in
    Who who;
  };
  // `begun` is begin_try's of the same user and address.
  LogIn log_in(const std::string& user, const std::string& password, std::string_view address, const Try& begun);
  // A session for somebody whom the provider vouches for. `subject`: what the provider calls that person for ever.
  // kDenied: a local user has this name. kInvalid: nobody can have this name, or there is no provider.
  Result<LogIn> admit(const std::string& name, Role role, std::string_view subject);
  // Of people of the provider; how many sessions ended.
  std::size_t end_sessions_of_outsider(std::string_view name);
  std::vector<Who> outsiders() const;  // who have a session; each once
  void log_out(std::string_view session);
  // kDenied: the present password is wrong. kLimit: too many attempts. Ends the user's other sessions.
  Status change_password(const std::string& user, const std::string& present, const std::string& next,
                         std::string_view address, std::string_view session);

  // What users chose for the page. They go with their user.
  UserSettings& settings() { return settings_; }

  // Changes the file and takes it in.
  Status change(const std::function<Status(Accounts&)>& work);

  struct TokenInfo {
    Token token;
    std::int64_t last_used_milliseconds = 0;  // since the server started; 0: not
  };
  std::vector<User> users() const;
  std::vector<TokenInfo> tokens() const;
  std::size_t sessions() const;
  std::chrono::seconds session_duration() const { return options_.session_duration; }

 private:
  struct State {
    Accounts accounts;
    std::vector<std::shared_ptr<std::atomic<std::int64_t>>> last_used;  // of each token
  };
  struct Session {
    std::string user;
    Digest password{};                 // of the hash that was in force; of the provider's name
    std::int64_t expires_seconds = 0;  // since 1970
    std::string outsider;              // as in Who
    Role role = Role::kViewer;         // of an outsider, as at the sign-in
  };

  std::shared_ptr<const State> state() const;
  void take(Accounts accounts);
  void tell_damaged(const Accounts& accounts) const;  // and keeps a copy of them
  void load_sessions();
  void save_sessions() REQUIRES(mutex_);
  void drop_expired() REQUIRES(mutex_);
  std::string add_session(Session session);  // which it gives its end
  std::optional<Who> who_of(const Session& session) const;

  const GuardOptions options_;
  // More than can be tried within its time, since checking each takes a tenth of a second.
  Attempts attempts_{65'536, std::chrono::minutes(5)};
  KnownAddresses known_addresses_;
  UserSettings settings_;
  mutable Mutex state_mutex_;
  std::shared_ptr<const State> state_ GUARDED_BY(state_mutex_);
  std::atomic<std::uint64_t> version_{0};
  std::uint64_t file_mark_ GUARDED_BY(state_mutex_) = 0;  // what the file looked like when it was read
  bool told_ = false;                                     // reload_if_changed only
  mutable Mutex mutex_;
  std::map<std::string, Session, std::less<>> sessions_ GUARDED_BY(mutex_);  // by the hexadecimal digest of the id
};

}  // namespace resmon::auth
