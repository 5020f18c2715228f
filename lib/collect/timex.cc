// The clock, by adjtimex(2), which anyone may ask. Telegraf has no such plugin; the names are node_exporter's. A
// container has its host's clock.

#include "collect/timex.h"

#include <cerrno>
#include <cmath>

#include "base/result.h"
#include "collect/collectors.h"
#include "collect/row_schema.h"

namespace resmon::collect {

namespace {

constexpr double kPpmScale = 65536;  // frequencies are in ppm with 16 bits of fraction

enum TimexField : std::size_t { kSyncStatus, kOffset, kFrequency, kEstimatedError, kMaximumError, kTaiOffset };
constexpr FieldSpec kTimexFields[] = {
    {"sync_status", kInteger},           {"offset_seconds", kFloat},   {"frequency_adjustment_ppm", kFloat},
    {"estimated_error_seconds", kFloat}, {"maxerror_seconds", kFloat}, {"tai_offset_seconds", kInteger}};

double microseconds(double value) {
  return std::round(value) / 1e6;
}

class TimexCollector final : public Collector {
 public:
  explicit TimexCollector(metric::SchemaTable& schemas) : schema_(schemas, "timex", {}, kTimexFields) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    ::timex answer{};  // modes = 0: it only asks
    const int result = ::adjtimex(&answer);
    if (result < 0) {
      // A sandbox's filter of system calls; there is nothing to be had then.
      context.tell("adjtimex", "the kernel does not report the state of the clock");
      return {};
    }
    RESMON_TRY(schema_.ready());
    const ClockState state = clock_state(answer, result);
    metric::RowWriter row = schema_.add(out, context.time);
    row.set(kSyncStatus, std::int64_t{state.synchronised});
    row.set(kOffset, state.offset_seconds);
    row.set(kFrequency, state.frequency_ppm);
    row.set(kEstimatedError, state.estimated_error_seconds);
    row.set(kMaximumError, state.maximum_error_seconds);
    row.set(kTaiOffset, state.tai_offset_seconds);
    return {};
  }

 private:
  RowSchema schema_;
};

}  // namespace

ClockState clock_state(const ::timex& answer, int result) {
  ClockState state;
  state.synchronised = result != TIME_ERROR && (answer.status & STA_UNSYNC) == 0;
  const auto offset = static_cast<double>(answer.offset);
  state.offset_seconds = microseconds((answer.status & STA_NANO) != 0 ? offset / 1000 : offset);
  state.frequency_ppm = std::round(static_cast<double>(answer.freq) / kPpmScale * 1000) / 1000;
  state.estimated_error_seconds = microseconds(static_cast<double>(answer.esterror));
  state.maximum_error_seconds = microseconds(static_cast<double>(answer.maxerror));
  state.tai_offset_seconds = answer.tai;
  return state;
}

std::unique_ptr<Collector> make_timex(const Roots&, const CollectorOptions&, metric::SchemaTable& schemas, Shared&) {
  return std::make_unique<TimexCollector>(schemas);
}

}  // namespace resmon::collect
