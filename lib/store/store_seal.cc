// Heads become chunks. Rows mostly come in order, so a head usually goes behind all chunks of its group, and is written
// as it is. Two cases need what is stored already:
//
//   - Rows that came late or a second time overlap chunks. Those are read, merged with the head (the head wins) and
//   replaced,
//     unless they are so many that it would hold up the writer: then the overlap stays, and reads merge it by
//     generation.
//   - A chunk that is no larger than the head that comes behind it is joined with it: as in a binary counter, a row is
//     rewritten a logarithmic number of times. Of heads that were full every second one is joined with the one before,
//     which costs half as much again to encode and takes a twentieth off the disk; small chunks, left by a restart or
//     by memory pressure, become large ones in the same way.
//
// What is replaced must form a closed set (no chunk outside overlaps the new range), or an old row could come to lie in
// a newer generation than the row that had overwritten it.

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/chunk.h"
#include "store/embedded_store.h"
#include "store/fail_point.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxPartTextBytes = 16U << 20U;
constexpr std::int64_t kMaxJoins = 16;
constexpr std::uint32_t kSealedInJoined = 3;   // a joined chunk has at most this many times the rows of a sealed one
constexpr std::int64_t kSealedInRewrite = 12;  // and so many are rewritten at once for rows that overlap them

// Cuts rows where nothing came for long, where they span too much, and where they are too many.
std::vector<Rows> cut(Rows rows, std::size_t max_rows, const TierShape& shape) {
  std::vector<std::pair<std::size_t, std::size_t>> pieces;
  std::size_t first = 0;
  for (std::size_t row = 1; row <= rows.size(); ++row) {
    if (row < rows.size() && minus(rows.times[row], rows.times[row - 1]) <= shape.max_gap &&
        minus(rows.times[row], rows.times[first]) < shape.max_span)
      continue;
    const std::size_t count = row - first;
    const std::size_t parts = (count + max_rows - 1) / max_rows;
    for (std::size_t part = 0; part < parts; ++part)
      pieces.emplace_back(first + count * part / parts, first + count * (part + 1) / parts);
    first = row;
  }
  std::vector<Rows> out;
  if (pieces.size() == 1 && rows.text_bytes() <= kMaxPartTextBytes) {
    out.push_back(std::move(rows));
    return out;
  }
  while (!pieces.empty()) {
    const auto [from, to] = pieces.back();
    pieces.pop_back();
    Rows part = slice(rows, from, to);
    if (part.text_bytes() > kMaxPartTextBytes && to - from > 1) {
      const std::size_t middle = from + (to - from) / 2;
      pieces.emplace_back(from, middle);
      pieces.emplace_back(middle, to);
      continue;
    }
    out.push_back(std::move(part));
  }
  return out;
}

struct Selection {
  UnixNanos first = 0;
  UnixNanos last = 0;
  std::int64_t rows = 0;
  std::vector<bool> chosen;
  std::size_t count = 0;

  // Takes in everything that overlaps, until nothing more does.
  void close_over(const std::vector<ChunkEntry>& entries) {
    for (bool grew = true; grew;) {
      grew = false;
      for (std::size_t i = 0; i < entries.size(); ++i) {
        if (chosen[i] || entries[i].first_time > last || entries[i].last_time < first) continue;
        take(entries[i], i);
        grew = true;
      }
    }
  }
  void take(const ChunkEntry& entry, std::size_t index) {
    chosen[index] = true;
    ++count;
    rows += entry.rows;
    first = std::min(first, entry.first_time);
    last = std::max(last, entry.last_time);
  }
};

// Which stored chunks to rewrite together with `rows` new ones.
Selection choose(const std::vector<ChunkEntry>& entries, UnixNanos first, UnixNanos last, std::int64_t rows,
                 std::int64_t rows_per_chunk, const TierShape& shape) {
  const Selection none{first, last, rows, std::vector<bool>(entries.size()), 0};
  Selection best = none;
  best.close_over(entries);
  if (best.rows - rows > rows_per_chunk * kSealedInRewrite) return none;
  for (std::int64_t joins = 0; joins < kMaxJoins; ++joins) {
    std::size_t before = entries.size();
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (!best.chosen[i] && entries[i].last_time < best.first &&
          (before == entries.size() || entries[i].last_time > entries[before].last_time))
        before = i;
    if (before == entries.size()) break;
    const ChunkEntry& entry = entries[before];
    if (entry.rows > best.rows || entry.rows + best.rows > rows_per_chunk * std::int64_t{kSealedInJoined} ||
        minus(best.first, entry.last_time) > shape.max_gap || minus(best.last, entry.first_time) >= shape.max_span)
      break;
    Selection larger = best;
    larger.take(entry, before);
    larger.close_over(entries);
    if (larger.count != best.count + 1) break;
    best = std::move(larger);
  }
  return best;
}

}  // namespace

void EmbeddedStore::mark_due(GroupState& group) {
  if (group.due) return;
  group.due = true;
  due_.push_back(group.id);
}

Status EmbeddedStore::seal_due(std::size_t at_most) {
  if (due_.empty()) return {};
  std::vector<GroupState*> groups;
  const std::size_t count = std::min(at_most, due_.size());
  groups.reserve(count);
  for (std::size_t i = 0; i < count; ++i) groups.push_back(&groups_[due_[i]]);
  // seal takes what it sealed off the list.
  RESMON_TRY(seal(groups));
  return trim_snapshots();
}

Status EmbeddedStore::seal_all() {
  for (std::size_t id = 0; id < ages_.size(); ++id)
    if (ages_[id].open) mark_due(groups_[id]);
  return seal_due(due_.size());
}

// Over the bound: a part of what heads take is sealed, the largest first, which make the largest chunks. All of it
// would hold up the writer for seconds.
Status EmbeddedStore::seal_largest() {
  constexpr std::uint64_t kShare = 8;
  std::vector<GroupState*> groups;
  for (std::size_t id = 0; id < ages_.size(); ++id)
    if (ages_[id].open) groups.push_back(&groups_[id]);
  std::sort(groups.begin(), groups.end(),
            [](const GroupState* a, const GroupState* b) { return a->head.memory_bytes() > b->head.memory_bytes(); });
  std::uint64_t bytes = 0;
  std::size_t count = 0;
  while (count < groups.size() && bytes < options_.head_limit_bytes / kShare)
    bytes += groups[count++]->head.memory_bytes();
  RESMON_TRY(seal(std::span(groups).first(count)));
  return trim_snapshots();
}

void EmbeddedStore::clear_head(GroupState& group) {
  const std::size_t memory_before = group.head.memory_bytes();
  counters_.head_rows -= group.head.size();
  {
    std::lock_guard lock(group.mutex);
    group.head.clear();
  }
  counters_.head_bytes += group.head.memory_bytes() - memory_before;
  note_sealed(group);
}

Status EmbeddedStore::seal(std::span<GroupState* const> groups) {
  std::size_t next = 0;
  // What is not sealed in time stays in heads, and in the journal.
  while (next < groups.size() && !late(seal_by_)) {
    const std::size_t first = next;
    std::size_t end = first;
    // What the groups remember of the file may be of a transaction that was rolled back.
    const auto forget = [&] {
      for (std::size_t i = first; i < std::min(end + 1, groups.size()); ++i)
        groups[i]->newest_known = groups[i]->tiered_known = false;
    };
    bool again = false;
    Status status = in_transaction([&]() -> Status {
      if (std::exchange(again, true)) forget();
      std::size_t bytes = 0;
      for (end = first;
           end < groups.size() && bytes < transaction_bytes_ && !(end > first && (small_steps_ || late(seal_by_)));
           ++end) {
        GroupState& group = *groups[end];
        if (group.head.empty()) continue;
        // Only this thread changes heads, so it reads them without the lock.
        Rows rows = group.head.copy({}, nullptr);
        const std::vector<UnixNanos> times = rows.times;
        for (Rows& part : cut(std::move(rows), options_.rows_per_chunk * kSealedInJoined, shape_of(kTierRaw))) {
          RESMON_ASSIGN(const std::size_t written, seal_part(group, std::move(part)));
          bytes += written;
        }
        fail_point("seal");
        RESMON_TRY(seal_tiers(group, times, bytes));
      }
      return {};
    });
    if (!status) {
      forget();
      return status;
    }
    for (std::size_t i = first; i < end; ++i) {
      GroupState& group = *groups[i];
      // From here on readers find the rows in the chunk. A reader that copied the head before sees them twice, and
      // equal.
      clear_head(group);
      group.seal_rows = options_.rows_per_chunk;
      group.due = false;
    }
    std::erase_if(due_, [&](GroupId id) { return !groups_[id].due; });
    next = end;
  }
  return {};
}

Result<std::vector<ChunkEntry>> EmbeddedStore::chunks_near(std::int64_t tier, GroupId group, UnixNanos first,
                                                           UnixNanos last) {
  std::vector<ChunkEntry> entries;
  const TierShape shape = shape_of(tier);
  StatementReset reset(select_near_);
  select_near_.bind(1, group).bind(2, minus(first, shape.max_gap + shape.max_span));
  select_near_.bind(3, plus(last, shape.max_span)).bind(4, tier);
  while (true) {
    RESMON_ASSIGN(const bool row, select_near_.step());
    if (!row) return entries;
    entries.push_back(
        {select_near_.integer(0), select_near_.integer(1), select_near_.integer(2), select_near_.integer(3)});
  }
}

Result<std::size_t> EmbeddedStore::seal_part(GroupState& group, Rows part) {
  std::size_t bytes = 0;
  RESMON_TRY(look_up_newest(group));
  // The usual case needs no search: behind everything stored, and the chunk before is too large to be joined.
  if (part.times.front() > group.newest_time && (group.newest_rows > static_cast<std::int64_t>(part.size()) ||
                                                 group.newest_rows + static_cast<std::int64_t>(part.size()) >
                                                     std::int64_t{options_.rows_per_chunk} * kSealedInJoined)) {
    RESMON_TRY(insert_chunk(group, kTierRaw, part, bytes));
    return bytes;
  }
  RESMON_TRY(store_rows(group, kTierRaw, std::move(part), bytes));
  return bytes;
}

Status EmbeddedStore::store_rows(GroupState& group, std::int64_t tier, Rows part, std::size_t& bytes) {
  const TierShape shape = shape_of(tier);
  RESMON_ASSIGN(const std::vector<ChunkEntry> entries,
                chunks_near(tier, group.id, part.times.front(), part.times.back()));
  const Selection selection =
      choose(entries, part.times.front(), part.times.back(), static_cast<std::int64_t>(part.size()),
             static_cast<std::int64_t>(options_.rows_per_chunk), shape);
  if (selection.count == 0 || (small_steps_ && tier == kTierRaw)) return insert_chunk(group, tier, part, bytes);
  std::vector<ChunkEntry> chosen;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (selection.chosen[i]) chosen.push_back(entries[i]);
  std::sort(chosen.begin(), chosen.end(), [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
  Rows merged;
  std::int64_t chosen_bytes = 0;
  for (const ChunkEntry& entry : chosen) {
    StatementReset reset(select_.data);
    RESMON_ASSIGN(const bool found, select_.data.bind(1, entry.id).step());
    if (!found) return fail(ErrorKind::kInternal, "store: a chunk went away under its only writer");
    chosen_bytes += static_cast<std::int64_t>(select_.data.blob(0).size());
    Result<ChunkReader> chunk = ChunkReader::open(select_.data.blob(0));
    Result<Rows> rows = chunk ? chunk->rows() : Result<Rows>(fail(Error(chunk.error())));
    if (!rows) {
      // Leave it, and everything around it, as it is.
      wall_off(entry.id, group.id, rows.error().message);
      return insert_chunk(group, tier, part, bytes);
    }
    merged = merge(merged, *rows);
  }
  merged = merge(merged, part);
  fail_point("merge");
  for (const ChunkEntry& entry : chosen) RESMON_TRY(delete_chunk_.bind(1, entry.id).run());
  totals_.chunks -= static_cast<std::int64_t>(chosen.size());
  totals_.bytes[static_cast<std::size_t>(tier)] -= chosen_bytes;
  for (const Rows& piece : cut(std::move(merged), options_.rows_per_chunk * kSealedInJoined, shape))
    RESMON_TRY(insert_chunk(group, tier, piece, bytes));
  return {};
}

Status EmbeddedStore::look_up_newest(GroupState& group) {
  if (group.newest_known) return {};
  StatementReset reset(select_newest_);
  RESMON_ASSIGN(const bool row, select_newest_.bind(1, group.id).step());
  if (row) {
    group.newest_time = select_newest_.integer(0);
    group.newest_rows = select_newest_.integer(1);
  }
  group.newest_known = true;
  return {};
}

Status EmbeddedStore::insert_chunk(GroupState& group, std::int64_t tier, const Rows& rows, std::size_t& bytes) {
  const std::string data = encode_chunk(rows, tier != kTierRaw);
  insert_chunk_.bind(1, tier).bind(2, group.id).bind(3, rows.times.front()).bind(4, rows.times.back());
  RESMON_TRY(insert_chunk_.bind(5, static_cast<std::int64_t>(rows.size())).bind_blob(6, data).run());
  if (rewritten_.empty() || rewritten_.back() != &group) rewritten_.push_back(&group);
  bytes += data.size();
  ++totals_.chunks;
  totals_.bytes[static_cast<std::size_t>(tier)] += static_cast<std::int64_t>(data.size());
  // Should the transaction fail, this is newer than the truth: then the next seal searches without need.
  if (tier == kTierRaw && rows.times.back() >= group.newest_time) {
    group.newest_time = rows.times.back();
    group.newest_rows = static_cast<std::int64_t>(rows.size());
  }
  return {};
}

}  // namespace resmon::store
