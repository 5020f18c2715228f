// Processes by state, from /proc/PID/stat of every process (process_table.h).

#include "collect/collectors.h"
#include "collect/process_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

enum ProcessField : std::size_t {
  kRunning,
  kSleeping,
  kBlocked,
  kStopped,
  kZombies,
  kDead,
  kIdle,
  kPaging,
  kUnknown,
  kTotal,
  kTotalThreads,
  kParked,
  kProcessFields
};
constexpr FieldSpec kProcessesFields[] = {
    {"running", kInteger}, {"sleeping", kInteger}, {"blocked", kInteger},       {"stopped", kInteger},
    {"zombies", kInteger}, {"dead", kInteger},     {"idle", kInteger},          {"paging", kInteger},
    {"unknown", kInteger}, {"total", kInteger},    {"total_threads", kInteger}, {"parked", kInteger},
};

ProcessField field_of(char state) {
  switch (state) {
    case 'R':
      return kRunning;
    case 'S':
      return kSleeping;
    case 'D':
      return kBlocked;
    case 'T':
    case 't':
      return kStopped;
    case 'Z':
      return kZombies;
    case 'X':
    case 'x':
      return kDead;
    case 'I':
      return kIdle;
    case 'W':
      return kPaging;
    case 'P':
      return kParked;
    default:
      return kUnknown;
  }
}

class Processes final : public Collector {
 public:
  Processes(metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared), schema_(schemas, "processes", {}, kProcessesFields) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    Status status;
    RESMON_ASSIGN(const auto processes, shared_.processes(context, status));
    std::uint64_t counts[kProcessFields] = {};
    for (const ProcessTable::Process& process : processes) {
      ++counts[field_of(process.state)];
      counts[kTotalThreads] += process.threads;
    }
    counts[kTotal] = processes.size();
    metric::RowWriter row = schema_.add(out, context.time);
    for (std::size_t field = 0; field < kParked; ++field) row.set(field, clip(counts[field]));
    if (counts[kParked] != 0) row.set(kParked, clip(counts[kParked]));
    return status;
  }

 private:
  Shared& shared_;
  RowSchema schema_;
};

}  // namespace

std::unique_ptr<Collector> make_processes(const Roots&, const CollectorOptions&, metric::SchemaTable& schemas,
                                          Shared& shared) {
  return std::make_unique<Processes>(schemas, shared);
}

}  // namespace resmon::collect
