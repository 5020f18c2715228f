#include "collect/smart_report.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "procfs/scan.h"

namespace resmon::collect {

namespace {

namespace json = boost::json;

constexpr std::int64_t kColdestDisk = -60;
constexpr std::int64_t kHottestDisk = 150;
constexpr std::size_t kMostAttributes = 256;

// A member of a member …; null when one of them is not there.
const json::value* find_member(const json::value& from, std::initializer_list<std::string_view> path) {
  const json::value* at = &from;
  for (const std::string_view name : path) {
    const json::object* const object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(name);
    if (at == nullptr) return nullptr;
  }
  return at;
}
std::optional<std::int64_t> whole_number(const json::value* value) {
  if (value == nullptr) return {};
  if (const std::int64_t* const number = value->if_int64()) return *number;
  return {};
}
std::string plain_text(const json::value* value) {
  const json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text != nullptr && procfs::is_name(std::string_view(*text)) ? std::string(*text) : std::string();
}

// Raw values above 2^32 hold more than the count (minutes, two temperatures): its lower half is what people read.
std::optional<std::int64_t> raw_count(const json::value& attribute) {
  std::optional<std::int64_t> raw = whole_number(find_member(attribute, {"raw", "value"}));
  if (raw && *raw < 0) raw.reset();
  if (raw) *raw &= 0xffffffff;
  return raw;
}

void take_attribute(const json::value& attribute, SmartReport& out) {
  const std::int64_t id = whole_number(find_member(attribute, {"id"})).value_or(0);
  switch (id) {
    case 5:
      out.reallocated_sectors = raw_count(attribute);
      return;
    case 197:
      out.pending_sectors = raw_count(attribute);
      return;
    case 198:
      out.uncorrectable_sectors = raw_count(attribute);
      return;
    case 199:
      out.crc_errors = raw_count(attribute);
      return;
    case 177:
    case 173:
    case 233:
      if (!out.wear_leveling) out.wear_leveling = whole_number(find_member(attribute, {"value"}));
      return;
    default:
      return;
  }
}

}  // namespace

Result<SmartReport> parse_smart_report(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  const json::value value = json::parse(text, error, {}, options);
  if (error) return fail(ErrorKind::kInvalid, "not JSON: " + error.message());
  SmartReport out;
  out.device = plain_text(find_member(value, {"device", "name"}));
  out.device = out.device.substr(out.device.rfind('/') + 1);
  if (out.device.empty()) return fail(ErrorKind::kInvalid, "not a report of smartctl: it names no device");
  out.model = plain_text(find_member(value, {"model_name"}));
  out.serial = plain_text(find_member(value, {"serial_number"}));
  if (const auto bytes = whole_number(find_member(value, {"user_capacity", "bytes"})); bytes && *bytes > 0)
    out.capacity_bytes = static_cast<std::uint64_t>(*bytes);
  const json::value* const passed = find_member(value, {"smart_status", "passed"});
  if (passed != nullptr && passed->is_bool()) out.passed = passed->get_bool();
  out.exit_status = whole_number(find_member(value, {"smartctl", "exit_status"}));
  out.temperature = whole_number(find_member(value, {"temperature", "current"}));
  if (out.temperature && (*out.temperature < kColdestDisk || *out.temperature > kHottestDisk)) out.temperature.reset();
  out.power_on_hours = whole_number(find_member(value, {"power_on_time", "hours"}));
  out.power_cycles = whole_number(find_member(value, {"power_cycle_count"}));
  if (const json::value* const table = find_member(value, {"ata_smart_attributes", "table"}); table != nullptr)
    if (const json::array* const list = table->if_array(); list != nullptr && list->size() <= kMostAttributes)
      for (const json::value& attribute : *list) take_attribute(attribute, out);
  const auto nvme = [&](std::string_view name) {
    return whole_number(find_member(value, {"nvme_smart_health_information_log", name}));
  };
  out.percentage_used = nvme("percentage_used");
  out.available_spare = nvme("available_spare");
  out.media_errors = nvme("media_errors");
  out.critical_warning = nvme("critical_warning");
  out.unsafe_shutdowns = nvme("unsafe_shutdowns");
  return out;
}

}  // namespace resmon::collect
