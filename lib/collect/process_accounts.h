#pragma once

// The CPU time that each process used since the previous gather, computed from two readings of the process table. No
// I/O.
//
// A process that starts and ends between two gathers is never seen. Its time is counted as its parent's: when the
// parent waits for the child, the kernel adds the child's time to the parent's cutime and cstime, with the time of the
// children that the child waited for. The time of a child that was seen has been counted already, so it is subtracted
// from the advance of the counters of the process that waited for it: it becomes a debt.
//
// While the parent lives, only the parent can have waited. Where the parent has gone too, it is not known who did: the
// parent, whose time then went on to its own parent; or, if the parent ended first, init or another ancestor that
// adopts orphans. All time of a process arrives at once, so the nearest ancestor whose counters advanced by this much
// is charged.
//
// The counters of two processes are not read in the same moment, so a debt is kept for one more gather. A parent that
// does not wait (SIGCHLD ignored) never gets the child's time, and the debt expires.
//
// What is still wrong after that, such as a child that was read after its parent had waited for it, is bounded by the
// time that the whole machine worked: limit().

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
    bool is_new = true;            // was not there in the gather before
  };

  // `most_ticks`: what all CPUs together can have done since the gather before; no process is given more. In the first
  // gather nobody has used anything.
  void update(std::span<const ProcessTable::Process> processes, std::uint64_t most_ticks);
  // Takes what all accounts together have above `all_ticks` from the time of ended children, beginning with the
  // largest. What living processes used themselves is measured and stays.
  void limit(std::uint64_t all_ticks);
  // One for each process of the last update, in its order.
  std::span<Account> accounts() { return accounts_; }

 private:
  // The time of a process that went together with its parent, or before it.
  struct Stray {
    std::uint32_t parent = 0;
    std::uint64_t start_ticks = 0;
    std::uint64_t ticks = 0;
    bool again = false;  // it was not found the gather before
  };
  void settle();
  void settle(Stray& stray);

  bool first_ = true;
  std::vector<Account> accounts_;
  std::vector<Account> gone_;  // ascending by id
  std::vector<Stray> strays_;
  std::vector<Account*> by_children_;
};

}  // namespace resmon::collect
