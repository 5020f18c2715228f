#pragma once

// [logs.NAME] of client.toml: where log lines come from, and what becomes of them before they leave the machine.

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/settings.h"
#include "tail/exec_source.h"
#include "tail/file_source.h"
#include "tail/journal_source.h"
#include "tail/listen_source.h"
#include "tail/shaper.h"

namespace resmon::client {

struct LogSourceOptions {
  bool enabled = true;
  std::vector<std::string> files;
  bool journal = false;
  std::vector<std::string> matches;
  std::vector<std::string> command;
  std::string listen;
  bool allow_remote = false;
  std::string pattern;
  std::string read_from = "beginning";
  std::string parse = "auto";
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string level = "debug";
  std::string multiline = "none";
  std::vector<std::string> redact{"tokens", "cards"};
  std::int64_t rate_limit = 0;
  std::uint64_t max_line_bytes = 64U << 10U;

  // Declares the keys of one table.
  void declare(config::Settings& settings, const std::string& prefix);
  Status check() const;  // the error names the key
  tail::FileOptions file_options() const;
  tail::JournalOptions journal_options() const;
  tail::ExecOptions exec_options() const;
  tail::ListenOptions listen_options() const;
  tail::ShapeOptions shape_options() const;
};

using LogSources = std::map<std::string, LogSourceOptions, std::less<>>;

// What a machine without [logs.NAME] sends: the journal at notice and above where systemd runs, else the files that
// syslog daemons write and this user can read; and the files in which Docker and Podman have the output of containers,
// where this user can read them. `root` is before all paths, for tests.
LogSources default_log_sources(const std::string& root = "");

}  // namespace resmon::client
