#include "auth/known_addresses.h"

#include "auth/secret.h"
#include "base/file.h"

namespace resmon::auth {

namespace {

constexpr std::size_t kMostFileBytes = 1U << 20U;

std::string key_of(std::string_view user, std::string_view network) {
  return to_hex(digest_of(std::string(user) + '\0' + std::string(network)));
}

}  // namespace

void KnownAddresses::load() {
  const auto text = read_file(file_, kMostFileBytes);
  if (!text) return;
  const MutexLock lock(mutex_);
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    if (digest_from_hex(line)) insert(std::string(line));
  }
}

bool KnownAddresses::has(std::string_view user, std::string_view network) const {
  const std::string key = key_of(user, network);
  const MutexLock lock(mutex_);
  return places_.find(key) != places_.end();
}

void KnownAddresses::add(std::string_view user, std::string_view network) {
  const std::string key = key_of(user, network);
  const MutexLock lock(mutex_);
  if (insert(key)) save();
}

bool KnownAddresses::insert(const std::string& key) {
  if (const auto at = places_.find(key); at != places_.end()) {
    keys_.splice(keys_.end(), keys_, at->second);
    return false;
  }
  if (keys_.size() >= most_) {
    places_.erase(keys_.front());
    keys_.pop_front();
  }
  places_[key] = keys_.insert(keys_.end(), key);
  return true;
}

void KnownAddresses::save() const {
  std::string text;
  for (const std::string& key : keys_) text += key + '\n';
  (void)write_file_atomically(file_, text, 0600).has_value();
}

}  // namespace resmon::auth
