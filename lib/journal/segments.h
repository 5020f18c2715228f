#pragma once

// The journal's segments, their files, and the account of what they take on the device. Append plans with what will be
// on disk once the commit thread has done what was decided so far (planned_bytes); the commit thread removes before it
// creates (physical_bytes). Not synchronised, no I/O: the journal's mutex guards it.

#include <cstdint>
#include <deque>
#include <map>

#include "journal/discarded_files.h"
#include "journal/format.h"
#include "journal/sizes.h"

namespace resmon::journal {

// A segment as producers and readers see it: definitions hold within it. One file, or several after a failed sync.
struct Group {
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::uint64_t bytes = 0;     // encoded, as planned by append
  std::uint64_t reserved = 0;  // on disk, for the file that is not there yet
  std::uint64_t weight = 0;    // of its records, as the producer said
};

struct Segment {  // a file
  std::uint64_t first = 0;
  std::uint64_t last = 0;  // durable ones; first - 1 when empty
  std::uint64_t group = 0;
  std::uint64_t allotted = 0;                // on disk, at most
  std::uint64_t damage_counted_through = 0;  // position
};

class Segments {
 public:
  const std::deque<Group>& groups() const { return groups_; }
  std::size_t files() const { return files_.size(); }
  // The oldest position there is, or the one after `last` when there is none.
  std::uint64_t first_position(std::uint64_t last) const { return groups_.empty() ? last + 1 : groups_.front().first; }
  // The first group that ends at the position or later; null: none.
  const Group* group_from(std::uint64_t position) const;
  // The file that has the position; null: none.
  const Segment* file_with(std::uint64_t position) const;
  // The first file that begins after the position; null: none.
  const Segment* file_after(std::uint64_t position) const;
  std::uint64_t records_between(std::uint64_t from, std::uint64_t to) const;  // that exist, both included
  std::uint64_t planned_bytes() const;
  std::uint64_t physical_bytes() const;

  // Groups, by append.
  void begin_group(std::uint64_t first, std::uint64_t reserved);
  void extend(std::size_t bytes) { groups_.back().bytes += bytes; }
  void end_at(std::uint64_t position) { groups_.back().last = position; }
  void weigh_newest(std::uint64_t weight) { groups_.back().weight += weight; }
  void weigh(std::uint64_t position, std::uint64_t weight);
  // True unless it is the only one, not all durable, or the newest file's: that file's name keeps the positions.
  bool front_may_go(std::uint64_t durable) const;
  // The oldest group leaves the list; its files are doomed.
  Group drop_front(std::uint64_t after_snapshot);

  // Files, by the writer.
  std::uint64_t reserved_for(std::uint64_t group) const;
  // How much of a segment's size files of the group have not taken yet.
  std::uint64_t left_of(std::uint64_t group, std::uint64_t segment_bytes) const;
  void begin_file(std::uint64_t first, std::uint64_t group, std::uint64_t allotted);
  void grow(std::uint64_t first, std::uint64_t bytes) { files_[first].allotted += bytes; }
  void set_allotted(std::uint64_t first, std::uint64_t bytes);
  void durable_through(std::uint64_t first, std::uint64_t last) { files_[first].last = last; }
  // Dooms the file if it has no durable record; false: it has some and stays.
  bool doom_if_empty(std::uint64_t first);
  // Room for another file of the group, which has been begun.
  void reserve(std::uint64_t group, std::uint64_t bytes);

  // Counts positions of a file as damaged, each once; returns how many are new. A file that is gone has none.
  std::uint64_t count_damage(std::uint64_t first, std::uint64_t from, std::uint64_t to);

  // A file that open found, in order; its group is made or extended if it has records.
  void adopt(std::uint64_t first, std::uint64_t last, std::uint64_t group, std::uint64_t allotted);

  // Files that are none of a segment any more.
  const DiscardedFiles& discarded() const { return discarded_; }
  DiscardedFiles& discarded() { return discarded_; }

 private:
  std::deque<Group> groups_;
  std::map<std::uint64_t, Segment> files_;  // by first position
  DiscardedFiles discarded_;
};

}  // namespace resmon::journal
