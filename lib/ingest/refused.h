#pragma once

// Which clients were refused lately, and why: for people who look for a client that does not come. Not thread-safe.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace resmon::ingest {

struct RefusedClient {
  std::string host;     // as it called itself
  std::string address;  // without a port
  std::string code;     // of the newest refusal, as are reason and last
  std::string reason;
  std::uint64_t times = 0;
  UnixNanos last = 0;
};

// One entry for each name and address. At most `most` of them: a new one takes the place of the one that was refused
// the longest ago. One that was not refused for ten minutes is forgotten: a client tries at least once a minute.
class RefusedClients {
 public:
  static constexpr UnixNanos kForgetAfter = 600'000'000'000;

  explicit RefusedClients(std::size_t most = 64) : most_(most) {}

  void refused(const std::string& host, const std::string& address, std::string_view code, const std::string& reason,
               UnixNanos now);
  void let_in(const std::string& host, const std::string& address) { entries_.erase({host, address}); }
  std::vector<RefusedClient> list(UnixNanos now) const;  // by name

 private:
  const std::size_t most_;
  std::map<std::pair<std::string, std::string>, RefusedClient> entries_;  // by name and address
};

}  // namespace resmon::ingest
