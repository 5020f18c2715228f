// Heads become chunks. Rows mostly come in order, so a head usually goes behind all chunks of its group, and is written
// as it is. Two cases need what is stored already:
//
// Rows that came late or a second time overlap chunks. Those are read, merged with the head (the head wins) and
// replaced, unless they are so many that it would hold up the writer: then the overlap stays, and reads merge it by
// generation.
//
// A chunk that is no larger than the head that comes behind it is joined with it: as in a binary counter, a row is
// rewritten a logarithmic number of times. Of heads that were full every second one is joined with the one before,
// which costs half as much again to encode and takes a twentieth off the disk; small chunks, left by a restart or by
// memory pressure, become large ones in the same way.
//
// What is replaced must form a closed set (no chunk outside overlaps the new range), or an old row could come to lie in
// a newer generation than the row that had overwritten it.
//
// Deleting: a chunk that lies in the range is removed; one that reaches beyond it is replaced by its other rows. Its
// replacement has a higher generation, so it also has what newer chunks say of its rows: an overwritten value must not
// win.

#include "store/chunk_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "store/chunk.h"
#include "store/fail_point.h"
#include "store/tier.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxPartTextBytes = 16U << 20U;
constexpr std::int64_t kMaxJoins = 16;
constexpr std::uint32_t kSealedInJoined = 3;   // a joined chunk has at most this many times the rows of a sealed one
constexpr std::int64_t kSealedInRewrite = 12;  // and so many are rewritten at once for rows that overlap them

// Cuts rows where nothing came for long, where they span too much, and where they are too many.
std::vector<Rows> cut_up(Rows rows, std::size_t max_rows, const TierShape& shape) {
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

constexpr std::size_t kBytesARemovedChunk = 512;  // about what its index entries and freed pages add to a transaction

// The rows of `rows` that have one of `times` and are not in `range`.
Rows pick(const Rows& rows, const std::vector<UnixNanos>& times, TimeRange range) {
  std::vector<std::size_t> sources;
  Rows out;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const UnixNanos time = rows.times[row];
    if (time >= range.first && time < range.last) continue;
    if (!std::binary_search(times.begin(), times.end(), time)) continue;
    sources.push_back(row);
    out.times.push_back(time);
  }
  for (const RowColumn& from : rows.columns) {
    RowColumn column;
    column.id = from.id;
    column.type = from.type;
    column.cells.resize(sources.size());
    column.presence.resize((sources.size() + 63) / 64);
    bool any = false;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (!bit(from.presence, sources[i])) continue;
      column.take(i, from, sources[i]);
      any = true;
    }
    if (any) out.columns.push_back(std::move(column));
  }
  return out;
}

bool overlaps(const ChunkEntry& entry, TimeRange range) {
  return entry.last_time >= range.first && entry.first_time < range.last;
}

void sort_by_generation(std::vector<ChunkEntry>& entries) {
  std::sort(entries.begin(), entries.end(), [](const ChunkEntry& a, const ChunkEntry& b) { return a.id < b.id; });
}

}  // namespace

Status ChunkWriter::append(GroupState& group, Rows rows, std::size_t& bytes) {
  for (Rows& part : cut_up(std::move(rows), rows_per_chunk_ * kSealedInJoined, shape_of(kTierRaw)))
    RESMON_TRY(append_part(group, std::move(part), bytes));
  return {};
}

Status ChunkWriter::append_part(GroupState& group, Rows part, std::size_t& bytes) {
  RESMON_TRY(look_up_newest(group));
  // The usual case needs no search: behind everything stored, and the chunk before is too large to be joined.
  const std::size_t rows = part.size();
  const std::size_t most = std::size_t{rows_per_chunk_} * kSealedInJoined;
  if (part.times.front() > group.newest_time && (group.newest_rows > rows || group.newest_rows + rows > most))
    return insert(group, kTierRaw, part, bytes);
  return put(group, kTierRaw, std::move(part), bytes);
}

Status ChunkWriter::put(GroupState& group, std::int64_t tier, Rows rows, std::size_t& bytes) {
  const TierShape shape = shape_of(tier);
  ChunkTable& table = file_.chunks();
  RESMON_ASSIGN(const std::vector<ChunkEntry> entries,
                table.near(tier, group.id, rows.times.front(), rows.times.back()));
  const Selection selection = choose(entries, rows.times.front(), rows.times.back(),
                                     static_cast<std::int64_t>(rows.size()), std::int64_t{rows_per_chunk_}, shape);
  if (selection.count == 0 || (file_.small_steps() && tier == kTierRaw)) return insert(group, tier, rows, bytes);
  std::vector<ChunkEntry> chosen;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (selection.chosen[i]) chosen.push_back(entries[i]);
  sort_by_generation(chosen);
  Rows merged;
  for (const ChunkEntry& entry : chosen) {
    const Result<Rows> stored = source_.load_whole(file_.reads(), entry.id, group.id);
    // Leave a damaged one, and everything around it, as it is.
    if (!stored && stored.error().kind == ErrorKind::kDamaged) return insert(group, tier, rows, bytes);
    if (!stored) return fail(Error(stored.error()));
    merged = merge(std::move(merged), *stored);
  }
  merged = merge(std::move(merged), rows);
  fail_point("merge");
  for (const ChunkEntry& entry : chosen) RESMON_TRY(table.remove(tier, group.id, entry.id));
  for (const Rows& piece : cut_up(std::move(merged), rows_per_chunk_ * kSealedInJoined, shape))
    RESMON_TRY(insert(group, tier, piece, bytes));
  return {};
}

Status ChunkWriter::look_up_newest(GroupState& group) {
  if (group.newest_known) return {};
  RESMON_ASSIGN(const ChunkTable::Newest newest, file_.chunks().newest(group.id));
  if (newest.time != INT64_MIN) {
    group.newest_time = newest.time;
    group.newest_rows = static_cast<std::uint32_t>(newest.rows);
  }
  group.newest_known = true;
  return {};
}

Status ChunkWriter::insert(GroupState& group, std::int64_t tier, const Rows& rows, std::size_t& bytes) {
  const std::string data = encode_chunk(rows, tier != kTierRaw);
  RESMON_TRY(file_.chunks().insert(tier, group.id, rows, data));
  bytes += data.size();
  // Should the transaction fail, this is newer than the truth: then the next seal searches without need. Where it is
  // not known, as while rows are deleted, there may be newer chunks than this one.
  if (tier == kTierRaw && group.newest_known && rows.times.back() >= group.newest_time) {
    group.newest_time = rows.times.back();
    group.newest_rows = static_cast<std::uint32_t>(rows.size());
  }
  return {};
}

Result<std::uint64_t> ChunkWriter::cut(GroupState& group, std::int64_t tier, TimeRange range, std::size_t& bytes) {
  RESMON_ASSIGN(std::vector<ChunkEntry> entries, file_.chunks().near(tier, group.id, range.first, range.last));
  std::erase_if(entries, [&](const ChunkEntry& entry) { return !overlaps(entry, range); });
  sort_by_generation(entries);
  std::vector<Rows> left;
  std::uint64_t rows = 0;
  std::vector<std::int64_t> gone;
  for (const ChunkEntry& entry : entries) {
    std::size_t kept = 0;
    if (entry.first_time < range.first || entry.last_time >= range.last) {
      RESMON_ASSIGN(std::optional<Rows> outside, rows_outside(group, tier, entry, range));
      if (!outside) continue;
      kept = outside->size();
      if (kept > 0) left.push_back(std::move(*outside));
    }
    rows += static_cast<std::uint64_t>(entry.rows) - kept;
    gone.push_back(entry.id);
  }
  for (const std::int64_t id : gone) {
    RESMON_TRY(file_.chunks().remove(tier, group.id, id));
    bytes += kBytesARemovedChunk;
  }
  for (const Rows& part : left) RESMON_TRY(insert(group, tier, part, bytes));
  return rows;
}

// What a chunk that reaches beyond the range has there, as it is now; nothing where it does not decode: such a chunk
// shows no rows, and stays for whoever can mend it.
Result<std::optional<Rows>> ChunkWriter::rows_outside(GroupState& group, std::int64_t tier, const ChunkEntry& entry,
                                                      TimeRange range) {
  Result<Rows> own = source_.load_whole(file_.reads(), entry.id, group.id);
  if (!own) {
    if (own.error().kind == ErrorKind::kDamaged) return std::optional<Rows>();
    return fail(std::move(own).error());
  }
  RESMON_ASSIGN(std::vector<ChunkEntry> near, file_.chunks().near(tier, group.id, entry.first_time, entry.last_time));
  sort_by_generation(near);
  Rows merged = *own;
  for (const ChunkEntry& newer : near) {
    if (newer.id <= entry.id || !overlaps(newer, {entry.first_time, plus(entry.last_time, 1)})) continue;
    const Result<Rows> rows = source_.load_whole(file_.reads(), newer.id, group.id);
    if (rows)
      merged = merge(std::move(merged), *rows);
    else if (rows.error().kind != ErrorKind::kDamaged)
      return fail(Error(rows.error()));
  }
  return std::optional<Rows>(pick(merged, own->times, range));
}

}  // namespace resmon::store
