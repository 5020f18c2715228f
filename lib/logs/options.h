#pragma once

// How the server's lines are kept, and numbers about them.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "journal/journal.h"

namespace resmon::logs {

// The retention of the sources that match a shell pattern (* and ?).
struct Retention {
  std::string name;
  std::string source = "*";
  std::chrono::seconds retain{0};  // 0: no bound
  std::uint64_t limit_bytes = 0;   // of all these sources' blocks; 0: no bound
};

struct Options {
  std::string directory;
  std::uint64_t journal_limit_bytes = 256U << 20U;
  std::uint64_t limit_bytes = 5ULL << 30U;  // of blocks
  std::uint64_t head_bytes = 24U << 20U;    // of lines in memory
  std::chrono::seconds retain{86'400 * 30};
  std::vector<Retention> retention;  // the first whose pattern fits goes before `retain`
  journal::Sync sync = journal::Sync::kInterval;
  std::chrono::milliseconds sync_interval{100};
  int level = 9;  // of zstd, for blocks
  const Clock* clock = &Clock::system();
  std::function<void(std::string_view)> at_step;  // for tests: called at named places of the writing thread

  void step(std::string_view name) const {
    if (at_step) at_step(name);
  }
};

struct Stats {
  journal::Stats journal;
  std::uint64_t lines = 0;       // taken by this process
  std::uint64_t text_bytes = 0;  // of them
  std::uint64_t head_lines = 0;
  std::uint64_t head_bytes = 0;
  std::uint64_t block_lines = 0;
  std::uint64_t block_bytes = 0;  // of files
  std::uint64_t block_text_bytes = 0;
  std::uint64_t parts = 0;
  std::uint64_t blocks = 0;
  std::uint64_t streams = 0;
  std::uint64_t sealed_blocks = 0;   // by this process
  std::uint64_t expired_lines = 0;   // removed for their age
  std::uint64_t evicted_lines = 0;   // removed for a bound of bytes
  std::uint64_t damaged_blocks = 0;  // found since the start, also by searches
  std::uint64_t undecodable_records = 0;
  std::uint64_t tail_dropped_lines = 0;  // not shown to a live viewer that was too slow
  UnixNanos oldest = 0;                  // of blocks
  std::string error;                     // why lines wait now; empty when all is well
};

// What the parts of the store count; read by any thread. The names are those of Stats.
struct Counters {
  std::atomic<std::uint64_t> lines{0};
  std::atomic<std::uint64_t> text_bytes{0};
  std::atomic<std::uint64_t> sealed_blocks{0};
  std::atomic<std::uint64_t> expired_lines{0};
  std::atomic<std::uint64_t> evicted_lines{0};
  std::atomic<std::uint64_t> damaged_blocks{0};
  std::atomic<std::uint64_t> undecodable_records{0};
};

}  // namespace resmon::logs
