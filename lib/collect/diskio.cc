// Block devices' counters as they are, and three rates made of them. Telegraf's rules (plugins/inputs/diskio): a device
// whose counters are all 0 has never been used and is not reported (which leaves out the idle loop and ram devices);
// after a counter went back there is no rate until the next gather; io_await and io_svctm only when a request
// completed.

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/diskstats.h"

namespace resmon::collect {

namespace {

enum DiskField : std::size_t {
  kReads,
  kWrites,
  kReadBytes,
  kWriteBytes,
  kReadTime,
  kWriteTime,
  kIoTime,
  kWeightedIoTime,
  kInProgress,
  kMergedReads,
  kMergedWrites,
  kIoUtil,
  kIoAwait,
  kIoSvctm
};
constexpr FieldSpec kFields[] = {
    {"reads", kInteger},        {"writes", kInteger},           {"read_bytes", kInteger},
    {"write_bytes", kInteger},  {"read_time", kInteger},        {"write_time", kInteger},
    {"io_time", kInteger},      {"weighted_io_time", kInteger}, {"iops_in_progress", kInteger},
    {"merged_reads", kInteger}, {"merged_writes", kInteger},    {"io_util", kFloat},
    {"io_await", kFloat},       {"io_svctm", kFloat},
};

struct Device {
  RowSchema schema;
  bool wanted;
  bool has_before = false;
  procfs::Disk before;  // without its name
};

bool unused(const procfs::Disk& disk) {
  return (disk.reads | disk.reads_merged | disk.sectors_read | disk.read_milliseconds | disk.writes |
          disk.writes_merged | disk.sectors_written | disk.write_milliseconds | disk.in_progress |
          disk.io_milliseconds | disk.weighted_milliseconds) == 0;
}

bool went_back(const procfs::Disk& now, const procfs::Disk& before) {
  return now.reads < before.reads || now.writes < before.writes || now.read_milliseconds < before.read_milliseconds ||
         now.write_milliseconds < before.write_milliseconds || now.io_milliseconds < before.io_milliseconds;
}

std::int64_t sector_bytes(std::uint64_t sectors) {
  return sectors > UINT64_MAX / procfs::kSectorBytes ? clip(UINT64_MAX) : clip(sectors * procfs::kSectorBytes);
}

class Diskio final : public Collector {
 public:
  Diskio(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        file_(roots.proc + "/diskstats", PinnedFile::Records::kShort) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_ASSIGN(const std::string_view text, file_.read(shared_.buffer()));
    RESMON_TRY(in_file(file_.path(), procfs::parse_diskstats(text, disks_)));
    const double elapsed_ms = std::chrono::duration<double, std::milli>(context.steady - last_).count();
    last_ = context.steady;
    devices_.begin();
    Status status;
    for (const procfs::Disk& disk : disks_) {
      if (unused(disk)) continue;
      Device& device = devices_.get(disk.name, [&] {
        return Device{RowSchema(schemas_, "diskio", {{"name", std::string(disk.name)}}, kFields),
                      filter_.matches(disk.name),
                      false,
                      {}};
      });
      if (!device.wanted) continue;
      status = device.schema.ready();
      if (!status) break;
      row(device, disk, elapsed_ms, context, out);
    }
    devices_.end();
    return status;
  }

 private:
  static void row(Device& device, const procfs::Disk& now, double elapsed_ms, const GatherContext& context,
                  metric::Batch& out) {
    metric::RowWriter row = device.schema.add(out, context.time);
    row.set(kReads, clip(now.reads));
    row.set(kWrites, clip(now.writes));
    row.set(kReadBytes, sector_bytes(now.sectors_read));
    row.set(kWriteBytes, sector_bytes(now.sectors_written));
    row.set(kReadTime, clip(now.read_milliseconds));
    row.set(kWriteTime, clip(now.write_milliseconds));
    row.set(kIoTime, clip(now.io_milliseconds));
    row.set(kWeightedIoTime, clip(now.weighted_milliseconds));
    row.set(kInProgress, clip(now.in_progress));
    row.set(kMergedReads, clip(now.reads_merged));
    row.set(kMergedWrites, clip(now.writes_merged));
    const procfs::Disk& before = device.before;
    if (device.has_before && !went_back(now, before)) {
      const double requests =
          static_cast<double>(now.reads - before.reads) + static_cast<double>(now.writes - before.writes);
      const double waited_ms = static_cast<double>(now.read_milliseconds - before.read_milliseconds) +
                               static_cast<double>(now.write_milliseconds - before.write_milliseconds);
      const auto busy_ms = static_cast<double>(now.io_milliseconds - before.io_milliseconds);
      // The kernel adds whole ticks, so a saturated device comes out a little above 100.
      if (elapsed_ms > 0) row.set(kIoUtil, std::min(percent(busy_ms, elapsed_ms), 100.0));
      if (requests > 0) {
        row.set(kIoAwait, round3(waited_ms / requests));
        row.set(kIoSvctm, round3(busy_ms / requests));
      }
    }
    device.before = now;
    device.before.name = {};
    device.has_before = true;
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::vector<procfs::Disk> disks_;
  EntityTable<Device> devices_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

std::unique_ptr<Collector> make_diskio(const Roots& roots, const CollectorOptions& options,
                                       metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Diskio>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
