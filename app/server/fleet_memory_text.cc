#include "fleet_memory_text.h"

#include <algorithm>
#include <boost/json.hpp>
#include <memory>

#include "host_settings.h"
#include "json.h"

namespace resmon::server {

namespace {

namespace json = boost::json;

std::string host_line(const fleet::Host& host) {
  JsonObject tags;
  for (const metric::Tag& tag : host.tags) tags.text(tag.key, tag.value);
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
      .raw("tags", tags.finish())
      .raw("settings", host.settings ? host_settings_json(*host.settings) : "null")
      .finish();
}

std::string saved_text(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->as_string().data(), value->as_string().size()};
}

std::int64_t saved_number(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(json::string_view(key.data(), key.size()));
  return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

fleet::Host host_of(const json::object& object) {
  fleet::Host host;
  host.name = saved_text(object, "host");
  host.first_seen = saved_number(object, "first_seen");
  host.last_seen = saved_number(object, "last_seen");
  host.newest_sample = saved_number(object, "newest_sample");
  host.address = saved_text(object, "address");
  host.software = saved_text(object, "software");
  host.interval = std::chrono::nanoseconds(std::max<std::int64_t>(saved_number(object, "interval"), 0));
  host.clock_skew = std::chrono::nanoseconds(saved_number(object, "clock_skew"));
  host.backlog_samples = saved_number(object, "backlog_samples");
  host.dropped_samples = saved_number(object, "dropped_samples");
  if (const json::value* const tags = object.if_contains("tags"); tags != nullptr && tags->is_object())
    for (const auto& [key, value] : tags->as_object())
      if (value.is_string())
        host.tags.push_back(
            {std::string(key.data(), key.size()), std::string(value.as_string().data(), value.as_string().size())});
  if (const json::value* const settings = object.if_contains("settings");
      settings != nullptr && settings->is_object()) {
    fleet::HostSettings read;
    if (apply_host_settings(settings->as_object(), read) && fleet::check(read) && !read.empty())
      host.settings = std::make_shared<const fleet::HostSettings>(std::move(read));
  }
  return host;
}

// The objects of a member that is a list.
template <class Visit>
void each_saved(const json::value& root, std::string_view key, const Visit& visit) {
  const json::value* const list = root.as_object().if_contains(json::string_view(key.data(), key.size()));
  if (list == nullptr || !list->is_array()) return;
  for (const json::value& one : list->as_array())
    if (one.is_object() && !saved_text(one.as_object(), "host").empty()) visit(one.as_object());
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
  boost::system::error_code error;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !root.is_object()) return fail(ErrorKind::kInvalid, error ? error.message() : "not a JSON object");
  fleet::Memory memory;
  each_saved(root, "hosts", [&](const json::object& one) { memory.hosts.push_back(host_of(one)); });
  each_saved(root, "forgotten", [&](const json::object& one) {
    memory.forgotten.push_back({saved_text(one, "host"), saved_number(one, "newest_sample")});
  });
  if (const json::value* const given = root.as_object().if_contains("thresholds"))
    if (auto thresholds = thresholds_of(*given)) memory.thresholds = *std::move(thresholds);
  return memory;
}

}  // namespace resmon::server
