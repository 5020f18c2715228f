// Where a store's bytes are: by tier, column and aggregate, largest first.
//
// `bench-sizes DIRECTORY [MEASUREMENT]` prints, for each tier, the bytes of the chunks of one measurement or of all. A
// column's bytes are its section and its entry in the chunk's directory. The store must be closed.

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/chunk.h"
#include "store/database.h"
#include "store/store_file.h"
#include "store/tier.h"

namespace {

using namespace resmon;

constexpr std::array<const char*, store::kTiers> kTierNames{"rows", "minutes", "hours"};
constexpr std::array<const char*, store::kAggregateCount> kAggregateNames{"min", "max", "sum", "count", "last"};

struct Column {
  std::size_t bytes = 0;
  std::array<std::size_t, store::kAggregateCount> by_aggregate{};
};

struct Tier {
  std::size_t chunks = 0;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::size_t columns_bytes = 0;
  std::map<std::string, Column> columns;
};

std::size_t varint_bytes(std::uint64_t value) {
  std::size_t bytes = 1;
  for (; value >= 128; value >>= 7U) ++bytes;
  return bytes;
}

// As docs/storage_format.md has it, where ids follow each other.
std::size_t entry_bytes(const store::ChunkReader::Entry& entry, std::size_t index) {
  std::size_t bytes = 2 + varint_bytes(entry.section.size());
  if (entry.presence != store::ChunkReader::kWhole && entry.presence != index) bytes += varint_bytes(entry.presence);
  for (const std::uint32_t reference : entry.references())
    if (!entry.derived) bytes += varint_bytes((index - (reference >> 1U)) << 2U);
  return bytes + ((entry.flags & 16U) != 0 ? 1U : 0U);
}

using Names = std::map<std::pair<std::int64_t, std::int64_t>, std::string>;  // by measurement and column

Status add(const Names& names, std::int64_t measurement, std::int64_t tier, std::string_view data, Tier& out) {
  RESMON_ASSIGN(const store::ChunkReader chunk, store::ChunkReader::open(data));
  ++out.chunks;
  out.rows += chunk.size();
  out.bytes += data.size();
  const std::vector<store::ChunkReader::Entry>& entries = chunk.entries();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const store::ColumnId id = tier == store::kTierRaw ? entries[i].id : entries[i].id / 8;
    const auto name = names.find({measurement, id});
    Column& its = out.columns[name == names.end() ? "?" : name->second];
    const std::size_t bytes = entries[i].section.size() + entry_bytes(entries[i], i);
    its.bytes += bytes;
    out.columns_bytes += bytes;
    if (tier != store::kTierRaw) its.by_aggregate[entries[i].id % 8 % store::kAggregateCount] += bytes;
  }
  return {};
}

Result<Names> read_names(store::Database& database) {
  RESMON_ASSIGN(store::Statement select,
                database.prepare("SELECT c.measurement_id, c.id, m.name || '.' || c.name"
                                 " FROM columns c JOIN measurements m ON m.id = c.measurement_id"));
  Names names;
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return names;
    names[{select.integer(0), select.integer(1)}] = select.blob(2);
  }
}

Result<std::array<Tier, store::kTiers>> measure(const std::string& directory, std::string_view only) {
  RESMON_ASSIGN(store::Database database, store::open_for_reading(store::database_path(directory)));
  RESMON_ASSIGN(const Names names, read_names(database));
  std::array<Tier, store::kTiers> tiers;
  RESMON_ASSIGN(store::Statement select,
                database.prepare("SELECT tier, m.id, data FROM chunks c JOIN groups g ON g.id = c.group_id"
                                 " JOIN measurements m ON m.id = g.measurement_id WHERE ?1 = '' OR m.name = ?1"));
  select.bind_text(1, only);
  while (true) {
    RESMON_ASSIGN(const bool row, select.step());
    if (!row) return tiers;
    const std::int64_t tier = select.integer(0);
    RESMON_TRY(add(names, select.integer(1), tier, select.blob(2), tiers.at(static_cast<std::size_t>(tier))));
  }
}

void show(const Tier& tier, const char* name) {
  std::printf("%s: %zu bytes in %zu chunks of %zu rows, %zu bytes of them times and headers\n", name, tier.bytes,
              tier.chunks, tier.rows, tier.bytes - tier.columns_bytes);
  std::vector<std::pair<std::string, Column>> columns(tier.columns.begin(), tier.columns.end());
  std::stable_sort(columns.begin(), columns.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  for (const auto& [column, its] : columns) {
    std::printf("  %10zu  %s", its.bytes, column.c_str());
    for (std::size_t a = 0; a < its.by_aggregate.size(); ++a)
      if (its.by_aggregate[a] != 0) std::printf("  %s %zu", kAggregateNames[a], its.by_aggregate[a]);
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3 || std::string_view(argv[1]) == "--help") {
    std::fputs("Usage: bench-sizes DIRECTORY [MEASUREMENT]\n", argc == 2 ? stdout : stderr);
    return argc == 2 ? 0 : 2;
  }
  const auto tiers = measure(argv[1], argc > 2 ? argv[2] : "");
  if (!tiers) {
    std::fprintf(stderr, "bench-sizes: %s\n", tiers.error().message.c_str());
    return 1;
  }
  for (std::size_t i = 0; i < tiers->size(); ++i) show((*tiers)[i], kTierNames[i]);
  return 0;
}
