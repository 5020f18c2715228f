// Linux's software RAID, as Telegraf's mdstat has it. No row on a machine without arrays.

#include <algorithm>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/mdstat.h"

namespace resmon::collect {

namespace {

enum MdField : std::size_t {
  kDisksActive,
  kDisksFailed,
  kDisksSpare,
  kDisksTotal,
  kBlocksTotal,
  kBlocksSynced,
  kBlocksSyncedPct,
  kBlocksSyncedFinishTime,
  kBlocksSyncedSpeed
};
constexpr FieldSpec kMdFields[] = {
    {"DisksActive", kInteger},   {"DisksFailed", kInteger},          {"DisksSpare", kInteger},
    {"DisksTotal", kInteger},    {"BlocksTotal", kInteger},          {"BlocksSynced", kInteger},
    {"BlocksSyncedPct", kFloat}, {"BlocksSyncedFinishTime", kFloat}, {"BlocksSyncedSpeed", kFloat}};

std::string_view activity(const procfs::MdArray& array) {
  switch (array.sync) {
    case procfs::MdSync::kNone:
      return array.state;
    case procfs::MdSync::kRecovery:
      return "recovering";
    case procfs::MdSync::kResync:
      return "resyncing";
    case procfs::MdSync::kCheck:
      return "checking";
    case procfs::MdSync::kReshape:
      return "reshaping";  // Telegraf calls it active
  }
  return array.state;
}

// "raid1 sdb2[1] sda2[0](F)" as "sda2,sdb2".
std::string device_names(std::string_view text) {
  std::vector<std::string_view> names;
  procfs::Fields fields(text);
  for (std::string_view word; fields.word(word);)
    if (const std::size_t open = word.find('['); open != std::string_view::npos) names.push_back(word.substr(0, open));
  std::sort(names.begin(), names.end());
  std::string out;
  for (const std::string_view name : names) out += (out.empty() ? "" : ",") + std::string(name);
  return out;
}

struct KnownArray {
  std::string activity;
  std::string devices;
  RowSchema schema;
};

class Mdstat final : public Collector {
 public:
  Mdstat(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        file_(roots.proc + "/mdstat", PinnedFile::Records::kUnknown) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (file_.missing()) return {};  // no array was ever made, or the kernel has no RAID
    Sources sources(context);
    read_.clear();
    sources.read(file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_mdstat(text, read_, skipped);
    });
    known_.begin();
    for (const procfs::MdArray& array : read_) {
      KnownArray* known = known_.get(array.name, [&] { return make(array); });
      if (known == nullptr) continue;
      if (known->activity != activity(array) || known->devices != array.devices) *known = make(array);
      if (!filter_.matches(array.name)) continue;
      RESMON_TRY(known->schema.ready());
      write(known->schema, array, context, out);
    }
    known_.end();
    return sources.finish();
  }

 private:
  KnownArray make(const procfs::MdArray& array) {
    const std::string state(activity(array));
    return {state, std::string(array.devices),
            RowSchema(
                schemas_, "mdstat",
                {{"Name", std::string(array.name)}, {"ActivityState", state}, {"Devices", device_names(array.devices)}},
                kMdFields)};
  }

  static void write(const RowSchema& schema, const procfs::MdArray& array, const GatherContext& context,
                    metric::Batch& out) {
    metric::RowWriter row = schema.add(out, context.time);
    row.set(kDisksFailed, clip(array.failed));
    row.set(kDisksSpare, clip(array.spare));
    set(row, kDisksActive, array.active);
    set(row, kDisksTotal, array.total);
    set(row, kBlocksTotal, array.blocks);
    // As Telegraf has it: all blocks, and 0 of the rest, while nothing is synced.
    const bool syncs = array.sync != procfs::MdSync::kNone && !array.sync_waits;
    if (syncs) {
      set(row, kBlocksSynced, array.synced_blocks);
      set(row, kBlocksSyncedPct, array.synced_percent);
      set(row, kBlocksSyncedFinishTime, array.finish_minutes);
      set(row, kBlocksSyncedSpeed, array.speed);
      return;
    }
    set(row, kBlocksSynced, array.sync_waits ? procfs::Number(0) : array.blocks);
    row.set(kBlocksSyncedPct, 0.0);
    row.set(kBlocksSyncedFinishTime, 0.0);
    row.set(kBlocksSyncedSpeed, 0.0);
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::vector<procfs::MdArray> read_;
  EntityTable<KnownArray> known_;
};

}  // namespace

std::unique_ptr<Collector> make_mdstat(const Roots& roots, const CollectorOptions& options,
                                       metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Mdstat>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
