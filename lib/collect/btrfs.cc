// Btrfs: how its space is used, what is left, and the errors of its devices, from /sys/fs/btrfs. Telegraf has no such
// plugin. df counts wrongly here, because a byte of data takes one or two on the devices, by the profile.
//
//   unallocated = what the devices have, less what is given to data, metadata and system
//   usable      = free in what data has + unallocated / (bytes on the devices for a byte of data)

#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sys_tree.h"
#include "procfs/cgroup_files.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostFileSystems = 64;
constexpr std::size_t kMostDevices = 256;  // of one
constexpr std::size_t kUuidLength = 36;
constexpr std::uint64_t kSectorBytes = 512;

enum BtrfsField : std::size_t {
  kDevices,
  kMissing,
  kDeviceBytes,
  kUnallocated,
  kUsable,
  kDataTotal,
  kDataUsed,
  kMetadataTotal,
  kMetadataUsed,
  kSystemTotal,
  kSystemUsed,
  kWriteErrors,
  kReadErrors,
  kFlushErrors,
  kCorruptionErrors,
  kGenerationErrors
};
constexpr FieldSpec kBtrfsFields[] = {
    {"devices", kInteger},           {"devices_missing", kInteger}, {"device_bytes", kInteger},
    {"unallocated_bytes", kInteger}, {"usable_bytes", kInteger},    {"data_total", kInteger},
    {"data_used", kInteger},         {"metadata_total", kInteger},  {"metadata_used", kInteger},
    {"system_total", kInteger},      {"system_used", kInteger},     {"write_errors", kInteger},
    {"read_errors", kInteger},       {"flush_errors", kInteger},    {"corruption_errors", kInteger},
    {"generation_errors", kInteger}};
constexpr const char* kErrorNames[] = {"write_errs", "read_errs", "flush_errs", "corruption_errs", "generation_errs"};

struct Allocation {
  procfs::Number total;
  procfs::Number used;
  procfs::Number on_devices;
};

struct KnownBtrfs {
  std::string label;
  RowSchema schema;
};

class Btrfs final : public Collector {
 public:
  Btrfs(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.sys + "/fs/btrfs"), filter_(options.filter), schemas_(schemas), shared_(shared) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (const std::size_t mark = listing_mark(folder_); mark != mark_) {
      mark_ = mark;
      uuids_ = sorted_entries(folder_);
      std::erase_if(uuids_, [](const std::string& name) {  // "features"
        return name.size() != kUuidLength || !procfs::is_name(name);
      });
    }
    known_.begin();
    std::size_t count = 0;
    for (const std::string& uuid : uuids_) {
      const std::string path = folder_ + "/" + uuid;
      const std::string label = read_line(path + "/label");
      if (!filter_.matches(label.empty() ? uuid : label)) continue;
      if (++count > kMostFileSystems) {
        context.tell(folder_, "more than 64 file systems: the rest is left out");
        break;
      }
      const auto make = [&] {
        return KnownBtrfs{label, RowSchema(schemas_, "btrfs", {{"uuid", uuid}, {"label", label}}, kBtrfsFields)};
      };
      KnownBtrfs* known = known_.get(uuid, make);
      if (known == nullptr) continue;
      if (known->label != label) *known = make();
      RESMON_TRY(known->schema.ready());
      write(known->schema, path, context, out);
    }
    known_.end();
    return {};
  }

 private:
  // Absent where there is no such file, or it cannot be read.
  procfs::Number number(const std::string& file, const GatherContext& context) {
    const auto text = read_once(file.c_str(), shared_.buffer());
    if (!text) return {};
    procfs::Number value;
    procfs::Skipped skipped;
    (void)procfs::parse_numbers(*text, {&value, 1}, skipped);
    context.skipped(file, skipped);
    return value;
  }

  Allocation allocation(const std::string& path, const char* kind, const GatherContext& context) {
    const std::string at = path + "/allocation/" + kind;
    return {number(at + "/total_bytes", context), number(at + "/bytes_used", context),
            number(at + "/disk_total", context)};
  }

  void write(const RowSchema& schema, const std::string& path, const GatherContext& context, metric::Batch& out) {
    const Allocation data = allocation(path, "data", context);
    const Allocation metadata = allocation(path, "metadata", context);
    const Allocation system = allocation(path, "system", context);
    procfs::Number device_bytes = 0;
    const std::vector<std::string> devices = sorted_entries(path + "/devices");
    for (const std::string& device : devices) {
      const procfs::Number sectors = number(path + "/devices/" + device + "/size", context);
      if (!sectors || !device_bytes || *sectors > INT64_MAX / kSectorBytes / kMostDevices) {
        device_bytes.reset();
      } else {
        *device_bytes += *sectors * kSectorBytes;
      }
    }
    metric::RowWriter row = schema.add(out, context.time);
    row.set(kDevices, static_cast<std::int64_t>(devices.size()));
    if (!devices.empty()) set(row, kDeviceBytes, device_bytes);
    set(row, kDataTotal, data.total);
    set(row, kDataUsed, data.used);
    set(row, kMetadataTotal, metadata.total);
    set(row, kMetadataUsed, metadata.used);
    set(row, kSystemTotal, system.total);
    set(row, kSystemUsed, system.used);
    if (!devices.empty() && device_bytes && data.on_devices && metadata.on_devices && system.on_devices) {
      const std::uint64_t unallocated =
          advance(*device_bytes, *data.on_devices + *metadata.on_devices + *system.on_devices);
      row.set(kUnallocated, clip(unallocated));
      if (data.total && data.used && *data.total > 0) {
        const double copies = static_cast<double>(*data.on_devices) / static_cast<double>(*data.total);
        const double more = copies > 0 ? static_cast<double>(unallocated) / copies : 0;
        row.set(kUsable, clip(advance(*data.total, *data.used) + static_cast<std::uint64_t>(more)));
      }
    }
    write_errors(row, path, context);
  }

  // Those of all devices together; since Linux 5.14.
  void write_errors(metric::RowWriter& row, const std::string& path, const GatherContext& context) {
    procfs::Number sums[std::size(kErrorNames)];
    std::int64_t missing = 0;
    std::size_t devices = 0;
    for (const std::string& device : sorted_entries(path + "/devinfo")) {
      if (++devices > kMostDevices) break;
      const std::string at = path + "/devinfo/" + device;
      missing += number(at + "/missing", context).value_or(0) != 0 ? 1 : 0;
      const auto text = read_once((at + "/error_stats").c_str(), shared_.buffer());
      if (!text) continue;
      procfs::Number values[std::size(kErrorNames)];
      procfs::Keyed wanted[std::size(kErrorNames)];
      for (std::size_t i = 0; i < std::size(kErrorNames); ++i) wanted[i] = {kErrorNames[i], &values[i]};
      procfs::Skipped skipped;
      (void)procfs::parse_keyed(*text, wanted, skipped);
      context.skipped(at + "/error_stats", skipped);
      for (std::size_t i = 0; i < std::size(kErrorNames); ++i)
        if (values[i] && *values[i] <= UINT64_MAX - sums[i].value_or(0)) sums[i] = sums[i].value_or(0) + *values[i];
    }
    if (devices != 0) row.set(kMissing, missing);
    for (std::size_t i = 0; i < std::size(kErrorNames); ++i) set(row, kWriteErrors + i, sums[i]);
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  std::size_t mark_ = 0;
  std::vector<std::string> uuids_;
  EntityTable<KnownBtrfs> known_;
};

}  // namespace

std::unique_ptr<Collector> make_btrfs(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                      Shared& shared) {
  return std::make_unique<Btrfs>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
