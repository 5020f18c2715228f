#pragma once

// GPUs of NVIDIA with NVIDIA's own driver, which has nothing of them in sysfs but their power state: their figures are
// asked from the driver's own program, nvidia-smi. Starting that costs up to seconds, so it is kept running and prints
// its figures every ten seconds.
//
// It wakes every GPU, and holds it awake. So each card's power state is read first (power/runtime_status, which asks no
// device), and while one of them sleeps the program does not run. Where a card may sleep at all (power/control is
// `auto`), the program is not kept running, but started once for a gather while all are awake; its figures are in the
// next gather. A program that fails, ends or hangs is left alone for five minutes, so that a broken driver costs
// nothing.

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "collect/collector.h"
#include "collect/row_schema.h"

namespace resmon::collect {

// One line of `nvidia-smi --query-gpu=… --format=csv,noheader,nounits`. What the card does not know is empty.
struct NvidiaFigures {
  std::string address;  // as in sysfs: "0000:01:00.0"
  std::optional<double> usage_percent;
  std::optional<double> memory_usage_percent;
  std::optional<double> memory_used_mib;
  std::optional<double> memory_total_mib;
  std::optional<double> clock_mhz;
  std::optional<double> celsius;
  std::optional<double> fan_percent;
  std::optional<double> watts;
};
extern const char* const kNvidiaQuery;  // --query-gpu of those
// False when it is no such line. `absurd`: how many values no card can have.
bool parse_nvidia_line(std::string_view line, NvidiaFigures& out, int& absurd);

class NvidiaCards {
 public:
  NvidiaCards(const Roots& roots, const Filter& filter, metric::SchemaTable& schemas);
  ~NvidiaCards();
  NvidiaCards(const NvidiaCards&) = delete;
  NvidiaCards& operator=(const NvidiaCards&) = delete;

  Status gather(const GatherContext& context, metric::Batch& out);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Card {
    std::string address;
    RowSchema gpu;
    RowSchema temperature;
    bool asleep = false;
    std::optional<NvidiaFigures> figures;
    Time figures_at;
  };

  void rebuild();
  bool may_run(const GatherContext& context) const;
  void start(bool keep, const GatherContext& context);
  void read(const GatherContext& context);
  void take(std::string_view line, const GatherContext& context);
  void reap(const GatherContext& context);
  void failed(std::string problem, const GatherContext& context);
  void end();
  Status write(Card& card, const GatherContext& context, metric::Batch& out) const;

  const std::string folder_;
  const std::string control_file_;
  const Filter& filter_;
  metric::SchemaTable& schemas_;
  std::size_t mark_ = 0;
  std::vector<Card> cards_;

  pid_t process_ = -1;  // there may be one that does not end although it was told to
  bool kept_ = false;   // it prints again and again
  bool ended_ = false;  // its output, or it was killed
  int output_ = -1;
  int complaints_ = -1;
  std::string text_;
  std::string complaint_;
  std::string problem_;
  Time heard_;
  Time not_before_;
};

}  // namespace resmon::collect
