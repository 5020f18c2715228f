#pragma once

// One collector reads one part of the kernel's account of the machine and writes rows with Telegraf's measurements,
// tags, fields and types (docs/schema.md). Collectors hold their files open, re-read them with pread, and allocate
// nothing in the steady state. All run on one thread; a collector moves calls that may block (statfs on a dead mount)
// to another thread.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "metric/batch.h"
#include "procfs/scan.h"

namespace resmon::collect {

class Shared;   // shared.h
class SkipLog;  // skip_log.h

// Where the machine is looked at, so that a container can watch its host and a test can feed captures. No trailing
// slash.
struct Roots {
  std::string proc = "/proc";
  std::string sys = "/sys";
  std::string root = "";  // put before mount points and files such as /run/utmp

  // Whether /proc is this process's own: only then do its sockets and interfaces tell what is to be told.
  bool own_proc() const { return proc == "/proc"; }
};

// Include and exclude are shell globs (fnmatch), matched against what the collector's filters are about: an interface's
// name, a disk's name, a mount point. An empty include takes everything; exclude wins.
struct Filter {
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  bool matches(std::string_view name) const;
};

// Telegraf's default for the disk collector. autofs is never asked, whatever the list says: asking it mounts.
const std::vector<std::string>& default_ignored_file_systems();

// Configuration of one collector, `[collector.NAME]` in client.toml.
struct CollectorOptions {
  bool enabled = true;
  std::chrono::nanoseconds interval{0};  // 0: the collector's own, or else the client's
  Filter filter;
  std::vector<std::string> ignore_file_systems = default_ignored_file_systems();  // disk only; by type
  bool command_lines = false;                                                     // procstat only
  std::string socket;  // containers only: the engine's; empty: none is asked
};

// The input of a collector at each gather.
struct GatherContext {
  UnixNanos time = 0;                            // the rows' timestamp
  std::chrono::steady_clock::time_point steady;  // for rates
  std::uint64_t sequence = 0;  // differs from gather to gather; files shared by collectors are read once each
  SkipLog* skips = nullptr;    // of the collector that is given this

  // Counts what a parser left out of `file`, and logs it once. `kind`: as in SkipLog::add.
  void skipped(std::string_view file, const procfs::Skipped& what, std::string_view kind = {}) const;
  void skipped(std::string_view file, std::string_view reason, std::string_view text = {}) const;
  // Logs something that is no failure, once for each `kind`.
  void tell(std::string_view kind, std::string_view what) const;
};

class Collector {
 public:
  virtual ~Collector() = default;
  // Appends this gather's rows: all that could be read. What was left out of a file is given to context.skipped. It
  // fails if a file cannot be read or has no usable content; the error names the file and the reason.
  virtual Status gather(const GatherContext& context, metric::Batch& out) = 0;
};

struct CollectorInfo {
  std::string_view name;                 // the measurement's name, mostly
  std::string_view description;          // one line, for --list-collectors
  std::string_view filters;              // what `include` and `exclude` match, or empty
  std::chrono::nanoseconds interval{0};  // where none is configured; 0: the client's
  // `shared` and `schemas` must outlive the collector.
  std::unique_ptr<Collector> (*make)(const Roots&, const CollectorOptions&, metric::SchemaTable& schemas,
                                     Shared& shared);
};

// Every collector there is, in the order in which they run (collectors.h).
const std::vector<CollectorInfo>& registry();

}  // namespace resmon::collect
