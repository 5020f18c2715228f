// The share of each mode in the time that a CPU accounted for since the last gather.
//
// The kernel's counters do not only grow: iowait and idle go back a little (proc(5) says so of iowait), and all of a
// CPU's restart when it was offline. Each delta is clamped at 0 on its own and the whole is the sum of the clamped
// deltas, so that percentages stay within 0 and 100 and add up. A CPU that was not there at the last gather begins
// anew.

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

enum Usage : std::size_t {
  kCpuUser,
  kCpuSystem,
  kCpuIdle,
  kCpuNice,
  kCpuIowait,
  kCpuIrq,
  kCpuSoftirq,
  kCpuSteal,
  kCpuGuest,
  kCpuGuestNice,
  kCpuActive
};
constexpr FieldSpec kCpuFields[] = {
    {"usage_user", kFloat},   {"usage_system", kFloat},     {"usage_idle", kFloat},    {"usage_nice", kFloat},
    {"usage_iowait", kFloat}, {"usage_irq", kFloat},        {"usage_softirq", kFloat}, {"usage_steal", kFloat},
    {"usage_guest", kFloat},  {"usage_guest_nice", kFloat}, {"usage_active", kFloat},
};

class Cpu final : public Collector {
 public:
  Cpu(const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter), schemas_(schemas), shared_(shared), total_(make_one("cpu-total")) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_ASSIGN(const procfs::Stat* stat, shared_.stat(context));
    ++gathers_;
    for (const procfs::Cpu& cpu : stat->cpus) {
      while (one_.size() <= cpu.index) one_.push_back(make_one("cpu" + std::to_string(one_.size())));
      RESMON_TRY(row(one_[cpu.index], cpu.times, context, out));
    }
    return stat->total ? row(total_, *stat->total, context, out) : Status();
  }

 private:
  struct One {
    RowSchema schema;
    bool wanted;
    std::uint64_t seen = 0;  // at which gather
    procfs::CpuTimes before;
  };

  One make_one(const std::string& name) const {
    return {RowSchema(schemas_, "cpu", {{"cpu", name}}, kCpuFields), filter_.matches(name), 0, {}};
  }

  Status row(One& one, const procfs::CpuTimes& now, const GatherContext& context, metric::Batch& out) const {
    if (!one.wanted) return {};
    const procfs::CpuTimes before = std::exchange(one.before, now);
    const bool rate = one.seen != 0 && one.seen + 1 == gathers_;
    one.seen = gathers_;
    if (!rate) return {};
    RESMON_TRY(one.schema.ready());

    const std::uint64_t user = advance(now.user, before.user);
    const std::uint64_t nice = advance(now.nice, before.nice);
    const std::uint64_t system = advance(now.system, before.system);
    const std::uint64_t idle = advance(now.idle, before.idle);
    const std::uint64_t iowait = advance(now.iowait, before.iowait);
    const std::uint64_t irq = advance(now.irq, before.irq);
    const std::uint64_t softirq = advance(now.softirq, before.softirq);
    const std::uint64_t steal = advance(now.steal, before.steal);
    const std::uint64_t guest = std::min(advance(now.guest, before.guest), user);
    const std::uint64_t guest_nice = std::min(advance(now.guest_nice, before.guest_nice), nice);
    const double whole = static_cast<double>(user) + static_cast<double>(nice) + static_cast<double>(system) +
                         static_cast<double>(idle) + static_cast<double>(iowait) + static_cast<double>(irq) +
                         static_cast<double>(softirq) + static_cast<double>(steal);
    if (whole <= 0) return {};  // two gathers within one tick

    metric::RowWriter row = one.schema.add(out, context.time);
    const auto set = [&](Usage field, std::uint64_t ticks) {
      row.set(field, percent(static_cast<double>(ticks), whole));
    };
    set(kCpuUser, user - guest);
    set(kCpuSystem, system);
    set(kCpuIdle, idle);
    set(kCpuNice, nice - guest_nice);
    set(kCpuIowait, iowait);
    set(kCpuIrq, irq);
    set(kCpuSoftirq, softirq);
    set(kCpuSteal, steal);
    set(kCpuGuest, guest);
    set(kCpuGuestNice, guest_nice);
    row.set(kCpuActive, percent(whole - static_cast<double>(idle), whole));
    return {};
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  One total_;
  std::vector<One> one_;  // by the CPU's number
  std::uint64_t gathers_ = 0;
};

}  // namespace

std::unique_ptr<Collector> make_cpu(const Roots&, const CollectorOptions& options, metric::SchemaTable& schemas,
                                    Shared& shared) {
  return std::make_unique<Cpu>(options, schemas, shared);
}

}  // namespace resmon::collect
