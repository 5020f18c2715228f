#pragma once

// The heads of all groups: what was written and is not sealed. Found and read by any thread, under the group's mutex;
// changed by the writer, who calls everything that is not said to be any thread's.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <shared_mutex>
#include <string>
#include <vector>

#include "store/catalog.h"
#include "store/group_state.h"
#include "store/marks.h"
#include "store/piece.h"

namespace resmon::store {

class Heads {
 public:
  // A head with `rows_per_chunk` rows, or more than `most_bytes`, is due to be sealed. All must outlive the heads.
  Heads(const Catalog& catalog, Marks& marks, std::uint32_t rows_per_chunk, std::size_t most_bytes)
      : catalog_(catalog), marks_(marks), rows_per_chunk_(rows_per_chunk), most_bytes_(most_bytes) {}

  const GroupState* find(GroupId id) const;  // null: there is none. Any thread
  std::uint64_t rows() const { return rows_; }
  std::uint64_t bytes() const { return bytes_; }

  // The group's state, made with all before it where there is none. References stay valid.
  GroupState& add(GroupId id);
  std::size_t size() const { return groups_.size(); }  // ids are below this
  GroupState& operator[](GroupId id) { return groups_[id]; }
  HeadAge& age(GroupId id) { return ages_[id]; }
  const HeadAge& age(GroupId id) const { return ages_[id]; }
  bool is_open(GroupId id) const { return ages_[id].open; }

  void add_row(GroupState& group, UnixNanos time, const SlotRow& row);
  std::uint64_t written_rows() const { return written_rows_; }  // since start
  std::size_t most_bytes() const { return most_bytes_; }
  // After it was made of the file: counted, and due if it is full.
  void restored(GroupState& group);
  // The head has something that the file does not have.
  void note_change(GroupState& group);
  // Its rows are in a chunk.
  void clear(GroupState& group);
  // Its rows are not wanted any more. The group is idle once that is committed (marks_committed).
  void drop(GroupState& group);
  // The group is gone from the catalog, its id free.
  void reset(GroupState& group);
  // A committed transaction changed the group's chunks. Before its head is cleared: whoever copied the head first and
  // then finds a list of chunks of this version misses nothing.
  void chunks_changed(GroupId id);

  void mark_due(GroupState& group);
  const std::vector<GroupId>& due() const { return due_; }
  std::vector<GroupState*> first_due(std::size_t at_most);
  void sealed(GroupState& group);  // not due any more; call drop_sealed after some
  void drop_sealed();
  std::size_t open() const { return open_; }  // heads with rows
  // Heads of at least the average size, until they take so much, going on behind those of the last call: so neighbours
  // in the file's index are sealed together, and each head has grown for a whole round when its turn comes.
  std::vector<GroupState*> next_large(std::uint64_t bytes);
  UnixNanos oldest_time() const;  // of a row; INT64_MAX where there is none

  // The oldest epoch of rows that the file does not have.
  Marks::Epoch needed_epoch() const;
  // Heads that ended, of which the snapshots do not say so.
  const std::vector<GroupId>& ended() const { return ended_; }
  bool ended_or_dropped() const { return !ended_.empty() || !dropped_.empty(); }
  // A commit says where heads ended.
  void marks_committed();

  // A group of which little may be left: retention took a chunk of it, or its head was dropped.
  void note_idle(GroupId id);
  const std::vector<GroupId>& idle() const { return idle_; }
  void idle_looked_at(std::size_t count) { idle_.resize(idle_.size() - count); }  // the last ones

 private:
  void count(const GroupState& group, std::size_t memory_before, std::size_t rows_before);

  const Catalog& catalog_;
  Marks& marks_;
  const std::uint32_t rows_per_chunk_;
  const std::size_t most_bytes_;

  mutable std::shared_mutex mutex_;
  std::deque<GroupState> groups_;  // by id; grown under mutex_, elements stay where they are
  std::atomic<std::uint64_t> rows_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;

  std::vector<HeadAge> ages_;  // by id
  std::vector<GroupId> due_;
  std::vector<GroupId> ended_;
  std::vector<GroupId> dropped_;  // since the last commit of marks
  std::vector<GroupId> idle_;
  std::uint64_t written_rows_ = 0;
  std::size_t open_ = 0;
  GroupId next_large_ = 0;  // where next_large goes on
  Head::Scratch scratch_;
};

}  // namespace resmon::store
