#include "collect/nvidia.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/child_process.h"
#include "collect/pinned_file.h"
#include "collect/sys_tree.h"
#include "procfs/scan.h"

namespace resmon::collect {

const char* const kNvidiaQuery =
    "pci.bus_id,utilization.gpu,utilization.memory,memory.used,memory.total,clocks.current.graphics,temperature.gpu,"
    "fan.speed,power.draw";

namespace {

constexpr std::size_t kMostNvidiaCards = 32;
constexpr std::size_t kMostNvidiaText = 64U << 10U;
constexpr std::size_t kMostComplaint = 300;
constexpr std::chrono::seconds kFresh{25};
constexpr std::chrono::seconds kSilence{60};
constexpr std::chrono::minutes kNotAgain{5};
constexpr double kMiB = 1 << 20;

enum NvidiaField : std::size_t { kNvState, kNvUsage, kNvMemoryUsage, kNvUsed, kNvTotal, kNvClock, kNvFan, kNvWatts };
constexpr FieldSpec kNvidiaFields[] = {
    {"state", kString},         {"usage_percent", kFloat}, {"memory_usage_percent", kFloat}, {"memory_used", kInteger},
    {"memory_total", kInteger}, {"clock_mhz", kFloat},     {"fan_percent", kFloat},          {"power_watts", kFloat}};
constexpr FieldSpec kNvidiaTemperature[] = {{"temp", kFloat}};

// "00000000:0A:00.0" is sysfs' "0000:0a:00.0".
std::string sysfs_address(std::string_view text) {
  constexpr std::size_t kSize = 12;
  if (text.size() < kSize) return {};
  std::string address(text.substr(text.size() - kSize));
  for (char& c : address)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  return address.find_first_not_of("0123456789abcdef:.") == std::string::npos ? address : std::string();
}

std::string_view trimmed_column(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::vector<std::string> child_environment() {
  const char* const path = std::getenv("PATH");
  return {std::string("PATH=") + (path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"), "LC_ALL=C"};
}

std::string find_on_path(const std::string& program) {
  const char* const path = std::getenv("PATH");
  std::string_view left = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!left.empty()) {
    const std::size_t colon = std::min(left.find(':'), left.size());
    const std::string file = std::string(left.substr(0, colon)) + "/" + program;
    if (file.front() == '/' && ::access(file.c_str(), X_OK) == 0) return file;
    left.remove_prefix(std::min(colon + 1, left.size()));
  }
  return {};
}

}  // namespace

bool parse_nvidia_line(std::string_view line, NvidiaFigures& out, int& absurd) {
  out = {};
  absurd = 0;
  struct {
    std::optional<double>* value;
    double most;
  } const columns[] = {{&out.usage_percent, 100},   {&out.memory_usage_percent, 100},
                       {&out.memory_used_mib, 1e9}, {&out.memory_total_mib, 1e9},
                       {&out.clock_mhz, 20'000},    {&out.celsius, 200},
                       {&out.fan_percent, 200},     {&out.watts, 20'000}};
  std::size_t comma = std::min(line.find(','), line.size());
  out.address = sysfs_address(trimmed_column(line.substr(0, comma)));
  if (out.address.empty()) return false;
  for (const auto& column : columns) {
    if (comma >= line.size()) return false;
    line.remove_prefix(comma + 1);
    comma = std::min(line.find(','), line.size());
    const std::string_view text = trimmed_column(line.substr(0, comma));
    double number = 0;
    procfs::Fields fields(text);
    if (!fields.decimal(number) || !fields.at_end()) continue;  // "[N/A]", "[Not Supported]"
    if (number > column.most)
      ++absurd;
    else
      *column.value = number;
  }
  return comma == line.size();
}

NvidiaCards::NvidiaCards(const Roots& roots, const Filter& filter, metric::SchemaTable& schemas)
    : folder_(roots.sys + "/bus/pci/drivers/nvidia"),
      control_file_(roots.root + "/dev/nvidiactl"),
      filter_(filter),
      schemas_(schemas) {}

NvidiaCards::~NvidiaCards() {
  end();
}

void NvidiaCards::rebuild() {
  cards_.clear();
  std::size_t number = 0;
  for (const std::string& address : sorted_entries(folder_)) {
    if (address.find(':') == std::string::npos) continue;  // bind, unbind, module …
    const std::string name = "nvidia" + std::to_string(number++);
    if (cards_.size() >= kMostNvidiaCards || !filter_.matches(name)) continue;
    cards_.push_back(
        {address,
         RowSchema(schemas_, "gpu", {{"name", name}, {"driver", "nvidia"}, {"device", address}}, kNvidiaFields),
         RowSchema(schemas_, "temp", {{"sensor", "nvidia"}, {"device", address}}, kNvidiaTemperature),
         false,
         {},
         {}});
  }
}

Status NvidiaCards::gather(const GatherContext& context, metric::Batch& out) {
  if (const std::size_t mark = 1 + listing_mark(folder_); mark != mark_) {
    mark_ = mark;
    rebuild();
  }
  bool any_asleep = false;
  bool any_may_sleep = false;
  for (Card& card : cards_) {
    const std::string power = folder_ + "/" + card.address + "/power/";
    const std::string state = read_line(power + "runtime_status");
    card.asleep = state == "suspended" || state == "suspending";
    any_asleep = any_asleep || card.asleep;
    any_may_sleep = any_may_sleep || read_line(power + "control") == "auto";
  }
  if (cards_.empty() || any_asleep) {
    end();
  } else {
    read(context);
    if (kept_ && any_may_sleep) end();
    if (process_ <= 0 && context.steady >= not_before_ && may_run(context)) start(!any_may_sleep, context);
  }
  reap(context);
  for (Card& card : cards_) RESMON_TRY(write(card, context, out));
  if (!problem_.empty() && !cards_.empty()) return fail(ErrorKind::kUnavailable, problem_);
  return {};
}

bool NvidiaCards::may_run(const GatherContext& context) const {
  if (::access(control_file_.c_str(), R_OK | W_OK) != 0) {
    context.tell("nvidia", "this client may not use NVIDIA's devices, so there are no figures of these GPUs");
    return false;
  }
  if (find_on_path("nvidia-smi").empty()) {
    context.tell("nvidia", "nvidia-smi is not installed, so there are no figures of NVIDIA's GPUs");
    return false;
  }
  return true;
}

void NvidiaCards::start(bool keep, const GatherContext& context) {
  std::vector<std::string> words = {find_on_path("nvidia-smi"), std::string("--query-gpu=") + kNvidiaQuery,
                                    "--format=csv,noheader,nounits"};
  if (keep) words.emplace_back("--loop=10");
  auto child = start_child(words, child_environment(), ChildFolder::kRoot);
  if (!child) return failed(child.error().message, context);
  process_ = child->id;
  output_ = child->output;
  complaints_ = child->complaints;
  kept_ = keep;
  ended_ = false;
  text_.clear();
  complaint_.clear();
  heard_ = context.steady;
}

// What it has printed since the last gather.
void NvidiaCards::read(const GatherContext& context) {
  if (process_ <= 0 || ended_) return;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(complaints_, buffer, sizeof buffer)) > 0)
    complaint_.append(buffer, std::min(static_cast<std::size_t>(got), kMostComplaint - complaint_.size()));
  std::size_t size = 0;
  while (size < kMostNvidiaText && (got = ::read(output_, buffer, sizeof buffer)) > 0) {
    size += static_cast<std::size_t>(got);
    text_.append(buffer, static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text_.find('\n', begin)) != std::string::npos; begin = end + 1)
      take(std::string_view(text_).substr(begin, end - begin), context);
    text_.erase(0, begin);
    if (text_.size() > sizeof buffer) text_.clear();  // no line of it is so long
  }
  ended_ = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
  if (!ended_ && context.steady - heard_ > kSilence) {
    end();
    failed("nvidia-smi does not answer", context);
  }
}

void NvidiaCards::take(std::string_view line, const GatherContext& context) {
  NvidiaFigures figures;
  int absurd = 0;
  if (!parse_nvidia_line(line, figures, absurd)) {
    context.skipped("nvidia-smi", "not a line of figures", line);
    return;
  }
  if (absurd != 0) context.skipped("nvidia-smi", "no value that a GPU can have", line);
  heard_ = context.steady;
  problem_.clear();
  for (Card& card : cards_) {
    if (card.address != figures.address) continue;
    card.figures = std::move(figures);
    card.figures_at = context.steady;
    return;
  }
}

// A process that the kernel does not end keeps a further one from starting.
void NvidiaCards::reap(const GatherContext& context) {
  if (process_ <= 0 || !ended_) return;
  const bool told_to = output_ < 0;
  // One that has closed its output is given the time to end by itself.
  if (told_to || context.steady - heard_ > kSilence) ::kill(-process_, SIGKILL);
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) == 0) return;
  process_ = -1;
  if (told_to) return;
  end();
  if (!kept_ && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  std::string text = complaint_.substr(0, complaint_.find('\n'));
  text.erase(std::remove_if(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }),
             text.end());
  const std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                              : "exit code " + std::to_string(WEXITSTATUS(status));
  failed("nvidia-smi ended: " + how + (text.empty() ? "" : ": " + text), context);
}

void NvidiaCards::failed(std::string problem, const GatherContext& context) {
  problem_ = std::move(problem);
  not_before_ = context.steady + kNotAgain;
}

void NvidiaCards::end() {
  for (int* const file : {&output_, &complaints_})
    if (*file >= 0) ::close(std::exchange(*file, -1));
  if (process_ <= 0) return;
  ended_ = true;
  ::kill(-process_, SIGKILL);
  if (::waitpid(process_, nullptr, WNOHANG) != 0) process_ = -1;
}

Status NvidiaCards::write(Card& card, const GatherContext& context, metric::Batch& out) const {
  RESMON_TRY(card.gpu.ready());
  metric::RowWriter row = card.gpu.add(out, context.time);
  row.set(kNvState, std::string_view(card.asleep ? "suspended" : "active"));
  if (card.asleep) {
    card.figures.reset();
    row.set(kNvUsage, 0.0);
    return {};
  }
  if (!card.figures || context.steady - card.figures_at > kFresh) return {};
  const NvidiaFigures& f = *card.figures;
  const auto bytes = [](double mib) { return static_cast<std::int64_t>(mib * kMiB); };
  set(row, kNvUsage, f.usage_percent);
  set(row, kNvMemoryUsage, f.memory_usage_percent);
  if (f.memory_used_mib) row.set(kNvUsed, bytes(*f.memory_used_mib));
  if (f.memory_total_mib) row.set(kNvTotal, bytes(*f.memory_total_mib));
  set(row, kNvClock, f.clock_mhz);
  set(row, kNvFan, f.fan_percent);
  set(row, kNvWatts, f.watts);
  if (!f.celsius) return {};
  RESMON_TRY(card.temperature.ready());
  card.temperature.add(out, context.time).set(0, *f.celsius);
  return {};
}

}  // namespace resmon::collect
