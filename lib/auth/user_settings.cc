#include "auth/user_settings.h"

#include <algorithm>

#include "auth/accounts.h"
#include "base/file.h"
#include "base/log.h"

namespace resmon::auth {

void UserSettings::load() {
  const auto text = read_file(file_, kMostUsers * (kMostUserSettingsBytes + kMostNameBytes + 2));
  if (!text) {
    if (text.error().kind != ErrorKind::kNotFound)
      log::error("auth", "the users' settings cannot be read", {{"reason", text.error().message}});
    return;
  }
  const MutexLock lock(mutex_);
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos || space == 0 || settings_.size() >= kMostUsers) continue;
    const std::string_view json = line.substr(space + 1);
    if (!json.starts_with('{') || !json.ends_with('}') || json.size() > kMostUserSettingsBytes) continue;
    settings_[std::string(line.substr(0, space))] = json;
  }
}

std::string UserSettings::of(std::string_view user) const {
  const MutexLock lock(mutex_);
  const auto at = settings_.find(user);
  return at == settings_.end() ? "{}" : at->second;
}

Status UserSettings::set(const std::string& user, const std::string& json) {
  if (json.size() > kMostUserSettingsBytes || json.find('\n') != std::string::npos)
    return fail(ErrorKind::kInvalid, "settings have at most 16 KiB");
  const MutexLock lock(mutex_);
  // Local users are bounded by themselves, people of a provider are not.
  if (settings_.size() >= kMostUsers && !settings_.contains(user))
    return fail(ErrorKind::kLimit, "the server keeps the settings of at most 1,000 users");
  const std::string before = std::exchange(settings_[user], json);
  if (json == "{}") settings_.erase(user);
  Status saved = save();
  if (saved) return {};
  if (before.empty())
    settings_.erase(user);
  else
    settings_[user] = before;
  return saved;
}

void UserSettings::keep_only(const std::function<bool(const std::string&)>& exists) {
  const MutexLock lock(mutex_);
  if (std::erase_if(settings_, [&](const auto& one) { return !exists(one.first); }) == 0) return;
  if (Status saved = save(); !saved)
    log::error("auth", "the users' settings cannot be written", {{"reason", saved.error().message}});
}

Status UserSettings::save() const {
  std::string text;
  for (const auto& [user, json] : settings_) text.append(user).append(1, ' ').append(json).append(1, '\n');
  return write_file_atomically(file_, text, 0600);
}

}  // namespace resmon::auth
