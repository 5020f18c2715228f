// Pressure stall information. A kernel without it (before 4.20, or CONFIG_PSI off) has no such files, and one started
// with psi=0 answers EOPNOTSUPP: neither is a failure, there is nothing to report. cpu/full is always 0 for the whole
// machine and is left out, as in Telegraf.

#include <cerrno>
#include <optional>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kAverages[] = {{"avg10", kFloat}, {"avg60", kFloat}, {"avg300", kFloat}};
constexpr FieldSpec kStallTotal[] = {{"total", kInteger}};

struct Kind {
  RowSchema averages;
  RowSchema total;
};

struct Resource {
  PinnedFile file;
  Kind some;
  std::optional<Kind> full;
};

class PressureCollector final : public Collector {
 public:
  PressureCollector(const Roots& roots, metric::SchemaTable& schemas, Shared& shared) : shared_(shared) {
    for (const std::string resource : {"cpu", "memory", "io"}) {
      const auto kind = [&](const char* type) {
        const std::vector<metric::Tag> tags = {{"resource", resource}, {"type", type}};
        return Kind{RowSchema(schemas, "pressure", tags, kAverages), RowSchema(schemas, "pressure", tags, kStallTotal)};
      };
      Resource& added = resources_.emplace_back(Resource{
          PinnedFile(roots.proc + "/pressure/" + resource, PinnedFile::Records::kOne), kind("some"), std::nullopt});
      if (resource != "cpu") added.full = kind("full");
    }
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    Sources sources(context);
    for (Resource& resource : resources_) {
      if (resource.file.missing()) continue;
      auto text = resource.file.read(shared_.buffer());
      if (!text) {
        if (text.error().kind != ErrorKind::kNotFound && text.error().kind != ErrorKind::kUnsupported)
          sources.failed(std::move(text).error());
        continue;
      }
      procfs::PressureFile file;
      procfs::Skipped skipped;
      auto parsed = procfs::parse_pressure(*text, file, skipped);
      if (!sources.parsed(resource.file.path(), std::move(parsed), skipped)) continue;
      if (file.some) RESMON_TRY(rows(resource.some, *file.some, context, out));
      if (file.full && resource.full) RESMON_TRY(rows(*resource.full, *file.full, context, out));
    }
    return sources.finish();
  }

 private:
  static Status rows(const Kind& kind, const procfs::Pressure& pressure, const GatherContext& context,
                     metric::Batch& out) {
    RESMON_TRY(kind.averages.ready());
    RESMON_TRY(kind.total.ready());
    if (pressure.average_10 || pressure.average_60 || pressure.average_300) {
      metric::RowWriter averages = kind.averages.add(out, context.time);
      set(averages, 0, pressure.average_10);
      set(averages, 1, pressure.average_60);
      set(averages, 2, pressure.average_300);
    }
    if (pressure.total_microseconds) {
      metric::RowWriter total = kind.total.add(out, context.time);
      set(total, 0, pressure.total_microseconds);
    }
    return {};
  }

  Shared& shared_;
  std::vector<Resource> resources_;
};

}  // namespace

std::unique_ptr<Collector> make_pressure(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                         Shared& shared) {
  return std::make_unique<PressureCollector>(roots, schemas, shared);
}

}  // namespace resmon::collect
