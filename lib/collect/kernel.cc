#include <algorithm>
#include <iterator>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kKernelFields[] = {{"boot_time", kInteger},
                                       {"context_switches", kInteger},
                                       {"interrupts", kInteger},
                                       {"processes_forked", kInteger},
                                       {"entropy_avail", kInteger}};

class Kernel final : public Collector {
 public:
  Kernel(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        schema_(schemas, "kernel", {}, kKernelFields),
        entropy_(roots.proc + "/sys/kernel/random/entropy_avail", PinnedFile::Records::kLine) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    Sources sources(context);
    procfs::Stat none;
    const procfs::Stat* stat = &none;
    if (auto read = shared_.stat(context)) {
      sources.useful();
      stat = *read;
    } else {
      sources.failed(std::move(read).error());
    }
    procfs::Number bits[1];
    // Some containers hide it; the other fields are worth having.
    if (!entropy_.missing())
      sources.read(entropy_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
        return procfs::parse_numbers(text, bits, skipped);
      });
    const procfs::Number values[] = {stat->boot_time_seconds, stat->context_switches, stat->interrupts,
                                     stat->processes_forked, bits[0]};
    if (std::any_of(std::begin(values), std::end(values), [](procfs::Number value) { return value.has_value(); })) {
      metric::RowWriter row = schema_.add(out, context.time);
      for (std::size_t field = 0; field < std::size(values); ++field) set(row, field, values[field]);
    }
    return sources.finish();
  }

 private:
  Shared& shared_;
  RowSchema schema_;
  PinnedFile entropy_;
};

}  // namespace

std::unique_ptr<Collector> make_kernel(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                       Shared& shared) {
  return std::make_unique<Kernel>(roots, schemas, shared);
}

}  // namespace resmon::collect
