#include "procfs/meminfo.h"

#include <array>

#include "procfs/scan.h"

// Some 55 lines, 31 of them wanted. A key is looked up in a small hash table that the compiler builds: by length, first
// and last character, open addressing. Rejected: remembering at which line each key was the last time, which is only a
// little faster and has to be checked anyway.

namespace resmon::procfs {

namespace {

struct Key {
  std::string_view name;
  std::uint64_t MemInfo::*member = nullptr;
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
  for (const Key& key : kKeys) {
    std::size_t slot = slot_of(key.name);
    while (!table[slot].name.empty()) slot = (slot + 1) % kSlots;
    table[slot] = key;
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

// The number of the line "\nKEY VALUE\n" in `text`, or false when it is there but has none.
bool counter(std::string_view text, std::string_view key_with_newline, std::uint64_t& out) {
  out = 0;
  std::size_t begin = 0;
  const std::string_view key = key_with_newline.substr(1);
  if (text.substr(0, key.size()) == key) {
    begin = key.size();
  } else {
    const void* found = ::memmem(text.data(), text.size(), key_with_newline.data(), key_with_newline.size());
    if (found == nullptr) return true;
    begin = static_cast<std::size_t>(static_cast<const char*>(found) - text.data()) + key_with_newline.size();
  }
  const std::size_t end = text.find('\n', begin);
  if (end == std::string_view::npos) return false;
  Fields fields(text.substr(begin, end - begin));
  return fields.number(out) && fields.at_end();
}

}  // namespace

Status parse_meminfo(std::string_view text, MemInfo& out) {
  out = {};
  bool total = false;
  Lines lines(text);
  std::string_view line;
  while (lines.next(line)) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;  // Linux before 2.6 begins with a table
    const Key* key = find(line.substr(0, colon));
    if (key == nullptr) continue;
    Fields fields(line.substr(colon + 1));
    std::uint64_t value = 0;
    if (!fields.number(value)) return fail(lines.error("not a number: " + quoted(line)));
    std::string_view unit;
    if (fields.word(unit)) {
      if (unit != "kB") return fail(lines.error("an unknown unit: " + quoted(line)));
      if (value > UINT64_MAX / 1024) return fail(lines.error("too large: " + quoted(line)));
      value *= 1024;
    }
    out.*(key->member) = value;
    if (key->member == &MemInfo::total) total = true;
    if (key->member == &MemInfo::available) out.has_available = true;
  }
  if (lines.cut()) return fail(lines.error("cut off"));
  if (!total) return fail(malformed("no line \"MemTotal\""));
  return {};
}

Status parse_vmstat(std::string_view text, SwapCounters& out) {
  if (text.empty()) return fail(malformed("empty"));
  if (text.back() != '\n') return fail(malformed("the last line is cut off"));
  if (!counter(text, "\npswpin ", out.pages_in)) return fail(malformed("pswpin is not a number"));
  if (!counter(text, "\npswpout ", out.pages_out)) return fail(malformed("pswpout is not a number"));
  return {};
}

}  // namespace resmon::procfs
