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

SchemaTable::~SchemaTable() {
  const std::size_t count = size();
  for (std::size_t id = 0; id < count; ++id) {
    const Place place = place_of(static_cast<SchemaId>(id));
    std::destroy_at(blocks_[place.block].load() + place.index);
  }
  for (unsigned block = 0; block < blocks_.size(); ++block)
    if (Schema* const schemas = blocks_[block].load()) std::allocator<Schema>().deallocate(schemas, block_size(block));
}

Result<SchemaId> SchemaTable::intern(Schema schema) {
  const std::size_t hash = hash_of(schema);
  const auto find = [&]() -> const SchemaId* {
    const auto [first, last] = ids_.equal_range(hash);
    for (auto it = first; it != last; ++it)
      if ((*this)[it->second] == schema) return &it->second;
    return nullptr;
  };
  {
    std::shared_lock lock(mutex_);
    if (const SchemaId* id = find()) return *id;
  }
  std::unique_lock lock(mutex_);
  if (const SchemaId* id = find()) return *id;
  const std::size_t size = size_.load(std::memory_order_relaxed);
  if (size >= limit_) return fail(ErrorKind::kLimit, "schema table is full (" + std::to_string(limit_) + " shapes)");
  const auto id = static_cast<SchemaId>(size);
  const Place place = place_of(id);
  Schema* block = blocks_[place.block].load(std::memory_order_relaxed);
  if (block == nullptr) {
    block = std::allocator<Schema>().allocate(block_size(place.block));
    blocks_[place.block].store(block, std::memory_order_release);
  }
  schema.fields = field_lists_.share(std::move(schema.fields));
  schema.tags.shrink_to_fit();
  std::construct_at(block + place.index, std::move(schema));
  ids_.emplace(hash, id);
  size_.store(size + 1, std::memory_order_release);
  return id;
}

}  // namespace resmon::metric
