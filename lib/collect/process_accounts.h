#pragma once

// What each process used since the gather before, told from two readings of the table of processes. No I/O.
//
// A process that comes and goes between two gathers is never seen. Its parent is: when it waits for a child, the
// child's time is added to the parent's cutime and cstime, and so it is counted as the parent's. A child that was seen
// has been counted by itself already, so what was seen of it is taken off from what its parent's counters advance: the
// child's time becomes a debt of the nearest ancestor that is still there. The kernel adds the time in the moment in
// which the child goes away, but the two are not read in the same moment, so a debt is kept for one more gather; a
// parent that does not wait (SIGCHLD ignored) never pays, and its debt lapses.

#include <cstdint>
#include <span>
#include <vector>

#include "collect/process_table.h"

namespace resmon::collect {

class ProcessAccounts {
 public:
  static constexpr std::uint32_t kNoGroup = UINT32_MAX;

  struct Account {
    std::uint32_t id = 0;
    std::uint32_t parent = 0;
    std::uint64_t start_ticks = 0;
    // As read last.
    std::uint64_t own_ticks = 0;
    std::uint64_t children_ticks = 0;
    std::uint64_t minor_faults = 0;
    std::uint64_t major_faults = 0;
    // Since the gather before.
    std::uint64_t used_ticks = 0;     // by itself
    std::uint64_t children_used = 0;  // by children that nobody else accounts for
    std::uint64_t new_minor_faults = 0;
    std::uint64_t new_major_faults = 0;
    std::uint64_t debt = 0;      // of children that went this time
    std::uint64_t old_debt = 0;  // and the time before

    // The user's of this class: kept as long as the process.
    std::uint32_t group = kNoGroup;
    std::uint32_t resolved_second = 0;  // when it was grouped
    std::uint64_t name_hash = 0;        // of the name that it was grouped by
    std::uint64_t read_bytes = 0;
    std::uint64_t written_bytes = 0;
    std::uint64_t ticks_at_io = 0;  // what it had used when its I/O was read
    bool io_known = false;
    bool io_denied = false;
    bool seen_from_start = false;  // it began while this was watching
  };

  // `most_ticks`: what all CPUs together can have done since the gather before; no process is given more. In the first
  // gather nobody has used anything.
  void update(std::span<const ProcessTable::Process> processes, std::uint64_t most_ticks);
  // One for each process of the last update, in its order.
  std::span<Account> accounts() { return accounts_; }

 private:
  static Account first_account(const ProcessTable::Process& process);
  void settle();

  bool first_ = true;
  std::vector<Account> accounts_;
  std::vector<Account> next_;
  std::vector<Account> gone_;  // ascending by id
};

}  // namespace resmon::collect
