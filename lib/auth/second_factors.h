#pragma once

// Second factors of users: the key of each and what is left of its recovery codes, one line for each, in a file beside
// the accounts: `NAME SECRET DIGEST …`. Read at each use, since a command may have changed it. Thread-safe.

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/attempts.h"
#include "auth/totp.h"
#include "base/mutex.h"
#include "base/result.h"

namespace resmon::auth {

struct Factor {
  std::string secret;  // not a valid one in a damaged line: then no code is right, and nobody gets in without one
  std::vector<std::string> recovery;
};
using Factors = std::map<std::string, Factor, std::less<>>;  // by user

// The file's text. A line without a name is none; of more than kMostUsers the first count.
Factors parse_factors(std::string_view text);
std::string format_factors(const Factors& factors);

class SecondFactors {
 public:
  explicit SecondFactors(std::string file) : file_(std::move(file)) {}

  // Recovery codes that are left; nothing: the user has no second factor. An error: it cannot be known.
  Result<std::optional<std::size_t>> left(const std::string& user) const;
  // kDenied: the code is wrong, or was used. kLimit: too many wrong ones; wait. REQUIRES: the user has one
  Status check(const std::string& user, const std::string& code);
  // A new key. It counts when confirm gets a code of it, within ten minutes.
  std::string begin(const std::string& user);
  // Returns the recovery codes. kInvalid: the code is wrong, or nothing was begun.
  Result<std::vector<std::string>> confirm(const std::string& user, const std::string& code);
  Status remove(const std::string& user);  // kNotFound: there is none

 private:
  struct Begun {
    std::string secret;
    std::int64_t expires_seconds = 0;
  };
  bool is_new(const std::string& user, std::int64_t step);

  const std::string file_;
  Attempts wrong_{4096, std::chrono::minutes(5)};
  Mutex mutex_;
  std::map<std::string, Begun, std::less<>> begun_ GUARDED_BY(mutex_);        // by user
  std::map<std::string, std::int64_t, std::less<>> last_ GUARDED_BY(mutex_);  // by user: the step of the last code
};

}  // namespace resmon::auth
