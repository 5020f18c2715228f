// Temperatures: every temp*_input of hwmon (CPU, mainboard, nvme, drivetemp …) and the thermal zones that hwmon does
// not have. Names are Telegraf's: the chip's name and the sensor's label. Two chips of one name (two disks, two
// sockets) differ in the tag `device`, which Telegraf has as an option.
//
// The directories are listed at each gather; names and labels are read again only after a change. A sensor's own
// critical temperature (hwmon's temp*_crit, a zone's trip point) is read with its value, because it can be set.

#include <algorithm>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/slow_files.h"
#include "collect/sys_tree.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kTempFields[] = {{"temp", kFloat}, {"temp_crit", kFloat}};
constexpr std::size_t kTempThreads = 2;
constexpr std::size_t kMostSensors = 512;
// Chips show -128, 127.5 or 255 where no diode is connected, and worse when they are asked at the wrong moment.
constexpr std::int64_t kColdest = -100'000;  // m°C
constexpr std::int64_t kHottest = 200'000;
// Firmware writes 0, 20.8 or 65,261.85 where nobody set a critical temperature.
constexpr std::int64_t kLeastCritical = 40'000;
constexpr std::int64_t kMostCritical = 150'000;
constexpr int kMostTripPoints = 16;  // looked at

struct TempSensor {
  RowSchema schema;
  std::size_t file;   // of SlowFiles: its value
  bool has_critical;  // the file after it
};

struct Chip {
  std::string path;
  std::vector<TempSensor> sensors;
  std::shared_ptr<SlowFiles> files;
};

class Temp final : public Collector {
 public:
  Temp(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas)
      : hwmon_(roots.sys + "/class/hwmon"),
        zones_(roots.sys + "/class/thermal"),
        filter_(options.filter),
        schemas_(schemas),
        reader_(kTempThreads) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (const std::size_t listing = listing_now(); listing != listing_) {
      listing_ = listing;
      rebuild(context);
    }
    return reader_.read_all(chips_, "sensor",
                            [&](const Chip& chip, const SlowFiles& files) { return write(chip, files, context, out); });
  }

 private:
  // Differs when a chip or a zone came or went.
  std::size_t listing_now() const { return 1 + listing_mark(hwmon_) + listing_mark(zones_); }

  void rebuild(const GatherContext& context) {
    chips_.clear();
    taken_.clear();
    std::set<std::string> names;
    sensors_ = 0;
    for (const std::string& entry : sorted_entries(hwmon_)) add_chip(hwmon_ + "/" + entry, entry, names);
    for (const std::string& entry : sorted_entries(zones_)) {
      const std::string path = zones_ + "/" + entry;
      const std::string type = entry.starts_with("thermal_zone") ? read_line(path + "/type") : std::string();
      // The kernel shows most zones in hwmon as well, with an underscore for what is no letter there.
      std::string as_chip = type;
      std::replace(as_chip.begin(), as_chip.end(), '-', '_');
      if (type.empty() || names.contains(type) || names.contains(as_chip)) continue;
      Chip chip{path, {}, nullptr};
      std::vector<SlowFiles::File> files;
      add_sensor(chip, files, path + "/temp", critical_trip(path), type, entry, entry, "");
      finish_chip(std::move(chip), std::move(files), "");
    }
    if (sensors_ >= kMostSensors) context.tell(hwmon_, "more than 512 temperature sensors: the rest is left out");
  }

  void add_chip(const std::string& path, const std::string& entry, std::set<std::string>& names) {
    const std::string linked = linked_name(path + "/device");
    std::string name = read_line(path + "/name");
    if (name.empty()) name = linked;
    if (name.empty()) return;
    Chip chip{path, {}, nullptr};
    std::vector<SlowFiles::File> files;
    const std::vector<std::string> entries = sorted_entries(path);
    for (const std::string& file : entries) {
      if (!file.starts_with("temp") || !file.ends_with("_input")) continue;
      const std::string number = file.substr(0, file.size() - 6);  // "temp1"
      const std::string label = label_word(read_line(path + "/" + number + "_label"));
      const std::string sensor = !label.empty() ? name + "_" + label : number == "temp1" ? name : name + "_" + number;
      const std::string critical = number + "_crit";
      const bool has_critical = std::binary_search(entries.begin(), entries.end(), critical);
      add_sensor(chip, files, path + "/" + file, has_critical ? path + "/" + critical : std::string(), sensor,
                 device_of(path, linked), entry, "_" + number);
    }
    if (!files.empty()) names.insert(name);
    finish_chip(std::move(chip), std::move(files), path + "/device/power/runtime_status");
  }

  // A disk by its block device's name, anything else by its place: "sda", "nvme0", "coretemp.1".
  static std::string device_of(const std::string& path, const std::string& linked) {
    const std::vector<std::string> disks = sorted_entries(path + "/device/block");
    return disks.empty() ? linked : disks.front();
  }

  // The file with the temperature at which the kernel shuts the machine down for this zone; empty: there is none.
  static std::string critical_trip(const std::string& zone) {
    for (int i = 0; i < kMostTripPoints; ++i) {
      const std::string trip = zone + "/trip_point_" + std::to_string(i);
      const std::string type = read_line(trip + "_type");
      if (type.empty()) break;
      if (type == "critical") return trip + "_temp";
    }
    return {};
  }

  // `critical`: the file with its critical temperature; may be empty.
  void add_sensor(Chip& chip, std::vector<SlowFiles::File>& files, std::string path, std::string critical,
                  std::string sensor, std::string device, const std::string& entry, const std::string& number) {
    if (sensors_ >= kMostSensors || !filter_.matches(sensor)) return;
    if (!taken_.insert(sensor + '\n' + device).second) {
      sensor += number;
      if (!taken_.insert(sensor + '\n' + device).second) {
        device = entry;
        if (!taken_.insert(sensor + '\n' + device).second) return;
      }
    }
    ++sensors_;
    std::vector<metric::Tag> tags = {{"sensor", sensor}, {"device", device}};  // an empty one is no tag
    const bool has_critical = !critical.empty();
    const std::span<const FieldSpec> fields(kTempFields, has_critical ? 2 : 1);
    chip.sensors.push_back({RowSchema(schemas_, "temp", std::move(tags), fields), files.size(), has_critical});
    files.emplace_back(std::move(path));
    if (has_critical) files.emplace_back(std::move(critical));
  }

  void finish_chip(Chip chip, std::vector<SlowFiles::File> files, std::string power) {
    if (files.empty()) return;
    chip.files = std::make_shared<SlowFiles>(std::move(files), std::move(power));
    chips_.push_back(std::move(chip));
  }

  static Status write(const Chip& chip, const SlowFiles& answer, const GatherContext& context, metric::Batch& out) {
    if (answer.suspended()) return {};
    for (const TempSensor& sensor : chip.sensors) {
      const SlowFiles::File& file = answer.files()[sensor.file];
      const auto millidegrees = number_in(file, context);  // none of a radio that is off, or a zone without a value yet
      if (!millidegrees) continue;
      if (*millidegrees < kColdest || *millidegrees > kHottest) {
        context.skipped(file.path, "no temperature that anything here can have", file.content());
        continue;
      }
      RESMON_TRY(sensor.schema.ready());
      metric::RowWriter row = sensor.schema.add(out, context.time);
      row.set(0, static_cast<double>(*millidegrees) / 1000);
      if (!sensor.has_critical) continue;
      if (const auto critical = critical_of(answer.files()[sensor.file + 1])) row.set(1, *critical);
    }
    return {};
  }

  // °C. Nothing where nobody set it; many chips do not, so it counts as no fault.
  static std::optional<double> critical_of(const SlowFiles::File& file) {
    std::int64_t millidegrees = 0;
    procfs::Skipped skipped;
    if (file.error_number != 0 || !procfs::parse_signed(file.content(), millidegrees, skipped)) return std::nullopt;
    if (millidegrees < kLeastCritical || millidegrees > kMostCritical) return std::nullopt;
    return static_cast<double>(millidegrees) / 1000;
  }

  const std::string hwmon_;
  const std::string zones_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  SlowReader reader_;
  std::size_t listing_ = 0;
  std::vector<Chip> chips_;
  std::set<std::string> taken_;  // names of sensors and devices
  std::size_t sensors_ = 0;
};

}  // namespace

std::unique_ptr<Collector> make_temp(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                     Shared&) {
  return std::make_unique<Temp>(roots, options, schemas);
}

}  // namespace resmon::collect
