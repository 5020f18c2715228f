// Batteries of the machine and of connected devices (a mouse, a USB-connected UPS). Reading a file of
// /sys/class/power_supply asks the device, which can take long. Telegraf has no such plugin. Firmware reports energy or
// charge; charge is converted to energy with the present voltage.

#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/slow_files.h"
#include "collect/sys_tree.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostBatteries = 32;

enum BatteryField : std::size_t {
  kCapacity,
  kStatus,
  kEnergyNow,
  kEnergyFull,
  kEnergyDesign,
  kPower,
  kVoltage,
  kCycles
};
constexpr FieldSpec kBatteryFields[] = {
    {"capacity", kInteger},         {"status", kString}, {"energy", kFloat},  {"energy_full", kFloat},
    {"energy_full_design", kFloat}, {"power", kFloat},   {"voltage", kFloat}, {"cycle_count", kInteger}};

// The files that are read, in this order; a battery has only some of them.
enum BatteryFile : std::size_t {
  kFileCapacity,
  kFileStatus,
  kFileEnergyNow,
  kFileEnergyFull,
  kFileEnergyDesign,
  kFileChargeNow,
  kFileChargeFull,
  kFileChargeDesign,
  kFilePower,
  kFileCurrent,
  kFileVoltage,
  kFileCycles,
  kBatteryFiles
};
constexpr const char* kBatteryFileNames[kBatteryFiles] = {
    "capacity",           "status",    "energy_now",  "energy_full", "energy_full_design", "charge_now", "charge_full",
    "charge_full_design", "power_now", "current_now", "voltage_now", "cycle_count"};

struct BatteryDevice {
  std::string path;
  RowSchema schema;
  std::shared_ptr<SlowFiles> files;
};

using MaybeNumber = std::optional<double>;

class Battery final : public Collector {
 public:
  Battery(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas)
      : folder_(roots.sys + "/class/power_supply"), filter_(options.filter), schemas_(schemas), reader_(1) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    look_for_batteries();
    return reader_.read_all(batteries_, "battery", [&](const BatteryDevice& battery, const SlowFiles& files) {
      return write(battery, files, context, out);
    });
  }

 private:
  // The directory is listed each time; only when it differs are its entries looked at.
  void look_for_batteries() {
    const std::size_t listing = 1 + listing_mark(folder_);
    if (listing == listing_) return;
    listing_ = listing;
    batteries_.clear();
    for (const std::string& name : sorted_entries(folder_)) {
      const std::string path = folder_ + "/" + name;
      if (batteries_.size() >= kMostBatteries || !filter_.matches(name) || read_line(path + "/type") != "Battery")
        continue;
      std::vector<SlowFiles::File> files;
      for (const char* file : kBatteryFileNames) files.emplace_back(path + "/" + file);
      batteries_.push_back({path, RowSchema(schemas_, "battery", {{"name", name}}, kBatteryFields),
                            std::make_shared<SlowFiles>(std::move(files), "")});
    }
  }

  static MaybeNumber number(const SlowFiles& files, BatteryFile which, const GatherContext& context) {
    const SlowFiles::File& file = files.files()[which];
    const auto value = number_in(file, context);
    if (!value) return {};
    return static_cast<double>(*value);
  }

  static Status write(const BatteryDevice& battery, const SlowFiles& files, const GatherContext& context,
                      metric::Batch& out) {
    RESMON_TRY(battery.schema.ready());
    if (files.files()[kFileStatus].error_number != 0) return {};  // it was taken out
    metric::RowWriter row = battery.schema.add(out, context.time);
    const auto micro = [&](BatteryFile which) {
      MaybeNumber value = number(files, which, context);
      if (value) *value /= 1e6;
      return value;
    };
    const MaybeNumber voltage = micro(kFileVoltage);
    // In Wh, or W, or else what the other file says in Ah, or A.
    const auto energy = [&](BatteryFile direct, BatteryFile by_voltage) {
      MaybeNumber value = micro(direct);
      if (!value && voltage)
        if ((value = micro(by_voltage))) *value *= *voltage;
      return value;
    };
    const auto put = [&](BatteryField field, MaybeNumber value) {
      if (value) row.set(field, round3(*value));
    };
    if (const MaybeNumber capacity = number(files, kFileCapacity, context); capacity && *capacity >= 0)
      row.set(kCapacity, static_cast<std::int64_t>(*capacity));
    if (const MaybeNumber cycles = number(files, kFileCycles, context); cycles && *cycles >= 0)
      row.set(kCycles, static_cast<std::int64_t>(*cycles));
    put(kEnergyNow, energy(kFileEnergyNow, kFileChargeNow));
    put(kEnergyFull, energy(kFileEnergyFull, kFileChargeFull));
    put(kEnergyDesign, energy(kFileEnergyDesign, kFileChargeDesign));
    put(kPower, energy(kFilePower, kFileCurrent));
    put(kVoltage, voltage);
    std::string_view status;
    procfs::Lines(files.files()[kFileStatus].content()).next(status);
    if (procfs::is_name(status)) row.set(kStatus, status);
    return {};
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  SlowReader reader_;
  std::size_t listing_ = 0;
  std::vector<BatteryDevice> batteries_;
};

}  // namespace

std::unique_ptr<Collector> make_battery(const Roots& roots, const CollectorOptions& options,
                                        metric::SchemaTable& schemas, Shared&) {
  return std::make_unique<Battery>(roots, options, schemas);
}

}  // namespace resmon::collect
