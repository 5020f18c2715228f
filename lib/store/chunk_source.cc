#include "store/chunk_source.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "store/tier.h"

namespace resmon::store {

namespace {

constexpr std::size_t kMaxDamagedKnown = 65'536;

// Whether `until` leaves so much of a chunk out that it is worth decoding the rest by itself.
bool cuts(UnixNanos until, const ChunkEntry& entry) {
  if (until > entry.last_time || until <= entry.first_time) return until <= entry.first_time;
  const auto span = static_cast<std::uint64_t>(minus(entry.last_time, entry.first_time));
  return static_cast<std::uint64_t>(minus(entry.last_time, until)) > span / 8;
}

}  // namespace

Result<std::shared_ptr<const ChunkList>> ChunkSource::newest(ReadsOnDemand& from, const GroupState& group,
                                                             std::int64_t tier) const {
  // Beside a store that is open for reading only, another process writes.
  if (options_.read_only || options_.chunk_cache_bytes == 0) return std::shared_ptr<const ChunkList>();
  const std::uint64_t key = std::uint64_t{group.id} * kTiers + static_cast<std::uint64_t>(tier);
  // Looked at before the file: a commit between the two makes the list newer than it says, and is looked up again.
  std::uint32_t version = group.chunks_version;
  if (tier == kTierRaw && (version & GroupState::kNoChunk) != 0) return none_;
  version &= ~GroupState::kNoChunk;
  std::shared_ptr<const ChunkList> known = lists_.find(key);
  if (known && known->version == version) return known;
  RESMON_ASSIGN(ChunkReads* const reads, from.get());
  auto list = std::make_shared<ChunkList>();
  list->version = version;
  RESMON_TRY(reads->find_newest(tier, group.id, {}, INT64_MAX, ChunkList::kMost, list->entries));
  list->complete = list->entries.size() < ChunkList::kMost;
  if (tier == kTierRaw && list->entries.empty()) {
    group.chunks_version.compare_exchange_strong(version, version | GroupState::kNoChunk);
    return none_;
  }
  list->entries.shrink_to_fit();
  lists_.add(key, list);
  return std::shared_ptr<const ChunkList>(std::move(list));
}

Result<std::shared_ptr<const DecodedChunk>> ChunkSource::load(ReadsOnDemand& reads, const ChunkEntry& entry,
                                                              GroupId group, const std::vector<ColumnId>& wanted,
                                                              UnixNanos until) const {
  std::string key = decoded_key(entry.id, wanted);
  if (auto known = decoded_.find(key)) return known;
  if (!cuts(until, entry)) {
    until = INT64_MAX;
  } else {
    key.append(reinterpret_cast<const char*>(&until), sizeof until);
    if (auto known = decoded_.find(key)) return known;
  }
  const std::shared_ptr<const LoadedChunk> chunk = chunks_.find(entry.id);
  Result<Rows> rows =
      chunk != nullptr ? chunk->reader().rows(&wanted, until) : fetch(reads, entry, group, wanted, until);
  if (!rows) return fail(std::move(rows).error());
  auto decoded = std::make_shared<const DecodedChunk>(std::move(*rows));
  // Not what is read for the first time, which may be for the last time, too.
  if (chunk != nullptr) decoded_.add(std::move(key), decoded);
  return std::shared_ptr<const DecodedChunk>(std::move(decoded));
}

Result<Rows> ChunkSource::fetch(ReadsOnDemand& from, const ChunkEntry& entry, GroupId group,
                                const std::vector<ColumnId>& wanted, UnixNanos until) const {
  RESMON_ASSIGN(ChunkReads* const reads, from.get());
  Result<std::shared_ptr<const LoadedChunk>> chunk = std::shared_ptr<const LoadedChunk>();
  const Result<bool> found = reads->show(entry.id, [&](std::string_view bytes) { chunk = LoadedChunk::open(bytes); });
  if (!found) {
    if (found.error().kind == ErrorKind::kDamaged) wall_off(entry.id, group, found.error().message);
    return fail(Error(found.error()));
  }
  if (!*found) {
    // Numbers are not given out twice: what the index still has and the table has not was never removed.
    std::vector<ChunkEntry> listed;
    for (std::int64_t tier = kTierRaw; tier < static_cast<std::int64_t>(kTiers); ++tier)
      RESMON_TRY(reads->find_newest(tier, group, {entry.last_time, plus(entry.first_time, 1)}, entry.last_time,
                                    std::size_t{1} << 20U, listed));
    if (std::none_of(listed.begin(), listed.end(), [&](const ChunkEntry& one) { return one.id == entry.id; }))
      return fail(ErrorKind::kNotFound, "chunk");
    wall_off(entry.id, group, "it is in the index and not in the table");
    return fail(ErrorKind::kDamaged, "chunk: it is in the index and not in the table");
  }
  Result<Rows> rows = chunk ? (*chunk)->reader().rows(&wanted, until) : Result<Rows>(fail(Error(chunk.error())));
  // What the writer reads may be of its open transaction: should that fail, another chunk gets the number.
  if (rows && !reads->of_writer())
    chunks_.add(entry.id, std::move(*chunk));
  else if (!rows)
    wall_off(entry.id, group, rows.error().message);
  return rows;
}

Result<Rows> ChunkSource::load_whole(ChunkReads& reads, std::int64_t id, GroupId group) const {
  Result<Rows> rows = fail(ErrorKind::kInternal, "store: a chunk went away under its only writer");
  const Result<bool> found = reads.show(id, [&](std::string_view bytes) {
    const Result<ChunkReader> chunk = ChunkReader::open(bytes);
    rows = chunk ? chunk->rows() : Result<Rows>(fail(Error(chunk.error())));
  });
  if (!found) rows = fail(Error(found.error()));
  if (!rows && rows.error().kind == ErrorKind::kDamaged) wall_off(id, group, rows.error().message);
  return rows;
}

void ChunkSource::wall_off(std::int64_t chunk, GroupId group, const std::string& why) const {
  {
    const MutexLock lock(damage_mutex_);
    if (damaged_.size() >= kMaxDamagedKnown || !damaged_.insert(chunk).second) return;
  }
  ++damaged_count_;
  log::warn("store", "damaged chunk walled off",
            {{"chunk", chunk}, {"series", catalog_.describe(group)}, {"reason", why}});
}

}  // namespace resmon::store
