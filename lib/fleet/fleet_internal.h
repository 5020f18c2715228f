#pragma once

// What the files of the fleet share.

#include "fleet/fleet.h"

namespace resmon::fleet {

State state_at(UnixNanos now, UnixNanos last_seen, std::chrono::nanoseconds interval, bool connected);

struct Fleet::Elsewhere {
  std::map<std::string, Peer, std::less<>>::const_iterator peer;
  Host host;
};

struct Fleet::Entry {
  Host host;
  bool own = false;                  // this server has heard from it; otherwise only others have
  std::vector<Elsewhere> elsewhere;  // as other servers say, one each
  std::string doubled;               // on which other server a client of this name is at work, as it was told last
  std::string suspected;             // the same, as the last report has it: one alone may be about a move under way
  std::unordered_map<std::string, std::unique_ptr<Series>> series;  // by key_of
  std::chrono::nanoseconds said_interval{0};                        // in its client's HELLO, or before a restart
  Interval arrivals;                                                // of what is newer than all before
  bool touched = false;
  bool newer = false;  // the batch being observed has something newer than all before
};

}  // namespace resmon::fleet
