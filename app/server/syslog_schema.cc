#include "syslog_schema.h"

#include <algorithm>
#include <array>

namespace resmon::server {

namespace {

using logline::Level;
using metric::FieldType;

constexpr std::array<std::string_view, 8> kSeverities = {"emerg",   "alert",  "crit", "err",
                                                         "warning", "notice", "info", "debug"};
constexpr std::array<std::string_view, 24> kFacilities = {"kern",   "user",   "mail",   "daemon", "auth",     "syslog",
                                                          "lpr",    "news",   "uucp",   "cron",   "authpriv", "ftp",
                                                          "ntp",    "audit",  "alert",  "clock",  "local0",   "local1",
                                                          "local2", "local3", "local4", "local5", "local6",   "local7"};

}  // namespace

const std::vector<metric::Field> kSyslogFields = {
    {"facility_code", FieldType::kInteger}, {"message", FieldType::kString},        {"msgid", FieldType::kString},
    {"procid", FieldType::kString},         {"severity_code", FieldType::kInteger}, {"timestamp", FieldType::kInteger},
};

int facility_code(std::string_view name) {
  const auto at = std::find(kFacilities.begin(), kFacilities.end(), name);
  return at == kFacilities.end() ? -1 : static_cast<int>(at - kFacilities.begin());
}

std::string_view line_field(const logline::Line& line, std::string_view name) {
  for (const logline::Field& field : line.fields)
    if (field.name == name) return field.value;
  return {};
}

SyslogValue syslog_value(SyslogColumn column, const logline::Line& line) {
  switch (column) {
    case kSyslogMessage:
      return {std::nullopt, std::string(line.message)};
    case kSyslogProcid:
      return {std::nullopt, line.pid == 0 ? std::string() : std::to_string(line.pid)};
    case kSyslogMsgid:
      return {std::nullopt, std::string(line_field(line, "msgid"))};
    case kSyslogTimestamp:
      return {line.time, {}};
    case kSyslogSeverityCode:
      if (line.level == Level::kNone) return {};
      return {static_cast<std::int64_t>(line.level), {}};
    case kSyslogFacilityCode: {
      const int code = facility_code(line_field(line, "facility"));
      if (code < 0) return {};
      return {code, {}};
    }
    default:
      return {};
  }
}

std::vector<metric::Tag> syslog_tags(std::string_view host, const logline::Line& line) {
  const std::string_view hostname = line_field(line, "hostname");
  std::vector<metric::Tag> tags{{"appname", std::string(line.unit)},
                                {"facility", std::string(line_field(line, "facility"))},
                                {"host", std::string(host)},
                                {"hostname", std::string(hostname.empty() ? host : hostname)}};
  if (line.level != Level::kNone)
    tags.push_back({"severity", std::string(kSeverities[static_cast<std::size_t>(line.level)])});
  metric::normalise_tags(tags);
  return tags;
}

}  // namespace resmon::server
