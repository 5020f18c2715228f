// Block devices' counters as they are, and three rates made of them. Telegraf's rules (plugins/inputs/diskio): a device
// whose counters are all 0 has never been used and is not reported (which leaves out the idle loop and ram devices);
// after a counter went back there is no rate until the next gather; io_await and io_svctm only when a request
// completed.

#include <algorithm>
#include <iterator>
#include <optional>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/diskstats.h"

namespace resmon::collect {

namespace {

enum DiskIoField : std::size_t {
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
constexpr FieldSpec kDiskIoFields[] = {
    {"reads", kInteger},        {"writes", kInteger},           {"read_bytes", kInteger},
    {"write_bytes", kInteger},  {"read_time", kInteger},        {"write_time", kInteger},
    {"io_time", kInteger},      {"weighted_io_time", kInteger}, {"iops_in_progress", kInteger},
    {"merged_reads", kInteger}, {"merged_writes", kInteger},    {"io_util", kFloat},
    {"io_await", kFloat},       {"io_svctm", kFloat},
};

struct BlockDevice {
  RowSchema schema;
  bool wanted;
  bool has_before = false;
  procfs::Disk before{};  // without its name
};

using procfs::Disk;
using procfs::Number;

constexpr Number Disk::*const kCounters[] = {
    &Disk::reads,       &Disk::reads_merged,    &Disk::sectors_read,         &Disk::read_milliseconds,
    &Disk::writes,      &Disk::writes_merged,   &Disk::sectors_written,      &Disk::write_milliseconds,
    &Disk::in_progress, &Disk::io_milliseconds, &Disk::weighted_milliseconds};

bool unused(const Disk& disk) {
  return std::all_of(std::begin(kCounters), std::end(kCounters),
                     [&](Number Disk::*member) { return (disk.*member).value_or(0) == 0; });
}

Number sector_bytes(Number sectors) {
  if (!sectors) return sectors;
  return *sectors > UINT64_MAX / procfs::kSectorBytes ? UINT64_MAX : *sectors * procfs::kSectorBytes;
}

// The advance of the counters since the previous gather. Empty if one of the two is missing.
class Advance {
 public:
  Advance(const Disk& now, const Disk& before) : now_(now), before_(before) {}
  Number of(Number Disk::*member) const {
    if (!(now_.*member) || !(before_.*member)) return {};
    return *(now_.*member) - *(before_.*member);
  }
  // The sum of two counters' advances, as a float.
  std::optional<double> of(Number Disk::*one, Number Disk::*other) const {
    const Number a = of(one);
    const Number b = of(other);
    if (!a || !b) return {};
    return static_cast<double>(*a) + static_cast<double>(*b);
  }
  bool went_back() const {
    constexpr Number Disk::*const kRated[] = {&Disk::reads, &Disk::writes, &Disk::read_milliseconds,
                                              &Disk::write_milliseconds, &Disk::io_milliseconds};
    return std::any_of(std::begin(kRated), std::end(kRated), [&](Number Disk::*member) {
      return now_.*member && before_.*member && *(now_.*member) < *(before_.*member);
    });
  }

 private:
  const Disk& now_;
  const Disk& before_;
};

class Diskio final : public Collector {
 public:
  Diskio(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        sys_(roots.sys),
        schemas_(schemas),
        shared_(shared),
        file_(roots.proc + "/diskstats", PinnedFile::Records::kShort) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    auto read = file_.read(shared_.buffer());
    // A kernel without block devices, such as gVisor's.
    if (!read) return file_.missing() ? Status() : fail(std::move(read).error());
    procfs::Skipped skipped;
    Status parsed = in_file(file_.path(), procfs::parse_diskstats(*read, disks_, skipped));
    context.skipped(file_.path(), skipped);
    RESMON_TRY(std::move(parsed));
    const double elapsed_ms = std::chrono::duration<double, std::milli>(context.steady - last_).count();
    last_ = context.steady;
    devices_.begin();
    Status status;
    for (const Disk& disk : disks_) {
      if (unused(disk)) continue;
      BlockDevice* device = devices_.get(disk.name, [&] { return make_device(disk.name); });
      if (device == nullptr) {
        context.skipped(file_.path(), "given twice", disk.name);
        continue;
      }
      if (!device->wanted) continue;
      status = device->schema.ready();
      if (!status) break;
      row(*device, disk, elapsed_ms, context, out);
    }
    devices_.end();
    return status;
  }

 private:
  BlockDevice make_device(std::string_view name) const {
    std::vector<metric::Tag> tags = {{"name", std::string(name)}};
    if (const std::string id = world_wide_id(name); !id.empty()) tags.push_back({"wwid", id});
    return BlockDevice{RowSchema(schemas_, "diskio", std::move(tags), kDiskIoFields), filter_.matches(name), false, {}};
  }

  // What sysfs calls the disk worldwide, such as "naa.5000c500a1b2c3d4" or "eui.0025385b71b0a1c2"; only whole disks
  // have one, and not all.
  std::string world_wide_id(std::string_view name) const {
    std::string file(name);
    std::replace(file.begin(), file.end(), '/', '!');  // as in "cciss/c0d0"
    return read_line(sys_ + "/block/" + file + "/wwid");
  }

  static void row(BlockDevice& device, const Disk& now, double elapsed_ms, const GatherContext& context,
                  metric::Batch& out) {
    metric::RowWriter row = device.schema.add(out, context.time);
    set(row, kReads, now.reads);
    set(row, kWrites, now.writes);
    set(row, kReadBytes, sector_bytes(now.sectors_read));
    set(row, kWriteBytes, sector_bytes(now.sectors_written));
    set(row, kReadTime, now.read_milliseconds);
    set(row, kWriteTime, now.write_milliseconds);
    set(row, kIoTime, now.io_milliseconds);
    set(row, kWeightedIoTime, now.weighted_milliseconds);
    set(row, kInProgress, now.in_progress);
    set(row, kMergedReads, now.reads_merged);
    set(row, kMergedWrites, now.writes_merged);
    const Advance advance(now, device.before);
    if (device.has_before && !advance.went_back()) rates(row, advance, elapsed_ms);
    device.before = now;
    device.before.name = {};
    device.has_before = true;
  }

  static void rates(metric::RowWriter& row, const Advance& advance, double elapsed_ms) {
    const Number busy = advance.of(&Disk::io_milliseconds);
    const auto busy_ms = static_cast<double>(busy.value_or(0));
    // The kernel adds whole ticks, so a saturated device comes out a little above 100.
    if (busy && elapsed_ms > 0) row.set(kIoUtil, std::min(percent(busy_ms, elapsed_ms), 100.0));
    const std::optional<double> requests = advance.of(&Disk::reads, &Disk::writes);
    if (!requests || *requests <= 0) return;
    if (const auto waited_ms = advance.of(&Disk::read_milliseconds, &Disk::write_milliseconds))
      row.set(kIoAwait, round3(*waited_ms / *requests));
    if (busy) row.set(kIoSvctm, round3(busy_ms / *requests));
  }

  Filter filter_;
  std::string sys_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::vector<Disk> disks_;
  EntityTable<BlockDevice> devices_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace

std::unique_ptr<Collector> make_diskio(const Roots& roots, const CollectorOptions& options,
                                       metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<Diskio>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
