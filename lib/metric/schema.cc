#include "metric/schema.h"

#include <algorithm>
#include <functional>
#include <memory>

namespace resmon::metric {

namespace {

std::size_t combine(std::size_t seed, std::size_t value) {
  return seed ^ (value + 0x9e3779b97f4a7c15ULL + (seed << 6U) + (seed >> 2U));
}

std::size_t hash_of(const Schema& schema) {
  const std::hash<std::string> hash;
  std::size_t seed = hash(schema.measurement);
  for (const Tag& tag : schema.tags) seed = combine(combine(seed, hash(tag.key)), hash(tag.value));
  for (const Field& field : schema.fields)
    seed = combine(combine(seed, hash(field.name)), static_cast<std::size_t>(field.type));
  return seed;
}

void append_escaped(std::string& out, std::string_view text, bool escape_equals) {
  for (const char c : text) {
    if (c == ',' || c == ' ' || (escape_equals && c == '=')) out += '\\';
    out += c;
  }
}

}  // namespace

void normalise_tags(std::vector<Tag>& tags) {
  std::erase_if(tags, [](const Tag& tag) { return tag.key.empty() || tag.value.empty(); });
  std::stable_sort(tags.begin(), tags.end(), [](const Tag& a, const Tag& b) { return a.key < b.key; });
  std::vector<Tag> unique;
  unique.reserve(tags.size());
  for (Tag& tag : tags) {
    if (!unique.empty() && unique.back().key == tag.key)
      unique.back() = std::move(tag);
    else
      unique.push_back(std::move(tag));
  }
  tags = std::move(unique);
}

std::string group_key(std::string_view measurement, const std::vector<Tag>& tags) {
  std::string key;
  append_escaped(key, measurement, false);
  for (const Tag& tag : tags) {
    key += ',';
    append_escaped(key, tag.key, true);
    key += '=';
    append_escaped(key, tag.value, true);
  }
  return key;
}

std::size_t SchemaTable::HashOfField::operator()(const Field& field) const {
  return combine(std::hash<std::string>()(field.name), static_cast<std::size_t>(field.type));
}

SchemaPin::SchemaPin(const SchemaPin& other) : table_(other.table_), epoch_(other.epoch_) {
  // The other pin holds the epoch meanwhile.
  if (table_ != nullptr) table_->pins_[epoch_ % SchemaTable::kPinnedEpochs].fetch_add(1);
}

SchemaPin::~SchemaPin() {
  if (table_ != nullptr) table_->pins_[epoch_ % SchemaTable::kPinnedEpochs].fetch_sub(1);
}

SchemaTable::~SchemaTable() {
  const std::size_t count = id_bound();
  for (std::size_t id = 0; id < count; ++id) {
    const Place place = place_of(static_cast<SchemaId>(id));
    std::destroy_at(blocks_[place.block].load() + place.index);
  }
  for (unsigned block = 0; block < blocks_.size(); ++block) {
    Schema* const schemas = blocks_[block].load();
    if (schemas == nullptr) continue;
    std::allocator<Schema>().deallocate(schemas, block_size(block));
    std::allocator<Word>().deallocate(words_[block].load(), block_size(block));
  }
}

const SchemaId* SchemaTable::find(const Schema& schema, std::size_t hash) const {
  const auto [first, last] = ids_.equal_range(hash);
  for (auto it = first; it != last; ++it)
    if ((*this)[it->second] == schema) return &it->second;
  return nullptr;
}

Result<SchemaId> SchemaTable::intern(Schema schema, Room room) {
  const std::size_t hash = hash_of(schema);
  // Nothing is retired while the lock is held, not even shared.
  const auto used = [&](SchemaId id) {
    (void)touch(id, generation(id));
    return id;
  };
  {
    const SharedLock lock(mutex_);
    if (const SchemaId* id = find(schema, hash)) return used(*id);
  }
  const Locked<SharedMutex> lock(mutex_);
  if (const SchemaId* id = find(schema, hash)) return used(*id);
  if (room == Room::kWithinLimit && live_.load(std::memory_order_relaxed) >= limit_) {
    refused_.fetch_add(1, std::memory_order_relaxed);
    return fail(ErrorKind::kLimit, "schema table is full (" + std::to_string(limit_) + " shapes)");
  }
  const SchemaId id = free_id();
  schema.fields = field_lists_.share(std::move(schema.fields));
  schema.tags = share_tags(std::move(schema.tags));
  const Place place = place_of(id);
  blocks_[place.block].load(std::memory_order_relaxed)[place.index] = std::move(schema);
  ids_.emplace(hash, id);
  live_.fetch_add(1, std::memory_order_relaxed);
  Word& word = word_of(id);
  word.store((word.load(std::memory_order_relaxed) & ~std::uint64_t{UINT32_MAX}) | epoch_.load(),
             std::memory_order_release);
  return id;
}

SharedList<Tag> SchemaTable::share_tags(SharedList<Tag> tags) {
  for (const SharedList<Tag>& known : newest_tags_)
    if (known == tags) return known;
  tags.shrink_to_fit();
  newest_ = (newest_ + 1) % newest_tags_.size();
  newest_tags_[newest_] = tags;
  return tags;
}

SchemaId SchemaTable::free_id() {
  if (!free_.empty()) {
    const SchemaId id = free_.front();
    free_.pop_front();
    return id;
  }
  const auto id = static_cast<SchemaId>(size_.load(std::memory_order_relaxed));
  const Place place = place_of(id);
  if (blocks_[place.block].load(std::memory_order_relaxed) == nullptr) {
    // Not constructed as a whole: memory of the last block's empty half is not touched.
    words_[place.block].store(std::allocator<Word>().allocate(block_size(place.block)), std::memory_order_release);
    blocks_[place.block].store(std::allocator<Schema>().allocate(block_size(place.block)), std::memory_order_release);
  }
  std::construct_at(blocks_[place.block].load(std::memory_order_relaxed) + place.index);
  std::construct_at(words_[place.block].load(std::memory_order_relaxed) + place.index, std::uint64_t{1} << 32U);
  size_.store(id + std::size_t{1}, std::memory_order_release);
  return id;
}

// Why nothing that is pinned is retired. A pin's epoch is the current one at a moment at which it is counted already.
// What is looked up under it is marked as used in that epoch or a later one: by intern under the lock, or by touch. A
// sweep retires what was last used before the oldest epoch with pins, by one atomic exchange of the word. If the pin
// was counted when the sweep looked, its epoch protects; if not, its epoch is the sweep's own, and whatever touch
// marks with that the exchange does not take. Either touch is first, and the exchange fails, or the exchange is, and
// touch sees another generation.
SchemaPin SchemaTable::pin() const {
  while (true) {
    const std::uint32_t epoch = epoch_.load();
    std::atomic<std::uint32_t>& count = pins_[epoch % kPinnedEpochs];
    count.fetch_add(1);
    if (epoch_.load() == epoch) return {*this, epoch};
    count.fetch_sub(1);
  }
}

bool SchemaTable::touch(SchemaId id, std::uint32_t generation) const {
  Word& word = word_of(id);
  const std::uint32_t now = epoch_.load(std::memory_order_relaxed);
  std::uint64_t seen = word.load(std::memory_order_acquire);
  while (true) {
    const auto used = static_cast<std::uint32_t>(seen);
    if (seen >> 32U != generation || used == 0) return false;
    if (used >= now) return true;
    // In most epochs the first row of each schema comes here, the others do not.
    if (word.compare_exchange_weak(seen, std::uint64_t{generation} << 32U | now, std::memory_order_acq_rel,
                                   std::memory_order_acquire))
      return true;
  }
}

std::uint32_t SchemaTable::oldest_pinned(std::uint32_t newest) const {
  const std::uint32_t first = newest >= kPinnedEpochs ? newest - kPinnedEpochs + 1 : 1;
  for (std::uint32_t epoch = first; epoch < newest; ++epoch)
    if (pins_[epoch % kPinnedEpochs].load() != 0) return epoch;
  return newest;
}

std::size_t SchemaTable::sweep(std::uint32_t idle_epochs) {
  constexpr std::size_t kAtOnce = 256;
  const MutexLock sweeping(sweep_mutex_);
  const std::uint32_t now = epoch_.load() + 1;
  if (pins_[now % kPinnedEpochs].load() != 0) return 0;
  epoch_.store(now);
  const std::uint32_t idle = std::max<std::uint32_t>(idle_epochs, 1);
  const std::uint32_t used_before = std::min(oldest_pinned(now), now > idle ? now - idle : 0);
  std::size_t count = 0;
  std::vector<SchemaId> found;
  const std::size_t ids = id_bound();
  for (std::size_t id = 0; id < ids; ++id) {
    const auto used = static_cast<std::uint32_t>(word_of(static_cast<SchemaId>(id)).load(std::memory_order_relaxed));
    if (used != 0 && used < used_before) found.push_back(static_cast<SchemaId>(id));
    if (found.size() < kAtOnce && id + 1 < ids) continue;
    count += retire(found, used_before);
    found.clear();
  }
  if (count > 0) {
    const Locked<SharedMutex> lock(mutex_);
    field_lists_.drop_unused();
  }
  return count;
}

std::size_t SchemaTable::retire(const std::vector<SchemaId>& ids, std::uint32_t used_before) {
  if (ids.empty()) return 0;
  std::vector<Schema> gone;  // freed after the lock
  {
    const Locked<SharedMutex> lock(mutex_);
    for (const SchemaId id : ids) {
      Word& word = word_of(id);
      std::uint64_t seen = word.load(std::memory_order_relaxed);
      const std::uint64_t freed = ((seen >> 32U) + 1) << 32U;
      if (static_cast<std::uint32_t>(seen) >= used_before || !word.compare_exchange_strong(seen, freed)) continue;
      const Place place = place_of(id);
      gone.push_back(std::exchange(blocks_[place.block].load(std::memory_order_relaxed)[place.index], Schema()));
      const auto [first, last] = ids_.equal_range(hash_of(gone.back()));
      ids_.erase(std::find_if(first, last, [&](const auto& one) { return one.second == id; }));
      free_.push_back(id);
    }
    live_.fetch_sub(gone.size(), std::memory_order_relaxed);
  }
  retired_.fetch_add(gone.size(), std::memory_order_relaxed);
  return gone.size();
}

}  // namespace resmon::metric
