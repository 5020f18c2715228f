#include "procfs/meminfo.h"

#include <array>
#include <iterator>
#include <utility>

#include "procfs/scan.h"

// Some 55 lines, 31 of them wanted. A key is looked up in a small hash table that the compiler builds: by length, first
// and last character, open addressing. Rejected: remembering at which line each key was the last time, which is only a
// little faster and has to be checked anyway.

namespace resmon::procfs {

namespace {

struct Key {
  std::string_view name;
  Number MemInfo::*member = nullptr;
  std::size_t index = 0;  // in kKeys; of the table's entries
};

constexpr Key kKeys[] = {
    {"MemTotal", &MemInfo::total},
    {"MemFree", &MemInfo::free},
    {"MemAvailable", &MemInfo::available},
    {"Buffers", &MemInfo::buffers},
    {"Cached", &MemInfo::cached},
    {"SwapCached", &MemInfo::swap_cached},
    {"Active", &MemInfo::active},
    {"Inactive", &MemInfo::inactive},
    {"HighTotal", &MemInfo::high_total},
    {"HighFree", &MemInfo::high_free},
    {"LowTotal", &MemInfo::low_total},
    {"LowFree", &MemInfo::low_free},
    {"SwapTotal", &MemInfo::swap_total},
    {"SwapFree", &MemInfo::swap_free},
    {"Dirty", &MemInfo::dirty},
    {"Writeback", &MemInfo::write_back},
    {"Mapped", &MemInfo::mapped},
    {"Shmem", &MemInfo::shared},
    {"Slab", &MemInfo::slab},
    {"SReclaimable", &MemInfo::slab_reclaimable},
    {"SUnreclaim", &MemInfo::slab_unreclaimable},
    {"PageTables", &MemInfo::page_tables},
    {"WritebackTmp", &MemInfo::write_back_tmp},
    {"CommitLimit", &MemInfo::commit_limit},
    {"Committed_AS", &MemInfo::committed_as},
    {"VmallocTotal", &MemInfo::vmalloc_total},
    {"VmallocUsed", &MemInfo::vmalloc_used},
    {"VmallocChunk", &MemInfo::vmalloc_chunk},
    {"HugePages_Total", &MemInfo::huge_pages_total},
    {"HugePages_Free", &MemInfo::huge_pages_free},
    {"Hugepagesize", &MemInfo::huge_page_size},
};

constexpr std::size_t kSlots = 128;

constexpr std::size_t slot_of(std::string_view key) {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(key[i])); };
  return (key.size() * 7 + byte(0) * 3 + byte(key.size() - 1) * 31) % kSlots;
}

constexpr std::array<Key, kSlots> build() {
  std::array<Key, kSlots> table{};
  for (std::size_t i = 0; i < std::size(kKeys); ++i) {
    std::size_t slot = slot_of(kKeys[i].name);
    while (!table[slot].name.empty()) slot = (slot + 1) % kSlots;
    table[slot] = {kKeys[i].name, kKeys[i].member, i};
  }
  return table;
}

constexpr std::array<Key, kSlots> kTable = build();

const Key* find(std::string_view name) {
  if (name.empty()) return nullptr;
  for (std::size_t slot = slot_of(name); !kTable[slot].name.empty(); slot = (slot + 1) % kSlots)
    if (kTable[slot].name == name) return &kTable[slot];
  return nullptr;
}

// Lines that a kernel has all of or none of, by what it was built with.
constexpr Number MemInfo::*const kHighMemory[] = {&MemInfo::high_total, &MemInfo::high_free, &MemInfo::low_total,
                                                  &MemInfo::low_free};
constexpr Number MemInfo::*const kHugePages[] = {&MemInfo::huge_pages_total, &MemInfo::huge_pages_free,
                                                 &MemInfo::huge_page_size};
constexpr Number MemInfo::*const kSlabs[] = {&MemInfo::slab_reclaimable, &MemInfo::slab_unreclaimable};

static_assert(std::size(kKeys) <= 32, "one bit each");

// The bits of some keys, by their place in kKeys.
template <std::size_t kSize>
constexpr std::uint32_t bits_of(Number MemInfo::*const (&members)[kSize]) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < std::size(kKeys); ++i)
    for (const auto member : members)
      if (kKeys[i].member == member) bits |= 1U << i;
  return bits;
}

// `seen`: the keys that had a line, good or bad.
template <std::size_t kSize>
void zero_if_lacking(MemInfo& info, Number MemInfo::*const (&members)[kSize], std::uint32_t bits, std::uint32_t seen) {
  if ((seen & bits) != 0) return;
  for (const auto member : members) info.*member = 0;
}

// The line's number, in bytes but for those of huge pages. Sums of the kernel's that were negative for a moment are
// printed as close to 2^64: they are no sizes, and neither is anything else that does not fit a signed integer.
const char* value_of(const Key& key, std::string_view text, std::uint64_t& value) {
  Fields fields(text);
  if (!fields.number(value)) return "not a number";
  const bool in_pages = key.member == &MemInfo::huge_pages_total || key.member == &MemInfo::huge_pages_free;
  std::string_view unit;
  if (fields.word(unit) == in_pages || (!in_pages && unit != "kB")) return "an unknown unit";
  if (value > static_cast<std::uint64_t>(INT64_MAX) / 1024) return "too large";
  if (!in_pages) value *= 1024;
  return nullptr;
}

// Finds the line "KEY VALUE". False when there is none.
bool find_counter(std::string_view text, std::string_view key_with_newline, std::string_view& line) {
  std::size_t begin = 0;
  if (!text.starts_with(key_with_newline.substr(1))) {
    // Of an empty text, data() may be null.
    const void* found =
        text.empty() ? nullptr : ::memmem(text.data(), text.size(), key_with_newline.data(), key_with_newline.size());
    if (found == nullptr) return false;
    begin = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + 1;
  }
  return Lines(text.substr(begin)).next(line);
}

}  // namespace

Status parse_meminfo(std::string_view text, MemInfo& out, Skipped& skipped) {
  out = {};
  bool any = false;
  std::uint32_t seen = 0;
  bool after_free = false;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    const bool was_after_free = std::exchange(after_free, false);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
      skipped.add(lines.number(), line.empty() ? "empty" : "no name", line);
      continue;
    }
    const Key* key = find(line.substr(0, colon));
    if (key == nullptr) {
      if (!is_ascii(line.substr(0, colon))) skipped.add(lines.number(), "no name", line);
      continue;
    }
    seen |= 1U << key->index;
    after_free = key->member == &MemInfo::free;
    // The line MemAvailable, which would be between the two, is missing.
    if (was_after_free && key->member == &MemInfo::buffers) out.lacks_available = true;
    Number& value = out.*(key->member);
    std::uint64_t read = 0;
    if (const char* wrong = value ? "given twice" : value_of(*key, line.substr(colon + 1), read)) {
      skipped.add(lines.number(), wrong, line);
      continue;
    }
    value = read;
    any = true;
  }
  if (!any) return nothing_of_use(skipped, "no line that is known");
  constexpr std::uint32_t kHighMemoryBits = bits_of(kHighMemory);
  constexpr std::uint32_t kHugePagesBits = bits_of(kHugePages);
  constexpr std::uint32_t kSlabsBits = bits_of(kSlabs);
  zero_if_lacking(out, kHighMemory, kHighMemoryBits, seen);
  zero_if_lacking(out, kHugePages, kHugePagesBits, seen);
  zero_if_lacking(out, kSlabs, kSlabsBits, seen);
  return {};
}

Status parse_vmstat(std::string_view text, SwapCounters& out, Skipped& skipped) {
  out = {};
  std::string_view in;
  std::string_view to;
  const bool has_in = find_counter(text, "\npswpin ", in);
  const bool has_out = find_counter(text, "\npswpout ", to);
  if (!has_in && !has_out) {
    if (text.find(' ') == std::string_view::npos) return nothing_of_use(skipped, "no counters in it");
    out.pages_in = out.pages_out = 0;
    return {};
  }
  const auto take = [&](bool has, std::string_view line, std::string_view key, std::string_view missing,
                        Number& value) {
    Fields fields(line);
    if (!has)
      skipped.add(0, missing, "");
    else if (!fields.literal(key) || !fields.take(value) || !fields.at_end())
      skipped.add(0, "not a number", line), value.reset();
  };
  take(has_in, in, "pswpin ", "no line \"pswpin\"", out.pages_in);
  take(has_out, to, "pswpout ", "no line \"pswpout\"", out.pages_out);
  if (!out.pages_in && !out.pages_out) return nothing_of_use(skipped, "");
  return {};
}

}  // namespace resmon::procfs
