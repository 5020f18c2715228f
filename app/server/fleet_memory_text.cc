#include "fleet_memory_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <memory>
#include <utility>

#include "base/json_members.h"
#include "host_settings.h"
#include "json.h"

namespace resmon::server {

namespace {

namespace json = boost::json;

std::string host_line(const fleet::Host& host) {
  return JsonObject()
      .text("host", host.name)
      .number("first_seen", host.first_seen)
      .number("last_seen", host.last_seen)
      .number("newest_sample", host.newest_sample)
      .text("address", host.address)
      .text("software", host.software)
      .number("interval", host.interval.count())
      .number("clock_skew", host.clock_skew.count())
      .number("backlog_samples", host.backlog_samples)
      .number("dropped_samples", host.dropped_samples)
      .raw("tags", tags_json(host.tags))
      .raw("settings", host.settings ? host_settings_json(*host.settings) : "null")
      .finish();
}

fleet::Host host_of(const json::object& object) {
  fleet::Host host;
  host.name = text_member(object, "host");
  host.first_seen = integer_member(object, "first_seen");
  host.last_seen = integer_member(object, "last_seen");
  host.newest_sample = integer_member(object, "newest_sample");
  host.address = text_member(object, "address");
  host.software = text_member(object, "software");
  host.interval = std::chrono::nanoseconds(std::max<std::int64_t>(integer_member(object, "interval"), 0));
  host.clock_skew = std::chrono::nanoseconds(integer_member(object, "clock_skew"));
  host.backlog_samples = integer_member(object, "backlog_samples");
  host.dropped_samples = integer_member(object, "dropped_samples");
  each_text(object, "tags", [&](std::string key, std::string value) {
    host.tags.push_back({std::move(key), std::move(value)});
  });
  if (const json::value* const settings = object.if_contains("settings");
      settings != nullptr && settings->is_object()) {
    fleet::HostSettings read;
    if (apply_host_settings(settings->as_object(), read) && fleet::check(read) && !read.empty())
      host.settings = std::make_shared<const fleet::HostSettings>(std::move(read));
  }
  return host;
}

// The objects with a host of a member that is a list.
template <class Visit>
void each_saved(const json::object& root, std::string_view key, const Visit& visit) {
  each_element(root, key, [&](const json::value& one) {
    if (one.is_object() && !text_member(one.get_object(), "host").empty()) visit(one.get_object());
  });
}

}  // namespace

std::string format_fleet_memory(const fleet::Memory& memory) {
  // A host a line, so that a person can read it.
  std::string out = "{\"hosts\":[";
  for (std::size_t i = 0; i < memory.hosts.size(); ++i) out += (i == 0 ? "\n" : ",\n") + host_line(memory.hosts[i]);
  out += "\n],\"forgotten\":[";
  for (std::size_t i = 0; i < memory.forgotten.size(); ++i)
    out += (i == 0 ? "\n" : ",\n") + JsonObject()
                                         .text("host", memory.forgotten[i].name)
                                         .number("newest_sample", memory.forgotten[i].newest_sample)
                                         .finish();
  return out + "\n],\"thresholds\":" + thresholds_json(memory.thresholds) + "}\n";
}

Result<fleet::Memory> parse_fleet_memory(std::string_view text) {
  RESMON_ASSIGN(const json::object root, parse_json_object(text));
  fleet::Memory memory;
  each_saved(root, "hosts", [&](const json::object& one) { memory.hosts.push_back(host_of(one)); });
  each_saved(root, "forgotten", [&](const json::object& one) {
    memory.forgotten.push_back({text_member(one, "host"), integer_member(one, "newest_sample")});
  });
  if (const json::value* const given = root.if_contains("thresholds"))
    if (auto thresholds = thresholds_of(*given)) memory.thresholds = *std::move(thresholds);
  return memory;
}

}  // namespace resmon::server
