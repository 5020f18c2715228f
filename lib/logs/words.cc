// A binary fuse filter (Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022): each word has
// three slots of one byte in three neighbouring segments, and the three bytes give its fingerprint when combined by
// exclusive or. It takes about 10 bits a word where a Bloom filter of the same quality takes 12, and the words of a
// block are all known when it is sealed. Building fails for some seeds; then the next one is tried.

#include "logs/words.h"

#include <algorithm>
#include <cmath>

#include "logs/bytes.h"

namespace resmon::logs {

namespace {

constexpr int kMostSeeds = 100;
constexpr std::uint32_t kMostSegmentSlots = 1U << 18U;

struct Places {
  std::array<std::uint32_t, 3> slot;
  std::uint8_t fingerprint;
};

Places places_of(std::uint64_t hash, std::uint64_t seed, std::uint32_t segment_slots, std::uint32_t segments) {
  const std::uint64_t h = mix(hash ^ seed, 0x9e3779b97f4a7c15U);
  __extension__ using Wide = unsigned __int128;
  const std::uint32_t span = (segments - 2) * segment_slots;
  const auto first = static_cast<std::uint32_t>((static_cast<Wide>(h) * span) >> 64U);
  const std::uint32_t mask = segment_slots - 1;
  const std::uint32_t second = (first + segment_slots) ^ (static_cast<std::uint32_t>(h >> 18U) & mask);
  const std::uint32_t third = (first + 2 * segment_slots) ^ (static_cast<std::uint32_t>(h) & mask);
  return {{first, second, third}, static_cast<std::uint8_t>(h ^ (h >> 32U))};
}

// Peels the words off one by one, each from a slot that only it is left in, and then fills slots in the reverse order.
bool fill(const std::vector<std::uint64_t>& hashes, std::uint64_t seed, std::uint32_t segment_slots,
          std::uint32_t segments, std::string& slots) {
  struct Slot {
    std::uint64_t hashes = 0;  // exclusive or of those that are left in it
    std::uint32_t count = 0;
  };
  std::vector<Slot> table(static_cast<std::size_t>(segments) * segment_slots);
  for (const std::uint64_t hash : hashes)
    for (const std::uint32_t at : places_of(hash, seed, segment_slots, segments).slot) {
      table[at].hashes ^= hash;
      ++table[at].count;
    }
  std::vector<std::uint32_t> alone;
  for (std::uint32_t at = 0; at < table.size(); ++at)
    if (table[at].count == 1) alone.push_back(at);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> order;  // hash, and the slot that is its own
  order.reserve(hashes.size());
  while (!alone.empty()) {
    const std::uint32_t at = alone.back();
    alone.pop_back();
    if (table[at].count != 1) continue;
    const std::uint64_t hash = table[at].hashes;
    order.emplace_back(hash, at);
    for (const std::uint32_t other : places_of(hash, seed, segment_slots, segments).slot) {
      table[other].hashes ^= hash;
      if (--table[other].count == 1) alone.push_back(other);
    }
  }
  if (order.size() != hashes.size()) return false;
  slots.assign(table.size(), '\0');
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto [hash, own] = order[i];
    const Places places = places_of(hash, seed, segment_slots, segments);
    std::uint8_t value = places.fingerprint;
    for (const std::uint32_t at : places.slot)
      if (at != own) value ^= static_cast<std::uint8_t>(slots[at]);
    slots[own] = static_cast<char>(value);
  }
  return true;
}

}  // namespace

std::uint64_t word_hash(std::string_view word) {
  char buffer[64];
  if (word.size() > sizeof buffer) return hash64(to_lower(word));
  for (std::size_t i = 0; i < word.size(); ++i) buffer[i] = lower(word[i]);
  return hash64(std::string_view(buffer, word.size()));
}

std::string WordFilter::build(std::vector<std::uint64_t>& hashes) {
  std::sort(hashes.begin(), hashes.end());
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  const auto count = static_cast<double>(std::max<std::size_t>(hashes.size(), 2));
  const double exponent = std::floor(std::log(count) / std::log(3.33) + 2.25);
  const std::uint32_t segment_slots = std::min(1U << static_cast<unsigned>(exponent), kMostSegmentSlots);
  const double spare = std::max(1.125, 0.875 + 0.25 * std::log(1'000'000.0) / std::log(count));
  for (int attempt = 0; attempt < kMostSeeds; ++attempt) {
    // A little more room for each dozen seeds that did not do.
    const double room = count * (spare + 0.05 * (attempt / 12));
    const std::uint32_t segments =
        std::max(3U, static_cast<std::uint32_t>(std::ceil(room / static_cast<double>(segment_slots))));
    const std::uint64_t seed = mix(static_cast<std::uint64_t>(attempt) + 1, 0xd6e8feb86659fd93U);
    std::string slots;
    if (!fill(hashes, seed, segment_slots, segments, slots)) continue;
    std::string out;
    put_varint(out, static_cast<std::uint64_t>(attempt) + 1);
    put_varint(out, segment_slots);
    put_varint(out, segments);
    return out + slots;
  }
  return {};  // no filter: every search looks into the block
}

WordFilter::WordFilter(std::string_view bytes) {
  Reader reader(bytes);
  const std::uint64_t attempt = reader.varint();
  const auto segment_slots = static_cast<std::uint32_t>(reader.varint(kMostSegmentSlots));
  const auto segments = static_cast<std::uint32_t>(reader.varint(1U << 24U));
  const bool power_of_two = segment_slots > 0 && (segment_slots & (segment_slots - 1)) == 0;
  if (!reader.ok() || !power_of_two || segments < 3) return;
  if (reader.remaining() != static_cast<std::uint64_t>(segments) * segment_slots) return;
  slots_ = reader.bytes(reader.remaining());
  seed_ = mix(attempt, 0xd6e8feb86659fd93U);
  segment_slots_ = segment_slots;
  segments_ = segments;
}

bool WordFilter::may_have(std::uint64_t hash) const {
  if (slots_.empty()) return true;
  const Places places = places_of(hash, seed_, segment_slots_, segments_);
  std::uint8_t value = places.fingerprint;
  for (const std::uint32_t at : places.slot) value ^= static_cast<std::uint8_t>(slots_[at]);
  return value == 0;
}

}  // namespace resmon::logs
