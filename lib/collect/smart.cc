// Disks' own account of their health (SMART). Asking a disk needs root, and may wake it, so it is not done here: the
// helper resmon-smart does it every hour, with its own unit and timer, and leaves what smartctl printed in a folder.
// Here it is only read. Measurement, tags and fields are those of Telegraf's smart_device.

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/smart_report.h"
#include "collect/sys_tree.h"

namespace resmon::collect {

namespace {

constexpr const char* kReports = "/run/resmon-smart";
constexpr std::size_t kMostReports = 256;
constexpr std::size_t kReportBytes = 1U << 20U;

constexpr FieldSpec kSmartFields[] = {{"health_ok", kBoolean},
                                      {"exit_status", kInteger},
                                      {"temp_c", kInteger},
                                      {"power_on_hours", kInteger},
                                      {"power_cycle_count", kInteger},
                                      {"reallocated_sectors_count", kInteger},
                                      {"pending_sector_count", kInteger},
                                      {"uncorrectable_sector_count", kInteger},
                                      {"udma_crc_errors", kInteger},
                                      {"wear_leveling_count", kInteger},
                                      {"percentage_used", kInteger},
                                      {"available_spare", kInteger},
                                      {"media_errors", kInteger},
                                      {"critical_warning", kInteger},
                                      {"unsafe_shutdowns", kInteger}};

class Smart final : public Collector {
 public:
  Smart(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.root + kReports), filter_(options.filter), schemas_(schemas), shared_(shared) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    std::string problems;
    std::size_t reports = 0;
    for (const std::string& name : sorted_entries(folder_)) {
      if (!name.ends_with(".json") || ++reports > kMostReports) continue;
      const std::string path = folder_ + "/" + name;
      struct ::stat about {};
      if (::stat(path.c_str(), &about) != 0) continue;
      const std::int64_t mark = about.st_mtim.tv_sec * 1'000'000'000 + about.st_mtim.tv_nsec;
      if (const auto known = told_.find(name); known != told_.end() && known->second == mark) continue;
      told_[name] = mark;
      Status written = write(path, context, out);
      if (!written) problems += (problems.empty() ? "" : "; ") + written.error().message;
    }
    std::erase_if(told_, [&](const auto& one) { return ::access((folder_ + "/" + one.first).c_str(), F_OK) != 0; });
    if (!problems.empty()) return fail(ErrorKind::kInvalid, problems);
    return {};
  }

 private:
  Status write(const std::string& path, const GatherContext& context, metric::Batch& out) {
    RESMON_ASSIGN(const std::string_view text, read_once(path.c_str(), shared_.buffer(), kReportBytes));
    const auto report = parse_smart_report(text);
    if (!report) return fail(Error(report.error()).wrap(path));
    if (!filter_.matches(report->device)) return {};
    const RowSchema schema(schemas_, "smart_device",
                           {{"device", report->device},
                            {"model", report->model},
                            {"serial_no", report->serial},
                            {"capacity", report->capacity_bytes ? std::to_string(*report->capacity_bytes) : ""}},
                           kSmartFields);
    RESMON_TRY(schema.ready());
    metric::RowWriter row = schema.add(out, context.time);
    if (report->passed) row.set(0, *report->passed);
    const std::optional<std::int64_t> values[] = {
        report->exit_status,         report->temperature,     report->power_on_hours,        report->power_cycles,
        report->reallocated_sectors, report->pending_sectors, report->uncorrectable_sectors, report->crc_errors,
        report->wear_leveling,       report->percentage_used, report->available_spare,       report->media_errors,
        report->critical_warning,    report->unsafe_shutdowns};
    for (std::size_t i = 0; i < std::size(values); ++i)
      if (values[i]) row.set(i + 1, *values[i]);
    return {};
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  std::map<std::string, std::int64_t> told_;  // by file: when it was written
};

}  // namespace

std::unique_ptr<Collector> make_smart(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                      Shared& shared) {
  return std::make_unique<Smart>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
