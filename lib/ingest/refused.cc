#include "ingest/refused.h"

#include <algorithm>

namespace resmon::ingest {

void RefusedClients::refused(const std::string& host, const std::string& address, std::string_view code,
                             const std::string& reason, UnixNanos now) {
  const auto key = std::make_pair(host, address);
  if (entries_.size() >= most_ && !entries_.contains(key))
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const auto& a, const auto& b) { return a.second.last < b.second.last; }));
  RefusedClient& entry = entries_[key];
  entry = {host, address, std::string(code), reason, entry.times + 1, now};
}

std::vector<RefusedClient> RefusedClients::list(UnixNanos now) const {
  std::vector<RefusedClient> out;
  for (const auto& [key, entry] : entries_)
    if (now - entry.last < kForgetAfter) out.push_back(entry);
  return out;
}

}  // namespace resmon::ingest
