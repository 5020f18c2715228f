// Errors of memory that the memory controllers found, corrected or not. Telegraf has no such plugin. Reading the
// counters asks no hardware.

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

constexpr std::size_t kMostControllers = 64;
constexpr FieldSpec kEdacFields[] = {
    {"ce_count", kInteger}, {"ue_count", kInteger}, {"ce_noinfo_count", kInteger}, {"ue_noinfo_count", kInteger}};

struct MemoryController {
  RowSchema schema;
  std::vector<PinnedFile> files;  // as the fields
};

class Edac final : public Collector {
 public:
  Edac(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.sys + "/devices/system/edac/mc"), schemas_(schemas), shared_(shared) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    // A driver that is loaded later is found within the hour.
    if (!looked_ || context.steady - looked_at_ >= kLookInterval) look(context);
    Sources sources(context);
    for (MemoryController& controller : controllers_) {
      RESMON_TRY(controller.schema.ready());
      procfs::Number values[std::size(kEdacFields)];
      bool any = false;
      for (std::size_t field = 0; field < controller.files.size(); ++field) {
        if (controller.files[field].missing()) continue;
        any = sources.read(controller.files[field], shared_.buffer(),
                           [&](std::string_view text, procfs::Skipped& skipped) {
                             return procfs::parse_numbers(text, {&values[field], 1}, skipped);
                           }) ||
              any;
      }
      if (!any) continue;
      metric::RowWriter row = controller.schema.add(out, context.time);
      for (std::size_t field = 0; field < std::size(kEdacFields); ++field) set(row, field, values[field]);
    }
    return sources.finish();
  }

 private:
  static constexpr std::chrono::hours kLookInterval{1};

  void look(const GatherContext& context) {
    looked_ = true;
    looked_at_ = context.steady;
    controllers_.clear();
    for (const std::string& name : sorted_entries(folder_)) {
      if (!name.starts_with("mc") || name.size() < 3 || controllers_.size() >= kMostControllers) continue;
      MemoryController& controller = controllers_.emplace_back(
          MemoryController{RowSchema(schemas_, "edac", {{"controller", name}}, kEdacFields), {}});
      for (const FieldSpec& field : kEdacFields)
        controller.files.emplace_back(folder_ + "/" + name + "/" + std::string(field.name), PinnedFile::Records::kOne);
    }
  }

  const std::string folder_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  bool looked_ = false;
  std::chrono::steady_clock::time_point looked_at_;
  std::vector<MemoryController> controllers_;
};

}  // namespace

std::unique_ptr<Collector> make_edac(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                     Shared& shared) {
  return std::make_unique<Edac>(roots, schemas, shared);
}

}  // namespace resmon::collect
