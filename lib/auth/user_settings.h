#pragma once

// What each user chose for the page: one line for each, `NAME JSON`, in a file beside the accounts. Replaced as a whole
// before an answer says so. Thread-safe.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/result.h"

namespace resmon::auth {

inline constexpr std::size_t kMostUserSettingsBytes = 16U << 10U;

class UserSettings {
 public:
  explicit UserSettings(std::string file) : file_(std::move(file)) {}

  void load();                                  // a line that is not one is left out
  std::string of(std::string_view user) const;  // "{}": none
  // `json` is an object in one line. kInvalid: it is larger than kMostUserSettingsBytes. kLimit: there are
  // those of 1,000 users. "{}" removes.
  Status set(const std::string& user, const std::string& json);
  // Of users who are gone.
  void keep_only(const std::function<bool(const std::string& user)>& exists);

 private:
  Status save() const REQUIRES(mutex_);

  const std::string file_;
  mutable Mutex mutex_;
  std::map<std::string, std::string, std::less<>> settings_ GUARDED_BY(mutex_);  // by user
};

}  // namespace resmon::auth
