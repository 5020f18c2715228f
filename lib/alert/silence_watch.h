#pragma once

// Which hosts are silent, and whether most of them fell silent together. After a start, and after a pause of the
// process, a host that was not heard of since has two minutes of grace. Reads no clock. Not thread-safe.

#include <cstddef>

#include "alert/hosts.h"
#include "base/clock.h"

namespace resmon::alert {

class SilenceWatch {
 public:
  // A tick begins; they are a second or so apart.
  void begin(UnixNanos now);
  bool grace(UnixNanos now) const;
  // Marks the hosts of the fleet that are silent or not heard of. True: most of them fell silent within some minutes,
  // so it is one event, and nobody has to wait for the rule's `for`.
  bool look(Hosts& hosts, UnixNanos now);
  // Hosts but those that are silent for long.
  std::size_t expected_hosts() const { return expected_hosts_; }

 private:
  bool storm(Hosts& hosts, UnixNanos now);

  UnixNanos grace_from_ = 0;
  UnixNanos last_tick_ = 0;
  UnixNanos storm_since_ = 0;  // 0: there is none
  std::size_t expected_hosts_ = 0;
};

}  // namespace resmon::alert
