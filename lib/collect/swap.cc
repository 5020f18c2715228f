// Swap space comes with /proc/meminfo. The counters of pages swapped are in /proc/vmstat, of all files of a gather the
// one that costs the kernel the most to write (some 200 sums over all CPUs). A machine without swap cannot swap, so
// there it is read only once a minute, in case swap came and went between two gathers.

#include <unistd.h>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::seconds kIdleReadInterval{60};

constexpr FieldSpec kSpace[] = {{"total", kInteger}, {"used", kInteger}, {"free", kInteger}, {"used_percent", kFloat}};
constexpr FieldSpec kTraffic[] = {{"in", kInteger}, {"out", kInteger}};

class Swap final : public Collector {
 public:
  Swap(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        vmstat_(roots.proc + "/vmstat", PinnedFile::Records::kShort),
        page_bytes_(static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))),
        space_(schemas, "swap", {}, kSpace),
        traffic_(schemas, "swap", {}, kTraffic) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(space_.ready());
    RESMON_TRY(traffic_.ready());
    Sources sources(context);
    procfs::Number total;
    if (auto info = shared_.mem_info(context)) {
      sources.useful();
      total = (*info)->swap_total;
      space(**info, context, out);
    } else {
      sources.failed(std::move(info).error());
    }
    if (total != procfs::Number(0) || !read_ || context.steady - read_at_ >= kIdleReadInterval) {
      read_ = sources.read(vmstat_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
        return procfs::parse_vmstat(text, counters_, skipped);
      });
      read_at_ = context.steady;
    }
    if (read_) {
      metric::RowWriter traffic = traffic_.add(out, context.time);
      if (counters_.pages_in) traffic.set(0, bytes(*counters_.pages_in));
      if (counters_.pages_out) traffic.set(1, bytes(*counters_.pages_out));
    }
    return sources.finish();
  }

 private:
  void space(const procfs::MemInfo& info, const GatherContext& context, metric::Batch& out) const {
    if (!info.swap_total && !info.swap_free) return;
    metric::RowWriter row = space_.add(out, context.time);
    set(row, 0, info.swap_total);
    set(row, 2, info.swap_free);
    if (!info.swap_total || !info.swap_free) return;
    const std::uint64_t used = advance(*info.swap_total, *info.swap_free);
    row.set(1, clip(used));
    row.set(3, percent(used, *info.swap_total));
  }

  std::int64_t bytes(std::uint64_t pages) const {
    return pages > UINT64_MAX / page_bytes_ ? clip(UINT64_MAX) : clip(pages * page_bytes_);
  }

  Shared& shared_;
  PinnedFile vmstat_;
  std::uint64_t page_bytes_;
  RowSchema space_;
  RowSchema traffic_;
  procfs::SwapCounters counters_;
  bool read_ = false;
  std::chrono::steady_clock::time_point read_at_;
};

}  // namespace

std::unique_ptr<Collector> make_swap(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                     Shared& shared) {
  return std::make_unique<Swap>(roots, schemas, shared);
}

}  // namespace resmon::collect
