// ZFS: its cache (ARC), and each pool's state and I/O, from the statistics of the kernel module. They answer from
// memory, also while a pool hangs.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "collect/sys_tree.h"
#include "procfs/kstat.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostPools = 64;
constexpr std::size_t kMostDatasets = 512;  // of a pool

// Those of arcstats that say how the cache fares; the field's name has "arcstats_" before it.
constexpr std::string_view kArcFieldPrefix = "arcstats_";
constexpr FieldSpec kArcFields[] = {{"arcstats_hits", kInteger},
                                    {"arcstats_misses", kInteger},
                                    {"arcstats_demand_data_hits", kInteger},
                                    {"arcstats_demand_data_misses", kInteger},
                                    {"arcstats_demand_metadata_hits", kInteger},
                                    {"arcstats_demand_metadata_misses", kInteger},
                                    {"arcstats_prefetch_data_hits", kInteger},
                                    {"arcstats_prefetch_data_misses", kInteger},
                                    {"arcstats_size", kInteger},
                                    {"arcstats_c", kInteger},
                                    {"arcstats_c_min", kInteger},
                                    {"arcstats_c_max", kInteger},
                                    {"arcstats_arc_meta_used", kInteger},
                                    {"arcstats_l2_hits", kInteger},
                                    {"arcstats_l2_misses", kInteger},
                                    {"arcstats_l2_size", kInteger},
                                    {"arcstats_memory_throttle_count", kInteger}};

enum PoolField : std::size_t { kPoolHealth, kPoolHealthCode, kPoolReads, kPoolRead, kPoolWrites, kPoolWritten };
constexpr FieldSpec kPoolFields[] = {{"health", kString}, {"health_code", kInteger}, {"reads", kInteger},
                                     {"nread", kInteger}, {"writes", kInteger},      {"nwritten", kInteger}};
constexpr const char* kPoolIo[] = {"reads", "nread", "writes", "nwritten"};

std::int64_t pool_health_code(std::string_view state) {
  if (state == "ONLINE") return 0;
  return state == "DEGRADED" ? 1 : 2;
}

// The states there are (zpool_state_to_name, and SUSPENDED).
bool is_pool_state(std::string_view state) {
  constexpr std::string_view kStates[] = {"ONLINE",  "DEGRADED", "FAULTED",   "OFFLINE",
                                          "REMOVED", "UNAVAIL",  "SUSPENDED", "CANT_OPEN"};
  return std::find(std::begin(kStates), std::end(kStates), state) != std::end(kStates);
}

class Zfs final : public Collector {
 public:
  Zfs(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.proc + "/spl/kstat/zfs"),
        filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        arc_file_(folder_ + "/arcstats", PinnedFile::Records::kShort),
        arc_(schemas, "zfs", {}, kArcFields) {
    for (std::size_t i = 0; i < std::size(kArcFields); ++i)
      arc_wanted_.push_back({kArcFields[i].name.substr(kArcFieldPrefix.size()), &arc_values_[i]});
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (arc_file_.missing()) return {};  // no ZFS
    Sources sources(context);
    RESMON_TRY(arc_.ready());
    if (sources.read(arc_file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          return procfs::parse_kstat(text, arc_wanted_, skipped);
        })) {
      metric::RowWriter row = arc_.add(out, context.time);
      for (std::size_t i = 0; i < std::size(kArcFields); ++i) set(row, i, arc_values_[i]);
    }
    pools_.begin();
    std::size_t pools = 0;
    for (const std::string& name : sorted_entries(folder_)) {
      if (!procfs::is_name(name) || !filter_.matches(name)) continue;
      const std::string path = folder_ + "/" + name;
      const std::string state = read_line(path + "/state");
      if (state.empty() && ::access((path + "/state").c_str(), F_OK) != 0) continue;  // a file such as arcstats
      if (++pools > kMostPools) break;
      RESMON_TRY(write_pool(name, path, state, context, out));
    }
    pools_.end();
    return sources.finish();
  }

 private:
  Status write_pool(const std::string& name, const std::string& path, const std::string& state,
                    const GatherContext& context, metric::Batch& out) {
    const RowSchema* schema = pools_.get(name, [&] {
      return RowSchema(schemas_, "zfs_pool", {{"pool", name}}, kPoolFields);
    });
    if (schema == nullptr) return {};
    RESMON_TRY(schema->ready());
    std::array<procfs::Number, std::size(kPoolIo)> io = pool_io(path, context);
    metric::RowWriter row = schema->add(out, context.time);
    if (is_pool_state(state)) {
      row.set(kPoolHealth, std::string_view(state));
      row.set(kPoolHealthCode, pool_health_code(state));
    } else {
      context.skipped(path + "/state", "not a pool's state", state);
    }
    for (std::size_t i = 0; i < io.size(); ++i) set(row, kPoolReads + i, io[i]);
    return {};
  }

  // All data sets of a pool together; a sum is absent where one of them cannot be read.
  std::array<procfs::Number, std::size(kPoolIo)> pool_io(const std::string& path, const GatherContext& context) {
    std::array<procfs::Number, std::size(kPoolIo)> sums;
    std::size_t datasets = 0;
    bool complete = true;
    for (const std::string& entry : sorted_entries(path)) {
      if (!entry.starts_with("objset-")) continue;
      if (++datasets > kMostDatasets) {
        complete = false;
        context.tell(path, "more than 512 data sets: the pool's I/O is left out");
        break;
      }
      const std::string file = path + "/" + entry;
      std::array<procfs::Number, std::size(kPoolIo)> values;
      procfs::Keyed wanted[std::size(kPoolIo)];
      for (std::size_t i = 0; i < values.size(); ++i) wanted[i] = {kPoolIo[i], &values[i]};
      procfs::Skipped skipped;
      const auto text = read_once(file.c_str(), shared_.buffer());
      if (!text) continue;  // it was destroyed
      complete = procfs::parse_kstat(*text, wanted, skipped).has_value() && complete;
      context.skipped(file, skipped, path);
      for (std::size_t i = 0; i < values.size(); ++i) {
        complete = complete && values[i];
        if (values[i] && *values[i] <= UINT64_MAX - sums[i].value_or(0)) sums[i] = sums[i].value_or(0) + *values[i];
      }
    }
    if (!complete) sums.fill({});
    return sums;
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile arc_file_;
  RowSchema arc_;
  std::array<procfs::Number, std::size(kArcFields)> arc_values_;
  std::vector<procfs::Keyed> arc_wanted_;
  EntityTable<RowSchema> pools_;
};

}  // namespace

std::unique_ptr<Collector> make_zfs(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                    Shared& shared) {
  return std::make_unique<Zfs>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
