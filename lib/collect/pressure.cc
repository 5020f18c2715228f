// Pressure stall information. A kernel without it (before 4.20, or CONFIG_PSI off) has no such files, and one started
// with psi=0 answers EOPNOTSUPP: neither is a failure, there is nothing to report. cpu/full is always 0 for the whole
// machine and is left out, as in Telegraf.

#include <cerrno>
#include <optional>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kAverages[] = {{"avg10", kFloat}, {"avg60", kFloat}, {"avg300", kFloat}};
constexpr FieldSpec kTotal[] = {{"total", kInteger}};

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
  PressureCollector(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared), not_supported_(system_error("", EOPNOTSUPP).message) {
    for (const std::string resource : {"cpu", "memory", "io"}) {
      const auto kind = [&](const char* type) {
        const std::vector<metric::Tag> tags = {{"resource", resource}, {"type", type}};
        return Kind{RowSchema(schemas, "pressure", tags, kAverages), RowSchema(schemas, "pressure", tags, kTotal)};
      };
      Resource& added = resources_.emplace_back(Resource{
          PinnedFile(roots.proc + "/pressure/" + resource, PinnedFile::Records::kOne), kind("some"), std::nullopt});
      if (resource != "cpu") added.full = kind("full");
    }
  }

  Status gather(const GatherContext& context, metric::Batch& out) override {
    Status status;
    for (Resource& resource : resources_) {
      if (resource.file.missing()) continue;
      auto text = resource.file.read(shared_.buffer());
      if (!text) {
        if (text.error().kind != ErrorKind::kNotFound && !text.error().message.ends_with(not_supported_))
          status = fail(std::move(text).error());
        continue;
      }
      procfs::PressureFile file;
      if (auto parsed = in_file(resource.file.path(), procfs::parse_pressure(*text, file)); !parsed) {
        status = std::move(parsed);
        continue;
      }
      if (file.has_some) RESMON_TRY(rows(resource.some, file.some, context, out));
      if (file.has_full && resource.full) RESMON_TRY(rows(*resource.full, file.full, context, out));
    }
    return status;
  }

 private:
  static Status rows(const Kind& kind, const procfs::Pressure& pressure, const GatherContext& context,
                     metric::Batch& out) {
    RESMON_TRY(kind.averages.ready());
    RESMON_TRY(kind.total.ready());
    metric::RowWriter averages = kind.averages.add(out, context.time);
    averages.set(0, pressure.average_10);
    averages.set(1, pressure.average_60);
    averages.set(2, pressure.average_300);
    kind.total.add(out, context.time).set(0, clip(pressure.total_microseconds));
    return {};
  }

  Shared& shared_;
  std::string not_supported_;
  std::vector<Resource> resources_;
};

}  // namespace

std::unique_ptr<Collector> make_pressure(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                         Shared& shared) {
  return std::make_unique<PressureCollector>(roots, schemas, shared);
}

}  // namespace resmon::collect
