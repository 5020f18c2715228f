#include "base/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>

#include "base/json_text.h"

// Header-only spdlog in this one file: the programs link no logging library at run time.
#define SPDLOG_FMT_EXTERNAL
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace resmon::log {

namespace {

struct State {
  std::atomic<Level> level{Level::kInfo};
  std::atomic<Format> format{Format::kText};
  std::mutex mutex;
  std::shared_ptr<spdlog::logger> logger;  // guarded by mutex; replaced by configure
  std::deque<Event> kept;                  // guarded by mutex, as the two below
  std::size_t keep = 0;
  std::uint64_t last_sequence = 0;

  State() { use(std::make_shared<spdlog::sinks::stderr_sink_mt>()); }

  void use(spdlog::sink_ptr sink) {
    auto made = std::make_shared<spdlog::logger>("resmon", std::move(sink));
    made->set_pattern("%v");  // format_event writes the whole line
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    std::lock_guard lock(mutex);
    logger = std::move(made);
  }
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
  try {
    if (!options.file.empty())
      state().use(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          options.file, options.rotate_bytes, static_cast<std::size_t>(std::max(options.keep_files, 1))));
    state().level = options.level;
    state().format = options.format;
    return {};
  } catch (const std::exception& e) {
    return fail(ErrorKind::kDenied, "log file " + options.file + ": " + e.what());
  }
}

void keep_recent(std::size_t events) {
  std::lock_guard lock(state().mutex);
  state().keep = events;
  while (state().kept.size() > events) state().kept.pop_front();
}

std::vector<Event> recent(std::uint64_t after, Level level, std::size_t limit) {
  std::vector<Event> found;
  std::lock_guard lock(state().mutex);
  for (auto it = state().kept.rbegin(); it != state().kept.rend() && found.size() < limit && it->sequence > after; ++it)
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
    const std::int64_t now = unix_milliseconds_now();
    const std::string line = format_event(state().format, now, level, component, message, pairs);
    std::shared_ptr<spdlog::logger> logger;
    {
      std::lock_guard lock(state().mutex);
      logger = state().logger;
      if (state().keep > 0) {
        Event event{++state().last_sequence, now, level, std::string(component), {}};
        append_text(event.text, message, pairs);
        if (event.text.size() > kRecentBytes) event.text = event.text.substr(0, kRecentBytes - 4) + " …";
        state().kept.push_back(std::move(event));
        if (state().kept.size() > state().keep) state().kept.pop_front();
      }
    }
    logger->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  } catch (...) {
    // A logger that throws would turn a full disk into a crash.
  }
}

}  // namespace resmon::log
