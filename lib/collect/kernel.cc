#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kFields[] = {{"boot_time", kInteger},
                                 {"context_switches", kInteger},
                                 {"interrupts", kInteger},
                                 {"processes_forked", kInteger},
                                 {"entropy_avail", kInteger}};

class Kernel final : public Collector {
 public:
  Kernel(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        schema_(schemas, "kernel", {}, kFields),
        entropy_(roots.proc + "/sys/kernel/random/entropy_avail", PinnedFile::Records::kLine) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    RESMON_ASSIGN(const procfs::Stat* stat, shared_.stat(context));
    metric::RowWriter row = schema_.add(out, context.time);
    row.set(0, clip(stat->boot_time_seconds));
    row.set(1, clip(stat->context_switches));
    row.set(2, clip(stat->interrupts));
    row.set(3, clip(stat->processes_forked));
    if (entropy_.missing()) return {};  // some containers hide it; the other fields are worth having
    RESMON_ASSIGN(const std::string_view text, entropy_.read(shared_.buffer()));
    std::uint64_t bits[1] = {};
    RESMON_TRY(in_file(entropy_.path(), procfs::parse_numbers(text, bits)));
    row.set(4, clip(bits[0]));
    return {};
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
