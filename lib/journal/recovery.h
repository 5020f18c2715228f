#pragma once

// What open() finds in the journal's directory, and what it does there: cuts a torn end, makes the rest durable, sets
// aside what cannot be used. One thread, before any other uses the journal.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "journal/cursor_file.h"
#include "journal/file_system.h"
#include "journal/format.h"
#include "journal/segments.h"

namespace resmon::journal {

class Recovery {
 public:
  // `options`: of within_limit().
  Recovery(const Options& options, FileSystem& files) : options_(options), files_(files) {}

  struct Found {
    std::uint64_t journal_id = 0;
    Segments segments;
    std::optional<CursorSlot> cursors;  // this journal's
    bool cursors_lost = false;
    bool used_before = false;
    Tally tally;                          // all 0: none of this journal
    std::uint64_t existing_position = 0;  // the last that was ever written and kept
    std::uint64_t highest_name = 0;       // the newest file's first position
    std::uint64_t oldest_previous = 0;    // the oldest file's `previous`, where it can be believed
    std::string newest_segment_start;
    std::uint64_t recovered_records = 0;
    std::uint64_t torn_bytes = 0;
    std::vector<std::string> findings;  // for the log
  };
  Result<Found> run(CursorFile& cursor_file);

 private:
  struct Candidate {
    std::string name;
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;
    std::shared_ptr<File> file;
    std::optional<SegmentHeader> header;
    Error problem;  // why there is no header
    std::uint64_t group = 0;
    std::uint64_t last = 0;      // of the valid records
    std::uint64_t end = 0;       // in the file
    std::uint64_t doubtful = 0;  // in the file: from here on nothing says that it was synced
    bool starts_group = false;
  };

  std::string path(const std::string& name) const { return options_.directory + "/" + name; }
  std::vector<Candidate> find_segments(const std::vector<FileSystem::Entry>& entries);
  void read_head(Candidate& candidate);
  void choose_id(const std::optional<CursorSlot>& slot, const std::vector<Candidate>& candidates);
  bool examine(Candidate& candidate);
  bool only_zeros(const Candidate& candidate);
  void scan(Candidate& candidate, bool tail, std::uint64_t through);
  void make_tail_durable(Candidate& candidate);
  void cut_tail(Candidate& candidate, Candidate* before);
  void adopt(std::vector<Candidate>& candidates);
  void judge_cursors(CursorFile::Found read, CursorFile& cursor_file, bool any_segments);
  void set_aside(const std::string& name, std::uint64_t bytes, const std::string& why);
  void note(std::string finding);

  const Options& options_;
  FileSystem& files_;
  std::uint32_t seed_ = 0;
  Found found_;
};

// The first position that a process may give out after what it found.
std::uint64_t next_position(const Recovery::Found& found, const Options& options);

}  // namespace resmon::journal
