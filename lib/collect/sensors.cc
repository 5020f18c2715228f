// Fans, voltages, currents, power, energy and humidity of hwmon's chips. Measurement, tags and fields are those of
// Telegraf's sensors, which asks lm-sensors' program; what it adds by its configuration files (names for a mainboard's
// inputs, factors) is not known here. Temperatures are in `temp`.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/slow_files.h"
#include "collect/sys_tree.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kSensorThreads = 2;
constexpr std::size_t kMostInputs = 512;

// A kind of input: how its files are called, the field, what the kernel counts it in, and what anything here can have.
// Chips show the largest number that they can write (65,535 rpm) where nothing is connected.
struct InputKind {
  std::string_view prefix;
  std::string_view suffix;
  FieldSpec field;
  double factor;
  double least;
  double most;
};
constexpr InputKind kInputKinds[] = {{"fan", "_input", {"fan_input", kFloat}, 1, 0, 50'000},
                                     {"in", "_input", {"in_input", kFloat}, 1e-3, -1000, 1000},
                                     {"curr", "_input", {"curr_input", kFloat}, 1e-3, -1000, 1000},
                                     {"power", "_input", {"power_input", kFloat}, 1e-6, -20'000, 20'000},
                                     {"power", "_average", {"power_average", kFloat}, 1e-6, -20'000, 20'000},
                                     {"energy", "_input", {"energy_input", kFloat}, 1e-6, 0, 1e15},
                                     {"humidity", "_input", {"humidity_input", kFloat}, 1e-3, 0, 100}};

// "fan1" of "fan1_input"; empty where the file is of another kind.
std::string input_name(const InputKind& kind, const std::string& file) {
  if (!file.starts_with(kind.prefix) || !file.ends_with(kind.suffix)) return {};
  const std::string name = file.substr(0, file.size() - kind.suffix.size());
  const std::string number = name.substr(std::min(name.size(), kind.prefix.size()));
  return number.empty() || number.find_first_not_of("0123456789") != std::string::npos ? std::string() : name;
}

// The number in "0000:03:00.0" as lm-sensors writes it: domain, bus, device and function in one.
std::string pci_number(const std::string& place) {
  unsigned domain = 0;
  unsigned bus = 0;
  unsigned device = 0;
  unsigned function = 0;
  if (std::sscanf(place.c_str(), "%4x:%2x:%2x.%1x", &domain, &bus, &device, &function) != 4) return {};
  char text[32];
  std::snprintf(text, sizeof text, "%04x", (domain << 16U) + (bus << 8U) + (device << 3U) + function);
  return text;
}

// "coretemp-isa-0000", "nct6775-isa-0290", "nvme-pci-0100", "lm75-i2c-1-4c", "acpitz-virtual-0": lm-sensors' names.
std::string chip_name(const std::string& name, const std::string& path) {
  std::string device = path + "/device";
  std::string bus = linked_name(device + "/subsystem");
  std::string place = linked_name(device);
  if (bus == "nvme") {  // the controller's own device is below its PCI device
    device += "/device";
    bus = linked_name(device + "/subsystem");
    place = linked_name(device);
  }
  if (bus == "pci") {
    if (const std::string number = pci_number(place); !number.empty()) return name + "-pci-" + number;
  } else if (bus == "i2c") {
    unsigned adapter = 0;
    unsigned address = 0;
    if (std::sscanf(place.c_str(), "%u-%4x", &adapter, &address) == 2) {
      char text[32];
      std::snprintf(text, sizeof text, "-i2c-%u-%02x", adapter, address);
      return name + text;
    }
  } else if (bus == "platform" || bus == "of_platform") {
    const std::size_t dot = place.rfind('.');
    char text[32];
    std::snprintf(text, sizeof text, "-isa-%04lx",
                  dot == std::string::npos ? 0UL : std::strtoul(place.c_str() + dot + 1, nullptr, 10));
    return name + text;
  } else if (bus == "acpi") {
    return name + "-acpi-0";
  } else if (bus == "scsi") {
    return name + "-scsi-" + place;
  }
  return name + "-virtual-0";
}

struct SensorInput {
  RowSchema schema;
  const InputKind* kind;
};

struct SensorChip {
  std::string path;
  std::vector<SensorInput> inputs;  // as the files
  std::shared_ptr<SlowFiles> files;
};

class Sensors final : public Collector {
 public:
  Sensors(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas)
      : folder_(roots.sys + "/class/hwmon"), filter_(options.filter), schemas_(schemas), reader_(kSensorThreads) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (const std::size_t mark = 1 + listing_mark(folder_); mark != mark_) {
      mark_ = mark;
      rebuild(context);
    }
    return reader_.read_all(chips_, "sensor", [&](const SensorChip& chip, const SlowFiles& files) {
      return write(chip, files, context, out);
    });
  }

 private:
  void rebuild(const GatherContext& context) {
    chips_.clear();
    std::set<std::string> names;
    std::size_t inputs = 0;
    for (const std::string& entry : sorted_entries(folder_)) {
      const std::string path = folder_ + "/" + entry;
      const std::string name = read_line(path + "/name");
      if (name.empty()) continue;
      std::string chip = chip_name(name, path);
      if (!names.insert(chip).second && !names.insert(chip += "-" + entry).second) continue;
      if (!filter_.matches(chip)) continue;
      add_chip(path, chip, inputs);
    }
    if (inputs >= kMostInputs) context.tell(folder_, "more than 512 fans, voltages and the like: the rest is left out");
  }

  void add_chip(const std::string& path, const std::string& name, std::size_t& inputs) {
    SensorChip chip{path, {}, nullptr};
    std::vector<SlowFiles::File> files;
    std::set<std::string> features;
    for (const std::string& file : sorted_entries(path)) {
      for (const InputKind& kind : kInputKinds) {
        const std::string input = input_name(kind, file);
        if (input.empty() || inputs >= kMostInputs) continue;
        std::string feature = label_word(read_line(path + "/" + input + "_label"));
        if (feature.empty()) feature = input;
        // Two labels that are alike: the number tells them apart.
        const std::string key = '\n' + std::string(kind.field.name);
        if (!features.insert(feature + key).second && !features.insert((feature += "_" + input) + key).second) continue;
        ++inputs;
        chip.inputs.push_back(
            {RowSchema(schemas_, "sensors", {{"chip", name}, {"feature", feature}}, {&kind.field, 1}), &kind});
        files.emplace_back(path + "/" + file);
      }
    }
    if (files.empty()) return;
    chip.files = std::make_shared<SlowFiles>(std::move(files), path + "/device/power/runtime_status");
    chips_.push_back(std::move(chip));
  }

  static Status write(const SensorChip& chip, const SlowFiles& answer, const GatherContext& context,
                      metric::Batch& out) {
    if (answer.suspended()) return {};
    for (std::size_t i = 0; i < chip.inputs.size(); ++i) {
      const SlowFiles::File& file = answer.files()[i];
      const auto counted = number_in(file, context);
      if (!counted) continue;
      const InputKind& kind = *chip.inputs[i].kind;
      const double value = static_cast<double>(*counted) * kind.factor;
      if (value < kind.least || value > kind.most) {
        context.skipped(file.path, "no value that anything here can have", file.content());
        continue;
      }
      RESMON_TRY(chip.inputs[i].schema.ready());
      chip.inputs[i].schema.add(out, context.time).set(0, round3(value));
    }
    return {};
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  SlowReader reader_;
  std::size_t mark_ = 0;
  std::vector<SensorChip> chips_;
};

}  // namespace

std::unique_ptr<Collector> make_sensors(const Roots& roots, const CollectorOptions& options,
                                        metric::SchemaTable& schemas, Shared&) {
  return std::make_unique<Sensors>(roots, options, schemas);
}

}  // namespace resmon::collect
