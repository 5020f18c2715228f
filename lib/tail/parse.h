#pragma once

// One line of a log to what it states: time, level, unit, pid, message, fields. No I/O; linear; any bytes are a line.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "logline/line.h"
#include "tail/time_text.h"

namespace resmon::tail {

enum class Format {
  kAuto,       // by the line's own shape
  kNone,       // the line is the message
  kSyslog,     // RFC 5424, RFC 3164, and what syslog daemons write to files
  kJson,       // an object a line
  kLogfmt,     // key=value words
  kRegex,      // by a pattern with named groups, which set_pattern() has
  kLeading,    // a time at the beginning and a level near it: Python, Java, nginx, PostgreSQL, klog, access logs
  kContainer,  // a container engine's: Docker's json-file, and "TIME stdout F TEXT"; then the text by its own shape
};

inline constexpr std::size_t kMostParsedFields = 64;  // of one line; the line is its message where it has more

class Parser {
 public:
  explicit Parser(Format format) : format_(format) {}

  // For Format::kRegex: RE2 with groups named time, level, unit, pid, message, or as the field that each becomes. A
  // line that it does not match is its message. kInvalid: no pattern, or without a named group.
  Status set_pattern(const std::string& pattern);
  // Syslog's host name becomes the field `hostname` where it is not `own`; without this it is left out.
  void keep_other_hosts(std::string own) { own_host_ = std::move(own); }

  // `line` has time = `now`, its unit and its message set; they stay where the text states nothing else. The views in
  // it are valid until the next call, and no longer than `text`.
  void parse(std::string_view text, UnixNanos now, logline::Line& line);

 private:
  bool parse_syslog(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_syslog_5424(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_tag(std::string_view text, bool after_host, logline::Line& line);
  bool parse_json(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_logfmt(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_leading(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_regex(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_auto(std::string_view text, UnixNanos now, logline::Line& line);
  bool parse_container(std::string_view text, UnixNanos now, logline::Line& line);
  void see_host(std::string_view host);
  // Files a named value where it belongs: message, time, level, pid, or a field.
  void put(std::string_view name, std::string_view value, UnixNanos now, logline::Line& line);
  std::string_view keep(std::string text);

  friend class JsonLine;
  struct Pattern;
  Format format_;
  std::shared_ptr<const Pattern> pattern_;
  std::string own_host_;
  LocalZone zone_;
  std::vector<logline::Field> fields_;
  std::deque<std::string> texts_;  // what is not in the line as it is
};

}  // namespace resmon::tail
