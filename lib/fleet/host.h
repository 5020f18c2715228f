#pragma once

// A host as the fleet knows it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "fleet/host_settings.h"
#include "fleet/series.h"
#include "metric/schema.h"

namespace resmon::fleet {

// up: heard from as often as it should be. late: overdue by more than one interval and a bit. down: overdue by so much
// that a person should look.
enum class State { kUp, kLate, kDown };
std::string_view state_name(State state);

struct Host {
  std::string name;
  State state = State::kDown;
  bool connected = false;
  UnixNanos connected_since = 0;  // its last HELLO; 0: none since this server started
  UnixNanos first_seen = 0;
  UnixNanos last_seen = 0;
  UnixNanos newest_sample = 0;  // its time; of a client that catches up it is far behind last_seen. 0: none yet
  std::string address;
  std::string software;
  // How often it sends: what its client said, else what its data and their arrivals say. 0: not known yet.
  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds clock_skew{0};  // its clock less ours, when it last said hello
  std::vector<metric::Tag> tags;
  std::uint64_t received_samples = 0;
  std::int64_t backlog_samples = 0;  // as the client last said
  std::int64_t dropped_samples = 0;
  std::uint64_t refused_samples = 0;  // by this server, since it started
  std::string last_refusal;           // why the last of them were
  Summary summary;
  std::shared_ptr<const HostSettings> settings;  // null: people said nothing of it
  std::string server;                            // the other server that has it; empty: this one
  bool server_away = false;   // that does not answer: this is what it said last, and the state is kLate at best
  std::string also_on;        // another server on which a client of this name is at work at the same time; empty: none
  std::uint64_t version = 0;  // grows whenever anything here but the passing of time changes
};

inline bool is_paused(const Host& host) {
  return host.settings && host.settings->paused;
}

}  // namespace resmon::fleet
