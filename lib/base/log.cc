#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <deque>
#include <iterator>
#include <optional>
#include <utility>

#include "base/json_text.h"
#include "base/log_file.h"
#include "base/mutex.h"

namespace resmon::log {

namespace {

struct State {
  std::atomic<Level> level{Level::kInfo};
  std::atomic<Format> format{Format::kText};
  Mutex output_mutex;
  std::optional<LogFile> file GUARDED_BY(output_mutex);  // empty: standard error
  Mutex recent_mutex;
  std::deque<Event> recent GUARDED_BY(recent_mutex);
  std::size_t keep GUARDED_BY(recent_mutex) = 0;
  std::uint64_t last_sequence GUARDED_BY(recent_mutex) = 0;
};

State& state() {
  static State* const instance = new State;  // never destroyed: threads may log while statics are torn down
  return *instance;
}

constexpr std::string_view kLevelNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};

void append_text(std::string& line, std::string_view message, std::initializer_list<Pair> pairs) {
  append_json_escaped(line, message);
  for (const Pair& pair : pairs) {
    line += ' ';
    line += pair.key;
    line += '=';
    std::string escaped;
    append_json_escaped(escaped, pair.value);
    const bool plain = !escaped.empty() && escaped == pair.value && escaped.find_first_of(" =") == std::string::npos;
    if (!plain) line += '"';
    line += escaped;
    if (!plain) line += '"';
  }
}

std::int64_t unix_milliseconds_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace

Pair::Pair(std::string_view k, double v) : key(k), value(fmt::format("{:.3f}", v)), number(true) {
  while (value.back() == '0') value.pop_back();
  if (value.back() == '.') value.pop_back();
}

Result<Level> parse_level(std::string_view name) {
  std::string upper(name);
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (std::size_t i = 0; i < std::size(kLevelNames); ++i)
    if (kLevelNames[i] == upper) return static_cast<Level>(i);
  return fail(ErrorKind::kInvalid, "log level '" + std::string(name) + "' is not one of debug, info, warn, error");
}

Status configure(const Options& options) {
  State& s = state();
  if (!options.file.empty()) {
    auto file = LogFile::open(options.file, options.rotate_bytes, options.keep_files);
    if (!file) return fail(ErrorKind::kDenied, "log file " + file.error().message);
    const MutexLock lock(s.output_mutex);
    s.file = std::move(*file);
  }
  s.level = options.level;
  s.format = options.format;
  return {};
}

void keep_recent(std::size_t events) {
  State& s = state();
  const MutexLock lock(s.recent_mutex);
  s.keep = events;
  while (s.recent.size() > events) s.recent.pop_front();
}

std::vector<Event> recent(std::uint64_t after, Level level, std::size_t limit) {
  std::vector<Event> found;
  State& s = state();
  const MutexLock lock(s.recent_mutex);
  for (auto it = s.recent.rbegin(); it != s.recent.rend() && found.size() < limit && it->sequence > after; ++it)
    if (it->level >= level) found.push_back(*it);
  std::reverse(found.begin(), found.end());
  return found;
}

bool enabled(Level level) {
  return level >= state().level.load(std::memory_order_relaxed);
}

std::string format_event(Format format, std::int64_t unix_milliseconds, Level level, std::string_view component,
                         std::string_view message, std::initializer_list<Pair> pairs) {
  std::string line;
  line.reserve(128);
  const std::time_t seconds = static_cast<std::time_t>(unix_milliseconds / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  const std::string time = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                                       utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, unix_milliseconds % 1000);
  const std::string_view level_name = kLevelNames[static_cast<std::size_t>(level)];
  if (format == Format::kText) {
    fmt::format_to(std::back_inserter(line), "{} {} {} ", time, level_name, component);
    append_text(line, message, pairs);
    return line;
  }
  fmt::format_to(std::back_inserter(line), R"({{"time":"{}","level":"{}","component":"{}","message":")", time,
                 level_name, component);
  append_json_escaped(line, message);
  line += '"';
  for (const Pair& pair : pairs) {
    fmt::format_to(std::back_inserter(line), R"(,"{}":)", pair.key);
    const bool bare = pair.number && pair.value != "nan" && pair.value != "inf" && pair.value != "-inf";
    if (!bare) line += '"';
    append_json_escaped(line, pair.value);
    if (!bare) line += '"';
  }
  line += '}';
  return line;
}

void tell(std::string_view component, std::string_view message, std::initializer_list<Pair> pairs) {
  const std::string line =
      format_event(state().format, unix_milliseconds_now(), Level::kInfo, component, message, pairs) + '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void write(Level level, std::string_view component, std::string_view message, std::initializer_list<Pair> pairs) {
  if (!enabled(level)) return;
  try {
    State& s = state();
    const std::int64_t now = unix_milliseconds_now();
    const std::string line = format_event(s.format, now, level, component, message, pairs) + '\n';
    {
      const MutexLock lock(s.recent_mutex);
      if (s.keep > 0) {
        Event event{++s.last_sequence, now, level, std::string(component), {}};
        append_text(event.text, message, pairs);
        if (event.text.size() > kRecentBytes) event.text = event.text.substr(0, kRecentBytes - 4) + " …";
        s.recent.push_back(std::move(event));
        if (s.recent.size() > s.keep) s.recent.pop_front();
      }
    }
    const MutexLock lock(s.output_mutex);
    if (s.file)
      s.file->write(line);
    else
      std::fwrite(line.data(), 1, line.size(), stderr);
  } catch (...) {
    // A logger that throws would turn a full memory into a crash.
  }
}

}  // namespace resmon::log
