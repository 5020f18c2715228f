#pragma once

// The shape of rows: one measurement, one tag set, an ordered list of typed fields. A row (batch.h) is a time and one
// cell for each field of its schema, some of which may be absent. Everything that moves samples names shapes by a small
// dense SchemaId, so that no string is touched per sample.

#include <array>
#include <atomic>
#include <bit>
#include <compare>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "metric/shared_list.h"
#include "metric/value.h"

namespace resmon::metric {

struct Tag {
  std::string key;
  std::string value;
  auto operator<=>(const Tag&) const = default;
};

struct Field {
  std::string name;
  FieldType type = FieldType::kFloat;
  bool operator==(const Field&) const = default;
};

struct Schema {
  std::string measurement;
  SharedList<Tag> tags;      // sorted by key, keys unique, no empty key or value
  SharedList<Field> fields;  // names unique; the order is the order of a row's cells
  bool operator==(const Schema&) const = default;
};

// Sorts the tags and drops those with an empty key or value, as InfluxDB does. A later duplicate of a key wins.
void normalise_tags(std::vector<Tag>& tags);
inline void normalise_tags(SharedList<Tag>& tags) {
  std::vector<Tag> items = tags;
  normalise_tags(items);
  tags = std::move(items);
}

// "measurement,key=value,…" with line protocol's escapes: one text for one group (measurement + tag set).
std::string group_key(std::string_view measurement, const std::vector<Tag>& tags);

using SchemaId = std::uint32_t;

class SchemaTable;

// Keeps every schema in place that is looked up in the table while the pin lives (SchemaTable). Cheap to make and to
// copy; each batch of rows has one. Any thread.
class SchemaPin {
 public:
  SchemaPin() = default;
  SchemaPin(const SchemaPin& other);
  SchemaPin(SchemaPin&& other) noexcept : table_(std::exchange(other.table_, nullptr)), epoch_(other.epoch_) {}
  SchemaPin& operator=(SchemaPin other) noexcept {
    std::swap(table_, other.table_);
    std::swap(epoch_, other.epoch_);
    return *this;
  }
  ~SchemaPin();

  explicit operator bool() const { return table_ != nullptr; }
  const SchemaTable* table() const { return table_; }  // null: pins nothing
  std::uint32_t epoch() const { return epoch_; }

 private:
  friend class SchemaTable;
  SchemaPin(const SchemaTable& table, std::uint32_t epoch) : table_(&table), epoch_(epoch) {}  // already counted
  const SchemaTable* table_ = nullptr;
  std::uint32_t epoch_ = 0;
};

// Interns schemas: equal schemas get one id, ids are dense from 0, and at most `limit` schemas are kept; intern fails
// with kLimit when the table is full. Equal lists of fields are kept once. Thread-safe.
//
// Schemas come and go (containers, network interfaces), so the table forgets those that no row has used for a while:
// `sweep` advances the epoch, retires what was last used some epochs ago, and gives its id to a later schema. Each id
// has a generation, which changes when the id's schema is retired. The rules for users of a table that is swept:
//
//   - Take a pin before looking anything up, and keep it for as long as the ids are used.
//   - An id that was kept without a pin (a cache) is kept with its generation, and `touch` decides under the new pin
//     whether it is still valid. If not, intern the schema again.
//   - What is derived from a schema and kept by id (a plan, a line prefix) is kept with the generation, too, and is
//     made anew when `generation(id)` is another.
//
// A table that nobody sweeps needs none of this: its ids are valid for ever.
//
// Every row of every batch is looked up here by several threads: look-ups, touch and pin take no lock. Schemas lie in
// blocks that double in size and never move.
class SchemaTable {
 public:
  explicit SchemaTable(std::size_t limit = 4'000'000) : limit_(limit) {}
  ~SchemaTable();
  SchemaTable(const SchemaTable&) = delete;
  SchemaTable& operator=(const SchemaTable&) = delete;

  // kBeyondLimit is for rows that were acknowledged already: they are not refused because the table is full.
  enum class Room { kWithinLimit, kBeyondLimit };
  Result<SchemaId> intern(Schema schema, Room room = Room::kWithinLimit);
  const Schema& operator[](SchemaId id) const {  // REQUIRES: id came from intern, and is pinned if the table is swept
    const Place place = place_of(id);
    return blocks_[place.block].load(std::memory_order_acquire)[place.index];
  }

  SchemaPin pin() const;
  // The current epoch; from 1.
  std::uint32_t epoch() const { return epoch_.load(std::memory_order_relaxed); }
  // Never 0, so that 0 can stand for "nothing cached yet". REQUIRES: id < id_bound()
  std::uint32_t generation(SchemaId id) const {
    return static_cast<std::uint32_t>(word_of(id).load(std::memory_order_relaxed) >> 32U);
  }
  // True if the id still names the schema it named in that generation; it then counts as used now. REQUIRES: a pin is
  // held, and id < id_bound()
  bool touch(SchemaId id, std::uint32_t generation) const;

  // Begins the next epoch and retires what was not used in the last `idle_epochs` (at least 1) and is not pinned.
  // Returns how many schemas were retired. Does nothing while a pin is 64 epochs old. Any thread; takes the lock for a
  // few microseconds at a time.
  std::size_t sweep(std::uint32_t idle_epochs);

  std::size_t size() const { return live_.load(std::memory_order_relaxed); }  // schemas that are kept now
  std::size_t limit() const { return limit_; }
  std::size_t field_lists() const {  // different ones that are kept
    const SharedLock lock(mutex_);
    return field_lists_.size();
  }
  // Every id is below this.
  std::size_t id_bound() const { return size_.load(std::memory_order_acquire); }
  std::uint64_t retired() const { return retired_.load(std::memory_order_relaxed); }  // since it was made
  std::uint64_t refused() const {
    return refused_.load(std::memory_order_relaxed);
  }  // intern failed: the table was full

 private:
  friend class SchemaPin;
  static constexpr unsigned kFirstBlockBits = 6;
  static constexpr std::uint32_t kPinnedEpochs = 64;
  // A slot's generation and, in the lower half, the epoch of its last use; 0: the slot is free.
  using Word = std::atomic<std::uint64_t>;
  struct Place {
    unsigned block;
    std::size_t index;
  };
  static constexpr std::size_t block_size(unsigned block) { return std::size_t{1} << (block + kFirstBlockBits); }
  static constexpr Place place_of(SchemaId id) {
    const std::size_t moved = std::size_t{id} + block_size(0);
    const auto block = static_cast<unsigned>(std::bit_width(moved)) - 1 - kFirstBlockBits;
    return {block, moved - block_size(block)};
  }
  Word& word_of(SchemaId id) const {
    const Place place = place_of(id);
    return words_[place.block].load(std::memory_order_acquire)[place.index];
  }
  struct HashOfField {
    std::size_t operator()(const Field& field) const;
  };

  const SchemaId* find(const Schema& schema, std::size_t hash) const REQUIRES_SHARED(mutex_);
  SharedList<Tag> share_tags(SharedList<Tag> tags) REQUIRES(mutex_);
  SchemaId free_id() REQUIRES(mutex_);                      // REQUIRES: live_ < limit_
  std::uint32_t oldest_pinned(std::uint32_t newest) const;  // an epoch; `newest` where nothing older is pinned
  std::size_t retire(const std::vector<SchemaId>& ids, std::uint32_t used_before);

  const std::size_t limit_;
  std::array<std::atomic<Schema*>, 32 - kFirstBlockBits + 1> blocks_{};
  std::array<std::atomic<Word*>, 32 - kFirstBlockBits + 1> words_{};
  std::atomic<std::size_t> size_{0};  // slots, free ones included
  std::atomic<std::size_t> live_{0};
  std::atomic<std::uint64_t> retired_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::atomic<std::uint32_t> epoch_{1};
  mutable std::array<std::atomic<std::uint32_t>, kPinnedEpochs> pins_{};  // by epoch % kPinnedEpochs
  Mutex sweep_mutex_;
  mutable SharedMutex mutex_;
  std::unordered_multimap<std::size_t, SchemaId> ids_ GUARDED_BY(mutex_);  // by hash of the schema
  ListPool<Field, HashOfField> field_lists_ GUARDED_BY(mutex_);
  // Tag sets of the newest schemas: a machine's measurements mostly come together, and many have the same tags.
  std::array<SharedList<Tag>, 16> newest_tags_ GUARDED_BY(mutex_);
  std::size_t newest_ GUARDED_BY(mutex_) = 0;     // in newest_tags_
  std::deque<SchemaId> free_ GUARDED_BY(mutex_);  // the longest free first
};

}  // namespace resmon::metric
