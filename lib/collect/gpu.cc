// GPUs of AMD (amdgpu) and Intel (i915, xe), from sysfs, and of NVIDIA (nvidia.h). Telegraf's plugins ask the vendors'
// programs; the measurement is resmon's own. A card that sleeps is not woken: its power/runtime_status is read first,
// which asks no device.
//
// Intel's drivers count the time that the GPU slept, not the time that it worked: `usage_percent` is the share of the
// time in which it was awake.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/nvidia.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/slow_files.h"
#include "collect/sys_tree.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostCards = 32;

enum GpuField : std::size_t { kGpuState, kUsage, kMemoryUsage, kVramUsed, kVramTotal, kGttUsed, kClock, kGpuFields };
constexpr FieldSpec kGpuSpecs[kGpuFields] = {
    {"state", kString},        {"usage_percent", kFloat},  {"memory_usage_percent", kFloat},
    {"memory_used", kInteger}, {"memory_total", kInteger}, {"memory_shared_used", kInteger},
    {"clock_mhz", kFloat}};

// What a file says, beside the fields that are as they stand there.
enum class GpuFile { kUsage, kMemoryUsage, kVramUsed, kVramTotal, kGttUsed, kClockHertz, kClockMhz, kAsleep };

struct GpuSource {
  GpuFile what;
  std::string path;
};

struct DrmCard {
  std::string path;
  RowSchema schema;
  std::vector<GpuFile> what;  // as the files
  std::shared_ptr<SlowFiles> files;
  procfs::Number asleep_before;  // ms
  std::chrono::steady_clock::time_point asleep_at;
};

std::vector<GpuSource> amd_sources(const std::string& device) {
  std::vector<GpuSource> all = {{GpuFile::kUsage, device + "/gpu_busy_percent"},
                                {GpuFile::kMemoryUsage, device + "/mem_busy_percent"},
                                {GpuFile::kVramUsed, device + "/mem_info_vram_used"},
                                {GpuFile::kVramTotal, device + "/mem_info_vram_total"},
                                {GpuFile::kGttUsed, device + "/mem_info_gtt_used"}};
  for (const std::string& chip : sorted_entries(device + "/hwmon"))
    all.push_back({GpuFile::kClockHertz, device + "/hwmon/" + chip + "/freq1_input"});
  return all;
}

// Only what is there: newer kernels have it for each part (GT) of the card.
std::vector<GpuSource> intel_sources(const std::string& card, const std::string& driver) {
  if (driver == "xe")
    return {{GpuFile::kClockMhz, card + "/device/tile0/gt0/freq0/act_freq"},
            {GpuFile::kAsleep, card + "/device/tile0/gt0/gtidle/idle_residency_ms"}};
  return {{GpuFile::kClockMhz, card + "/gt_act_freq_mhz"}, {GpuFile::kAsleep, card + "/gt/gt0/rc6_residency_ms"}};
}

class Gpu final : public Collector {
 public:
  Gpu(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas)
      : folder_(roots.sys + "/class/drm"),
        filter_(options.filter),
        schemas_(schemas),
        reader_(1),
        nvidia_(roots, filter_, schemas) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (const std::size_t mark = 1 + listing_mark(folder_); mark != mark_) {
      mark_ = mark;
      rebuild();
    }
    Status status = reader_.read_all(
        cards_, "GPU", [&](DrmCard& card, const SlowFiles& files) { return write(card, files, context, out); });
    Status of_nvidia = nvidia_.gather(context, out);
    return status ? std::move(of_nvidia) : std::move(status);
  }

 private:
  void rebuild() {
    cards_.clear();
    for (const std::string& name : sorted_entries(folder_)) {
      // "card0", not its connector "card0-HDMI-A-1"
      if (!name.starts_with("card") || name.size() < 5 || name.find_first_not_of("0123456789", 4) != std::string::npos)
        continue;
      const std::string path = folder_ + "/" + name;
      const std::string driver = linked_name(path + "/device/driver");
      if (cards_.size() >= kMostCards || !filter_.matches(name)) continue;
      std::vector<GpuSource> sources;
      if (driver == "amdgpu") sources = amd_sources(path + "/device");
      if (driver == "i915" || driver == "xe") sources = intel_sources(path, driver);
      if (sources.empty()) continue;
      std::vector<SlowFiles::File> files;
      std::vector<GpuFile> what;
      for (GpuSource& source : sources) {
        what.push_back(source.what);
        files.emplace_back(std::move(source.path));
      }
      std::vector<metric::Tag> tags = {{"name", name}, {"driver", driver}, {"device", linked_name(path + "/device")}};
      cards_.push_back({path,
                        RowSchema(schemas_, "gpu", std::move(tags), kGpuSpecs),
                        std::move(what),
                        std::make_shared<SlowFiles>(std::move(files), path + "/device/power/runtime_status"),
                        {},
                        {}});
    }
  }

  static Status write(DrmCard& card, const SlowFiles& answer, const GatherContext& context, metric::Batch& out) {
    RESMON_TRY(card.schema.ready());
    metric::RowWriter row = card.schema.add(out, context.time);
    row.set(kGpuState, std::string_view(answer.suspended() ? "suspended" : "active"));
    if (answer.suspended()) {
      card.asleep_before.reset();
      row.set(kUsage, 0.0);
      return {};
    }
    for (std::size_t i = 0; i < card.what.size(); ++i) {
      const SlowFiles::File& file = answer.files()[i];
      const auto value = number_in(file, context);
      if (value && !put(card, row, card.what[i], *value, context))
        context.skipped(file.path, "no value that a GPU can have", file.content());
    }
    return {};
  }

  // False when nothing can have this value.
  static bool put(DrmCard& card, metric::RowWriter& row, GpuFile what, std::int64_t value,
                  const GatherContext& context) {
    constexpr std::int64_t kMostMhz = 20'000;
    const auto number = static_cast<double>(value);
    if (value < 0) return false;
    switch (what) {
      case GpuFile::kUsage:
      case GpuFile::kMemoryUsage:
        if (value > 100) return false;
        row.set(what == GpuFile::kUsage ? kUsage : kMemoryUsage, number);
        return true;
      case GpuFile::kVramUsed:
        row.set(kVramUsed, value);
        return true;
      case GpuFile::kVramTotal:
        row.set(kVramTotal, value);
        return true;
      case GpuFile::kGttUsed:
        row.set(kGttUsed, value);
        return true;
      case GpuFile::kClockHertz:
        if (value > kMostMhz * 1'000'000) return false;
        row.set(kClock, round2(number / 1e6));
        return true;
      case GpuFile::kClockMhz:
        if (value > kMostMhz) return false;
        row.set(kClock, number);
        return true;
      case GpuFile::kAsleep:
        break;
    }
    const auto asleep = static_cast<std::uint64_t>(value);
    const double passed = std::chrono::duration<double, std::milli>(context.steady - card.asleep_at).count();
    card.asleep_at = context.steady;
    const procfs::Number before = std::exchange(card.asleep_before, asleep);
    if (before && asleep >= *before && passed > 0)
      row.set(kUsage, round2(std::clamp(100 - 100 * static_cast<double>(asleep - *before) / passed, 0.0, 100.0)));
    return true;
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  SlowReader reader_;
  std::size_t mark_ = 0;
  std::vector<DrmCard> cards_;
  NvidiaCards nvidia_;
};

}  // namespace

std::unique_ptr<Collector> make_gpu(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                    Shared&) {
  return std::make_unique<Gpu>(roots, options, schemas);
}

}  // namespace resmon::collect
