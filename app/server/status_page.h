#pragma once

// A guest page, /status/NAME: the state and some numbers of chosen hosts, for people without an account. It is made by
// the server, which its small script asks again, and shows nothing but what its table of server.toml names.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/settings.h"
#include "fleet/host.h"

namespace resmon::server {

struct StatusPage {
  std::string name;
  std::string title;
  std::string hosts;
  std::vector<std::string> show{"cpu", "memory", "disk"};
  std::string frame_ancestors = "*";

  void declare(config::Settings& settings, const std::string& prefix);
  Status check() const;
};

// The page in HTML. `hosts` are all of the fleet.
std::string render_status_page(const StatusPage& page, const std::vector<fleet::Host>& hosts, UnixNanos now);

}  // namespace resmon::server
