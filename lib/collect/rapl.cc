// Power of CPU packages, by the energy counters of powercap (Intel's RAPL, which AMD has as well); the names are those
// of Telegraf's intel_powerstat. Since Linux 5.10 only root may read them: whoever may not is told so once, and it is
// tried again every hour.

#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "collect/sys_tree.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostPackages = 64;
constexpr std::string_view kPackageName = "package-";
constexpr double kMostWatts = 5000;  // more than a package can use: the counter was set anew

enum PowerField : std::size_t { kPackagePower, kDramPower };
constexpr FieldSpec kPowerFields[] = {{"current_power_consumption_watts", kFloat},
                                      {"current_dram_power_consumption_watts", kFloat}};

struct EnergyCounter {
  PinnedFile file;
  std::uint64_t range = 0;  // the counter begins anew after this
  procfs::Number before;
};

struct Package {
  RowSchema schema;
  EnergyCounter package;
  std::optional<EnergyCounter> dram;
  std::chrono::steady_clock::time_point before;
};

class Rapl final : public Collector {
 public:
  Rapl(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.sys + "/class/powercap"), filter_(options.filter), schemas_(schemas), shared_(shared) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (!looked_ || context.steady - looked_at_ >= kLookInterval) look(context);
    Sources sources(context);
    for (Package& package : packages_) {
      RESMON_TRY(package.schema.ready());
      const double seconds = std::chrono::duration<double>(context.steady - package.before).count();
      package.before = context.steady;
      const procfs::Decimal power = watts(package.package, seconds, sources);
      const procfs::Decimal dram = package.dram ? watts(*package.dram, seconds, sources) : procfs::Decimal();
      if (!power && !dram) continue;
      metric::RowWriter row = package.schema.add(out, context.time);
      set(row, kPackagePower, power);
      set(row, kDramPower, dram);
    }
    return sources.finish();
  }

 private:
  static constexpr std::chrono::hours kLookInterval{1};

  void look(const GatherContext& context) {
    looked_ = true;
    looked_at_ = context.steady;
    packages_.clear();
    for (const std::string& zone : sorted_entries(folder_)) {
      const std::string path = folder_ + "/" + zone;
      // "intel-rapl:0" and its parts "intel-rapl:0:1"; intel-rapl-mmio has the same packages once more.
      if (!zone.starts_with("intel-rapl:") || zone.find(':') != zone.rfind(':')) continue;
      const std::string name = read_line(path + "/name");
      if (!name.starts_with(kPackageName)) continue;
      const std::string number = name.substr(kPackageName.size());
      if (packages_.size() >= kMostPackages || !filter_.matches(number)) continue;
      if (::access((path + "/energy_uj").c_str(), R_OK) != 0) {
        if (errno == EACCES) context.tell(folder_, "only root may read how much power the CPUs use: it is left out");
        continue;
      }
      Package package{RowSchema(schemas_, "powerstat_package", {{"package_id", number}}, kPowerFields),
                      counter(path),
                      {},
                      context.steady};
      for (const std::string& part : sorted_entries(folder_))
        if (part.starts_with(zone + ":") && read_line(folder_ + "/" + part + "/name") == "dram")
          package.dram = counter(folder_ + "/" + part);
      packages_.push_back(std::move(package));
    }
  }

  EnergyCounter counter(const std::string& path) {
    EnergyCounter made{PinnedFile(path + "/energy_uj", PinnedFile::Records::kOne), 0, {}};
    procfs::Number range;
    procfs::Skipped skipped;
    if (const auto text = read_once((path + "/max_energy_range_uj").c_str(), shared_.buffer()))
      if (procfs::parse_numbers(*text, {&range, 1}, skipped)) made.range = range.value_or(0);
    return made;
  }

  // Since the last gather; nothing at the first.
  procfs::Decimal watts(EnergyCounter& counter, double seconds, Sources& sources) {
    procfs::Number now;
    if (!sources.read(counter.file, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          return procfs::parse_numbers(text, {&now, 1}, skipped);
        })) {
      counter.before.reset();
      return {};
    }
    const procfs::Number before = std::exchange(counter.before, now);
    if (!before || !now || seconds <= 0) return {};
    const bool wrapped = *now < *before;
    if (wrapped && (counter.range < *before)) return {};
    const std::uint64_t used = wrapped ? counter.range - *before + *now : *now - *before;
    const double power = static_cast<double>(used) / 1e6 / seconds;
    if (power > kMostWatts) return {};
    return round2(power);
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  bool looked_ = false;
  std::chrono::steady_clock::time_point looked_at_;
  std::vector<Package> packages_;
};

}  // namespace

std::unique_ptr<Collector> make_rapl(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                     Shared& shared) {
  return std::make_unique<Rapl>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
