#pragma once

// A log line as Telegraf's input `syslog` writes one: what SyslogReader shows and LineSource sends.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "logline/line.h"
#include "metric/schema.h"

namespace resmon::server {

inline constexpr std::string_view kSyslogMeasurement = "syslog";

// In the order of kSyslogFields, which is that of their names.
enum SyslogColumn : std::uint32_t {
  kSyslogFacilityCode,
  kSyslogMessage,
  kSyslogMsgid,
  kSyslogProcid,
  kSyslogSeverityCode,
  kSyslogTimestamp,
  kSyslogColumns
};
extern const std::vector<metric::Field> kSyslogFields;

struct SyslogValue {
  std::optional<std::int64_t> number;
  std::string text;  // where there is no number; empty: absent, but for a message
};
SyslogValue syslog_value(SyslogColumn column, const logline::Line& line);
// appname, facility, host, hostname, severity; sorted.
std::vector<metric::Tag> syslog_tags(std::string_view host, const logline::Line& line);
// Of a field's name; empty: the line has none.
std::string_view line_field(const logline::Line& line, std::string_view name);
// RFC 5424's number; -1: none has the name.
int facility_code(std::string_view name);

}  // namespace resmon::server
