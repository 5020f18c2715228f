#pragma once

// What people say of hosts, as JSON: of the API, the live feed and the file of hosts.

#include <boost/json.hpp>
#include <string>

#include "base/result.h"
#include "fleet/host_settings.h"

namespace resmon::server {

// {"cpu":{"raised":80,"high":95}}: those that are set.
std::string thresholds_json(const fleet::Thresholds& thresholds);
// kInvalid: with the place.
Result<fleet::Thresholds> thresholds_of(const boost::json::value& given);

// The members that are set of name, note, tags, paused, thresholds.
std::string host_settings_json(const fleet::HostSettings& settings);
// Changes the members that `given` has; null and "" remove. Bounds are fleet::check's.
Status apply_host_settings(const boost::json::object& given, fleet::HostSettings& settings);

}  // namespace resmon::server
