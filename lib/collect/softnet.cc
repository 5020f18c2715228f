// The kernel's counters of received packets (processed, dropped, out of time), summed over all CPUs. Telegraf has no
// such plugin.

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/net_counters.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kSoftnetFields[] = {{"processed", kInteger},
                                        {"dropped", kInteger},
                                        {"time_squeeze", kInteger},
                                        {"received_rps", kInteger},
                                        {"flow_limit_count", kInteger}};
constexpr std::size_t kSoftnetColumns[] = {0, 1, 2, 9, 10};  // of the fields; the last two since Linux 2.6.36 and 3.11

class Softnet final : public Collector {
 public:
  Softnet(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        schema_(schemas, "softnet", {}, kSoftnetFields),
        file_(roots.proc + (roots.own_proc() ? "/net/softnet_stat" : "/1/net/softnet_stat"),
              PinnedFile::Records::kShort) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (file_.missing()) return {};
    RESMON_TRY(schema_.ready());
    Sources sources(context);
    procfs::Number columns[11];
    if (!sources.read(file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
          procfs::Number first;
          return procfs::sum_cpu_columns(text, "", columns, first, skipped);
        }))
      return sources.finish();
    metric::RowWriter row = schema_.add(out, context.time);
    for (std::size_t field = 0; field < std::size(kSoftnetFields); ++field)
      set(row, field, columns[kSoftnetColumns[field]]);
    return sources.finish();
  }

 private:
  Shared& shared_;
  RowSchema schema_;
  PinnedFile file_;
};

}  // namespace

std::unique_ptr<Collector> make_softnet(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                        Shared& shared) {
  return std::make_unique<Softnet>(roots, schemas, shared);
}

}  // namespace resmon::collect
