#pragma once

// Log lines that other programs send over HTTP, on their way into the log store.

#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logline/line.h"
#include "logs/store.h"

namespace resmon::server {

inline constexpr std::size_t kMostBytesOfHost = 255;
// A stream's labels are said once in a request and become part of each of its lines.
inline constexpr std::size_t kMostLabelBytes = 64U << 20U;

// Lines for one host after the other, taken in as few records as they fit into.
class LineTaking {
 public:
  LineTaking(logs::Store& store, UnixNanos now) : store_(store), now_(now) {}

  // kLimit: the labels of all lines so far are too much; lines before this one are taken.
  Status add(std::string_view host, std::string_view source, const logline::Line& line) {
    label_bytes_ += line.unit.size();
    for (const logline::Field& field : line.fields) label_bytes_ += field.name.size() + field.value.size();
    if (label_bytes_ > kMostLabelBytes) {
      RESMON_TRY(flush());
      return fail(ErrorKind::kLimit, "the labels of all lines are over 64 MiB together; " + std::to_string(taken_) +
                                         " lines were taken; send smaller requests");
    }
    if (host != host_ || source != lines_.source() || !lines_.fits(line)) RESMON_TRY(flush());
    if (lines_.empty()) {
      host_ = host;
      lines_.clear(source);
    }
    lines_.add(line);
    ++taken_;
    return {};
  }
  Status flush() {
    if (lines_.empty()) return {};
    RESMON_ASSIGN(position_, store_.append(host_, lines_, now_));
    lines_.clear({});
    return {};
  }
  std::uint64_t position() const { return position_; }
  std::uint64_t taken() const { return taken_; }

 private:
  logs::Store& store_;
  const UnixNanos now_;
  std::string host_;
  logline::Lines lines_;
  std::uint64_t position_ = 0;
  std::uint64_t taken_ = 0;
  std::size_t label_bytes_ = 0;
};

// A line as its members are met, in whatever order.
struct LineMembers {
  std::string host;
  std::string source;
  std::string unit;
  std::string message;
  UnixNanos time = 0;
  std::uint32_t pid = 0;
  logline::Level level = logline::Level::kNone;
  std::vector<std::pair<std::string, std::string>> fields;

  // A label or member whose name says what it is; anything else is a field.
  void take(std::string_view name, std::string_view value) {
    if (name == "host" || name == "hostname" || name == "host.name" || name == "instance" || name == "nodename")
      take_first(host, name, value.substr(0, kMostBytesOfHost));
    else if (name == "unit" || name == "service_name" || name == "container_name" || name == "appname" ||
             name == "app" || name == "service" || name == "syslog_identifier" || name == "job")
      take_first(unit, name, value);
    else if (name == "level" || name == "severity" || name == "detected_level" || name == "lvl") {
      level = logline::parse_level(value);
      if (level == logline::Level::kNone) fields.emplace_back(name, value);
    } else if (name == "pid" && take_pid(value)) {
      return;
    } else {
      fields.emplace_back(name, value);
    }
  }
  logline::Line line(std::vector<logline::Field>& space) const {
    space.clear();
    for (const auto& [name, value] : fields) space.push_back({name, value});
    logline::Line out;
    out.time = time;
    out.level = level;
    out.unit = unit;
    out.pid = pid;
    out.message = message;
    out.fields = space;
    return out;
  }

 private:
  void take_first(std::string& into, std::string_view name, std::string_view value) {
    if (into.empty())
      into = value;
    else if (into != value)
      fields.emplace_back(name, value);
  }
  bool take_pid(std::string_view value) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), pid);
    return error == std::errc() && end == value.data() + value.size();
  }
};

}  // namespace resmon::server
