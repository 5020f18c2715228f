// resmon-server backfill: a sink of its own, which reads from the store in place of the journal. Encoding, requests,
// retries, the search for rejected lines and what is sent again after the database was away are those of the server's
// sinks. The server may run meanwhile: the store is opened for reading.

#include "backfill_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "alert/message.h"
#include "backfill.h"
#include "base/exit_code.h"
#include "base/json_text.h"
#include "command_tools.h"
#include "config/units.h"
#include "flush_request.h"
#include "net/spawn.h"
#include "options.h"
#include "program/program.h"
#include "sink/sink.h"
#include "store/store.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr const char* kBackfillName = "resmon-server";
constexpr std::chrono::milliseconds kBackfillLookEvery{100};
constexpr std::chrono::milliseconds kBackfillLinger{200};
constexpr std::chrono::seconds kBackfillDrain{2};  // after a signal
constexpr std::chrono::seconds kBackfillEnd{1};    // how much later the sink has ended
// The sink sends again no sooner than a sixth of its window after the last time, and looks once a second.
constexpr int kBackfillSettleParts = 6;
constexpr std::chrono::seconds kBackfillSettleMore{2};

struct BackfillCommand {
  Options options;
  config::Settings settings{"server"};
  std::vector<std::string> words;
  std::string from, to, hosts;
  std::string wait = "5m";
  bool progress = false;
  std::chrono::nanoseconds patience{0};
  store::TimeRange range;
};

volatile std::sig_atomic_t g_backfill_signal = 0;

// The second one ends the program.
void end_backfill_by_signals() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { g_backfill_signal = signal; };
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaction(signal, &action, nullptr);
}

std::vector<std::string> split_names(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

// As --from takes it.
std::string bound_text(UnixNanos time) {
  return time % 1'000'000'000 == 0 && time >= 0 ? alert::time_text(time) : std::to_string(time);
}

// The sink that sends, and the context that it runs in, with a thread.
class Sending {
 public:
  Sending(const metric::SchemaTable& schemas, UnixNanos first)
      : schemas_(schemas), source_(context_.get_executor(), first) {}
  ~Sending() {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  Sending(const Sending&) = delete;
  Sending& operator=(const Sending&) = delete;

  Status start(const sink::SinkOptions& options) {
    RESMON_ASSIGN(sink_, sink::Sink::make(context_.get_executor(), options, schemas_, source_));
    net::start(sink_->executor(), sink_->run());
    thread_ = std::thread([this] { context_.run(); });
    return {};
  }
  // What is under way is completed, if that is soon.
  void stop() {
    sink_->stop(kBackfillDrain);
    const auto until = steady_clock::now() + kBackfillDrain + kBackfillEnd;
    while (sink_->stats().state != sink::State::kStopped && steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  BackfillSource& source() { return source_; }
  sink::Stats stats() const { return sink_->stats(); }

 private:
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  const metric::SchemaTable& schemas_;
  BackfillSource source_;
  std::unique_ptr<sink::Sink> sink_;
  std::thread thread_;
};

// Looks after the sink while rows are read: prints progress, and ends the run for a reason.
class Watcher {
 public:
  Watcher(const BackfillCommand& command, const std::string& sink, Sending& sending, const Backfill& backfill)
      : patience_(command.patience),
        sending_(sending),
        backfill_(backfill),
        progress_("backfill of " + sink, command.progress) {}

  bool look() {
    const auto now = steady_clock::now();
    if (now < next_) return true;
    next_ = now + kBackfillLookEvery;
    const sink::Stats stats = sending_.stats();
    if (g_backfill_signal != 0) {
      reason_ = "interrupted";
      answers_ = stats.failing_since == 0;
      return false;
    }
    if (stats.state == sink::State::kDenied) {
      reason_ = "the database rejects everything: " + stats.last_error;
      return false;
    }
    const std::int64_t failing = stats.failing_since == 0 ? 0 : Clock::system().wall() - stats.failing_since;
    if (failing >= patience_.count() && stats.failing_since != 0) {
      reason_ = "the database accepted nothing for " + alert::duration_text(failing) + ": " + stats.last_error;
      return false;
    }
    const std::uint64_t samples = stats.sent_samples - stats.resent_samples;
    const double part = backfill_.done();
    std::string text = fmt::format("{:.0f} %, {} samples, before {}", part * 100, samples,
                                   alert::time_text(sending_.source().delivered_before()));
    if (stats.failing_since != 0)
      text += ", waiting: " + printable(stats.last_error);
    else if (part > 0.01 && part < 1)
      text += ", about " +
              alert::duration_text(static_cast<std::int64_t>(
                  static_cast<double>(std::chrono::nanoseconds(now - begin_).count()) * (1 - part) / part)) +
              " left";
    progress_.show(text);
    return true;
  }
  const std::string& reason() const { return reason_; }
  // Before which time the database has all, as far as that is certain.
  UnixNanos sent_before() const {
    return answers_ ? sending_.source().delivered_before() : sending_.source().committed_before();
  }

 private:
  const std::chrono::nanoseconds patience_;
  Sending& sending_;
  const Backfill& backfill_;
  CommandProgress progress_;
  const steady_clock::time_point begin_ = steady_clock::now();
  steady_clock::time_point next_{};
  std::string reason_;
  bool answers_ = false;
};

int report(const std::string& name, const sink::Stats& stats, const std::string& refused_file, std::uint64_t damaged) {
  const auto number = [](std::uint64_t n) { return static_cast<unsigned long long>(n); };
  if (stats.skipped_values > 0)
    std::fprintf(stderr, "backfill: %llu values were left out, because the protocol of %s cannot carry them\n",
                 number(stats.skipped_values), name.c_str());
  if (!stats.warning.empty()) std::fprintf(stderr, "backfill: warning: %s\n", printable(stats.warning).c_str());
  if (stats.refused_lines > 0)
    std::fprintf(stderr, "backfill: %s rejected %llu lines with %llu samples: %s\nbackfill: see %s\n", name.c_str(),
                 number(stats.refused_lines), number(stats.refused_samples), printable(stats.last_refusal).c_str(),
                 refused_file.c_str());
  const int code = end_with_damage("backfill", damaged);
  return code == kExitDone && stats.refused_lines > 0 ? kExitFailed : code;
}

Result<int> backfill(const BackfillCommand& command, sink::SinkOptions sink, const rule::Config& rules) {
  end_backfill_by_signals();
  metric::SchemaTable schemas;
  RESMON_ASSIGN(const std::unique_ptr<store::Store> opened, open_flushed(command.options.store_options(), schemas));
  RESMON_ASSIGN(const std::unique_ptr<Backfill> backfill,
                Backfill::plan(*opened, schemas, command.range, split_names(command.hosts), rules,
                               [] { return g_backfill_signal == 0; }));
  if (backfill->range().first == backfill->range().last) {
    std::fprintf(stderr, "backfill: the store has no rows there; nothing was sent\n");
    return report(sink.name, {}, {}, opened->stats().damaged_chunks);
  }
  // A file of its own: the server's must stay the server's when this runs as another user.
  if (sink.refused_file.ends_with(".txt")) sink.refused_file.resize(sink.refused_file.size() - 4);
  sink.refused_file += "-backfill.txt";
  sink.linger = std::min<std::chrono::nanoseconds>(sink.linger, kBackfillLinger);
  Sending sending(schemas, backfill->range().first);
  RESMON_TRY(sending.start(sink));
  bool all = false;
  std::string reason;
  UnixNanos sent_before = 0;
  {
    Watcher watcher(command, sink.name, sending, *backfill);
    RESMON_ASSIGN(all, backfill->run(sending.source(), sink.resend_window / kBackfillSettleParts + kBackfillSettleMore,
                                     [&] { return watcher.look(); }));
    sending.stop();
    reason = watcher.reason();
    sent_before = watcher.sent_before();
  }
  const sink::Stats stats = sending.stats();
  const std::uint64_t samples = stats.sent_samples - stats.resent_samples;
  const int code = report(sink.name, stats, sink.refused_file, opened->stats().damaged_chunks);
  if (all) {
    std::fprintf(stderr, "backfill: %llu rows read, %llu samples sent to %s in %llu requests\n",
                 static_cast<unsigned long long>(backfill->rows()), static_cast<unsigned long long>(samples),
                 sink.name.c_str(), static_cast<unsigned long long>(stats.requests - stats.retries));
    return code;
  }
  std::fprintf(stderr, "backfill: %llu samples were sent; everything before %s is in %s\n",
               static_cast<unsigned long long>(samples), bound_text(sent_before).c_str(), sink.name.c_str());
  std::fprintf(stderr, "backfill: to go on, run it again with --from %s\n", bound_text(sent_before).c_str());
  return fail(ErrorKind::kUnavailable, reason);
}

int usage(const std::string& text) {
  return program::complain(kBackfillName, Error{ErrorKind::kInvalid, "backfill: " + text}, kExitUsage);
}

}  // namespace

int run_backfill_command(int argc, char** argv) {
  BackfillCommand command;
  command.options.declare(command.settings);
  program::Program program({std::string(kBackfillName) + " backfill", RESMON_VERSION,
                            "Sends stored rows to the database of [sink.SINK], in order of time.",
                            "Examples:\n"
                            "  resmon-server backfill influx --config server.toml \\\n"
                            "    --from 2026-01-02 --to 2026-01-03T12:00:00Z --hosts web1,web2\n"
                            "The server may keep running. Rows that the database has already do no harm.\n"
                            "After an interruption, the --from with which to go on is printed.\n"
                            "Exit codes: 0 done, 1 failed or lines were rejected, 2 usage, 3 configuration,\n"
                            "  5 damaged chunks were left out"},
                           command.settings);
  program.words(&command.words, "SINK: the name of a sink");
  program.option("--from", &command.from, "TIME", "Rows at this time or later");
  program.option("--to", &command.to, "TIME", "Rows before this time");
  program.option("--hosts", &command.hosts, "NAMES", "Of these hosts only, such as web1,web2");
  program.option("--wait", &command.wait, "SPAN", "How long to wait for a busy database (default 5m)");
  program.flag("--progress", &command.progress, "Print progress, also if standard error is not a terminal");
  if (const auto code = program.start(argc, argv, [&] { return command.options.check(); })) return *code;
  if (command.words.size() != 1) return usage("the usage is: backfill SINK --from TIME --to TIME");
  const std::string& name = command.words[0];
  const auto sink = std::find_if(command.options.sinks.begin(), command.options.sinks.end(),
                                 [&](const sink::SinkOptions& one) { return one.name == name; });
  if (sink == command.options.sinks.end()) {
    std::string known;
    for (const sink::SinkOptions& one : command.options.sinks) known += (known.empty() ? "" : ", ") + one.name;
    return usage("there is no [sink." + printable(name) + "]" +
                 (known.empty() ? "; no sink is configured" : "; the sinks are: " + known));
  }
  if (sink->kind == "loki") return usage("[sink." + name + "] gets log lines only; backfill sends samples");
  const rule::Config& rules = command.options.sink_rules[name];
  if (rules.has_windows())
    return usage("[sink." + name + "] has a rule with `every`; backfill cannot make such windows");
  if (command.from.empty() || command.to.empty()) return usage("--from and --to are needed");
  for (const auto& [text, flag, bound] : {std::tuple{&command.from, "--from", &command.range.first},
                                          std::tuple{&command.to, "--to", &command.range.last}}) {
    const auto parsed = parse_bound(*text, flag);
    if (!parsed) return usage(parsed.error().message);
    *bound = *parsed;
  }
  if (command.range.first >= command.range.last) return usage("--from must be before --to");
  const auto patience = config::parse_duration(command.wait);
  if (!patience || patience->count() <= 0)
    return usage("--wait: '" + printable(command.wait) + "' is not a span such as 30s or 5m");
  command.patience = *patience;
  command.options.log.level = "error";
  if (Status applied = command.options.log.apply(); !applied)
    return program::complain(kBackfillName, applied.error(), kExitConfiguration);
  const auto done = backfill(command, *sink, rules);
  if (done) return *done;
  return program::complain(kBackfillName, Error(done.error()).wrap("backfill"),
                           done.error().kind == ErrorKind::kNotFound  ? kExitUsage
                           : done.error().kind == ErrorKind::kInvalid ? kExitConfiguration
                           : done.error().kind == ErrorKind::kDamaged ? kExitDamaged
                                                                      : kExitFailed);
}

}  // namespace resmon::server
