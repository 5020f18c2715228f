#include "agent.h"

// One thread, one io_context. A gather is a fraction of a millisecond, so it runs between the network's events; only
// statfs, which may hang, has a thread of its own (in collect), and so has the disk's sync (in uplink). A gather's
// batch goes to the spool, the uplink is told, and the thread sleeps until the next gather or acknowledgement.
//
// Memory is part of the product: once the first gathers are through, the pages that only start-up and the TLS handshake
// needed are given back. They are clean copies of the program file, so a later reconnect just reads them again.

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cmath>
#include <cstdio>

#include "base/file.h"
#include "base/log.h"
#include "base/skipped_turns.h"
#include "inputs.h"
#include "live_processes.h"
#include "logs.h"
#include "net/spawn.h"
#include "net/token_set.h"
#include "rules.h"
#include "scrapes.h"
#include "uplink/spool.h"

namespace resmon::client {

namespace asio = boost::asio;

namespace {

constexpr int kGathersBeforeRelease = 3;  // what only start-up needed
constexpr int kGathersPerRelease = 64;    // what only a rare task needed
constexpr auto kReportAgain = std::chrono::minutes(10);
constexpr auto kTokenEvery = std::chrono::seconds(1);  // the least time between two looks at the token file
constexpr std::chrono::nanoseconds kLongestSleep = std::chrono::minutes(1);
constexpr std::chrono::nanoseconds kClockStep = std::chrono::seconds(1);  // the wall clock moved, not just our wake-up

struct Segments {
  std::array<std::pair<std::uintptr_t, std::uintptr_t>, 64> ranges;
  std::size_t size = 0;
};

// Notes one object's read-only segments. A segment that was writable once (relocations, then made read-only) is left
// out: its pages exist nowhere else.
int note_segments(dl_phdr_info* object, std::size_t, void* to) {
  auto& segments = *static_cast<Segments*>(to);
  for (int i = 0; i < object->dlpi_phnum && segments.size < segments.ranges.size(); ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t from = object->dlpi_addr + segment.p_vaddr;
    segments.ranges[segments.size++] = {from, from + segment.p_filesz};
  }
  return 0;
}

// Gives free memory back, and lets go of the resident pages of the program's file. What a gather needs faults in again,
// 64 KiB at a time: 0.3 ms. All segments are noted first: the list of them is in one itself.
void release_unused_pages() {
  malloc_trim(0);
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  Segments segments;
  dl_iterate_phdr(note_segments, &segments);
  for (std::size_t i = 0; i < segments.size; ++i) {
    const std::uintptr_t from = segments.ranges[i].first & ~(page - 1);
    madvise(reinterpret_cast<void*>(from), segments.ranges[i].second - from, MADV_DONTNEED);
  }
}

std::int64_t resident_bytes() {
  long pages = 0;
  long resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<std::int64_t>(resident) * sysconf(_SC_PAGESIZE);
}

class Agent {
 public:
  Agent(const Options& options, uplink::Options uplink_options, std::unique_ptr<collect::Gatherer> gatherer,
        metric::SchemaTable& schemas)
      : options_(options),
        schemas_(schemas),
        gatherer_(std::move(gatherer)),
        logs_(open_logs(uplink_options, schemas)),
        spool_(options.spool_options(), schemas),
        processes_(io_.get_executor(), options.gather_options().roots, options.process_list, options.command_lines,
                   [this](const wire::ProcessList& list) { uplink_.answer(list); }),
        uplink_(io_.get_executor(), with_answers(with_lines_said(std::move(uplink_options))), spool_, schemas),
        rules_(Rules::make(options, schemas)),
        timer_(io_),
        signals_(io_, SIGTERM, SIGINT),
        // Checked by Options::check, so it can be made.
        scripts_(collect::Scripts::make(io_.get_executor(), options.script_settings(), schemas_,
                                        [this](metric::Batch& rows) { take_rows(rows); })
                     .value()),
        inputs_(io_.get_executor(), options.inputs, schemas_, [this](metric::Batch& rows) { take_rows(rows); }),
        scrapes_(io_.get_executor(), options.scrapes, schemas_, [this](metric::Batch& rows) { take_rows(rows); }) {
    using metric::FieldType;
    self_ = schemas_
                .intern({"internal_client",
                         {},
                         {{"backlog_samples", FieldType::kInteger},
                          {"dropped_samples", FieldType::kInteger},
                          {"acknowledged_samples", FieldType::kInteger},
                          {"sent_batches", FieldType::kInteger},
                          {"sent_bytes", FieldType::kInteger},
                          {"connections", FieldType::kInteger},
                          {"connection_failures", FieldType::kInteger},
                          {"spool_disk_bytes", FieldType::kInteger},
                          {"cpu_seconds", FieldType::kFloat},
                          {"memory_resident_bytes", FieldType::kInteger},
                          {"skipped_gathers", FieldType::kInteger},
                          {"refused_samples", FieldType::kInteger}}})
                .value_or(0);
  }

  void run() {
    net::start(io_.get_executor(), sample(), [this](const std::exception_ptr& e) { ended(e); });
    net::start(io_.get_executor(), uplink_.run(), [this](const std::exception_ptr& e) { ended(e); });
    reported_dropped_ = spool_.dropped_samples();
    report_spool();
    if (!spool_.empty())
      log::info("client", "an earlier run left samples that no server has acknowledged",
                {{"samples", spool_.backlog_samples()}});
    scripts_->begin();
    inputs_.start();
    scrapes_.start();
    if (logs_) {
      running_ += 2;
      net::start(io_.get_executor(), logs_->read(), [this](const std::exception_ptr& e) { ended(e); });
      net::start(io_.get_executor(), logs_->send(), [this](const std::exception_ptr& e) { ended(e); });
    }
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      log::info("client", "stopping", {{"signal", signal}, {"backlog_samples", spool_.backlog_samples()}});
      stop();
      // A second signal means now.
      signals_.async_wait([this](const boost::system::error_code& again, int) {
        if (!again) io_.stop();
      });
    });
    io_.run();
    if (failure_) std::rethrow_exception(failure_);
    if (!spool_.empty()) {
      if (spool_.on_disk() && spool_.disk_error().empty())
        log::info("client", "stopped with samples that no server has acknowledged; they are kept",
                  {{"samples", spool_.backlog_samples()}, {"spool", options_.spool_options().disk.directory}});
      else
        log::warn("client", "stopped with samples that no server has acknowledged",
                  {{"samples", spool_.backlog_samples()}});
    }
    log::info("client", "stopped",
              {{"acknowledged_samples", uplink_.stats().acknowledged_samples},
               {"dropped_samples", spool_.dropped_samples()},
               {"refused_samples", uplink_.stats().refused_samples}});
  }

 private:
  uplink::Options with_answers(uplink::Options options) {
    options.on_ask = [this](const wire::Ask& ask) { processes_.asked(ask); };
    return options;
  }

  // Null where no lines are wanted, or none can be taken.
  std::unique_ptr<Logs> open_logs(const uplink::Options& uplink_options, metric::SchemaTable& schemas) {
    const LogSources sources = options_.log_sources();
    if (const std::string off = options_.default_sources_off(); !off.empty())
      log::info("logs", "a table [logs.NAME] turns the default sources off: give those that are wanted a table, too",
                {{"off", off}});
    if (sources.empty()) return nullptr;
    const uplink::LineSpoolOptions spool = options_.line_spool_options();
    if (spool.directory.empty()) {
      // The usual logs were not asked for.
      if (options_.logs.empty()) return nullptr;
      log::warn("logs", "no log lines are read: spool.directory, which stores how far each file was read, is not set",
                {{"sources", sources.size()}});
      return nullptr;
    }
    uplink::Options line_options = uplink_options;
    line_options.said_elsewhere = [this] { return uplink_.said(); };
    auto logs = Logs::make(io_.get_executor(), sources, options_.log_metrics, spool, std::move(line_options), schemas);
    if (logs) return std::move(*logs);
    log::error("logs", "no log lines are read", {{"reason", logs.error().message}});
    return nullptr;
  }

  uplink::Options with_lines_said(uplink::Options options) {
    if (logs_) options.said_elsewhere = [this] { return logs_->said(); };
    return options;
  }

  void stop() {
    stopping_ = true;
    timer_.cancel();
    scripts_->stop();
    inputs_.stop();
    scrapes_.stop();
    if (rules_) {
      metric::Batch windows = spool_.take_empty();
      rules_->flush(windows);
      if (!windows.empty()) push_as_it_is(std::move(windows));
    }
    processes_.stop();
    if (logs_) logs_->stop(std::chrono::duration_cast<std::chrono::milliseconds>(options_.stop_patience));
    uplink_.stop(std::chrono::duration_cast<std::chrono::milliseconds>(options_.stop_patience));
  }

  void ended(const std::exception_ptr& failure) {
    if (failure) {
      failure_ = failure;
      scripts_->stop();
      inputs_.stop();
      scrapes_.stop();
      io_.stop();
    }
    if (--running_ == 0) signals_.cancel();
  }

  asio::awaitable<void> sample() {
    const Clock& clock = Clock::system();
    int gathers = 0;
    {
      // Rates need two readings: with this one, which is not sent, the first sample already has them.
      metric::Batch first_reading;
      gatherer_->gather_all(clock.wall(), first_reading);
    }
    while (!stopping_) {
      const UnixNanos asked = clock.wall();
      const UnixNanos due = gatherer_->next_due(asked);
      std::int64_t left = due - asked;
      const std::int64_t most = left + kClockStep.count();
      // A long sleep is cut up, because the wall clock may be set meanwhile.
      while (!stopping_ && left > 0 && left <= most) {
        const auto sync = spool_.sync_if_due();
        const auto wake = std::chrono::steady_clock::now() + std::min(std::chrono::nanoseconds(left), kLongestSleep);
        timer_.expires_at(std::min(wake, sync));
        co_await net::wait(timer_);
        left = due - clock.wall();
      }
      if (stopping_) break;
      if (left > most) continue;  // set back: what was due is far away now
      // After a suspend or a step forward the sample is of now, not of when it was due.
      const std::int64_t step = options_.interval.count();
      gather(-left >= step ? clock.wall() / step * step : due, gathers);
      if (++gathers == kGathersBeforeRelease || gathers % kGathersPerRelease == 0) release_unused_pages();
    }
  }

  void gather(UnixNanos time, int gathers) {
    metric::Batch batch = rules_ ? rules_->take_empty() : spool_.take_empty();
    // A collector with an interval of its own may be due in between.
    if (time % options_.interval.count() == 0) skipped_.took(time, std::chrono::steady_clock::now());
    gatherer_->gather(time, batch);
    follow_token();
    report_self(time, gathers, batch);
    const std::size_t samples = batch.samples();
    const std::uint64_t number = push(std::move(batch));
    if (log::enabled(log::Level::kDebug))
      log::debug("client", "gathered",
                 {{"time", time},
                  {"samples", samples},
                  {"number", number},
                  {"on_disk", spool_.on_disk() && spool_.disk_error().empty()}});
  }

  // A token that was changed in its file is taken without a restart. One that cannot be read, told once, leaves the old
  // in force.
  void follow_token() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_token_look_) return;
    next_token_look_ = now + kTokenEvery;
    const std::uint64_t mark = file_mark(options_.token_file);
    if (mark == token_mark_) return;
    // Tried again each time: its mode may change without its content.
    auto token = net::load_token(options_.token_file, options_.host_name());
    if (token) {
      token_mark_ = mark;
      if (logs_) logs_->change_token(*token);
      uplink_.change_token(std::move(*token));
    } else if (std::exchange(token_told_, mark) != mark) {
      log::warn("client", "the token file cannot be read; the previous token stays in use",
                {{"reason", token.error().message}});
    }
  }

  // The rows of a script, an input or a scrape, at whatever time they come.
  void take_rows(metric::Batch& rows) {
    metric::Batch batch = spool_.take_empty();
    std::swap(batch, rows);
    push(std::move(batch));
  }

  std::uint64_t push(metric::Batch batch) {
    if (rules_) {
      metric::Batch out = spool_.take_empty();
      rules_->apply(std::move(batch), Clock::system().wall(), out);
      batch = std::move(out);
      if (batch.empty()) return 0;
    }
    return push_as_it_is(std::move(batch));
  }

  std::uint64_t push_as_it_is(metric::Batch batch) {
    const std::uint64_t number = spool_.push(std::move(batch));
    report_spool();
    report_refused();
    uplink_.notify();
    return number;
  }

  // What a person should know of the spool, each thing once while it lasts and no more than one line in ten minutes.
  void report_spool() {
    const auto now = std::chrono::steady_clock::now();
    for (const std::string& finding : spool_.take_findings()) log::warn("client", "spool", {{"found", finding}});
    if (spool_.dropped_samples() > reported_dropped_ && now >= next_drop_report_) {
      log::warn("client", "spool is full: the oldest samples are dropped",
                {{"dropped_samples", spool_.dropped_samples() - reported_dropped_},
                 {"in_all", spool_.dropped_samples()},
                 {"limit_bytes", spool_.on_disk() ? options_.spool_limit_bytes : options_.spool_memory_bytes}});
      reported_dropped_ = spool_.dropped_samples();
      next_drop_report_ = now + kReportAgain;
    }
    reported_dropped_ = std::min(reported_dropped_, spool_.dropped_samples());
    const std::string& error = spool_.disk_error();
    if (error.empty() && disk_reported_) {
      log::info("client", "spool can be written again", {{"backlog_samples", spool_.backlog_samples()}});
      disk_reported_ = false;
    } else if (!error.empty() && !disk_reported_ && now >= next_disk_report_) {
      log::warn("client", "spool cannot be written: samples are kept in memory until it can",
                {{"reason", error}, {"limit_bytes", options_.spool_memory_bytes}});
      disk_reported_ = true;
      next_disk_report_ = now + kReportAgain;
    }
  }

  // Why is in the server's notice.
  void report_refused() {
    const auto now = std::chrono::steady_clock::now();
    const std::uint64_t refused = uplink_.stats().refused_samples;
    if (refused == reported_refused_ || now < next_refused_report_) return;
    log::warn("client", "the server refused samples: they are lost",
              {{"refused_samples", refused - reported_refused_}, {"in_all", refused}});
    reported_refused_ = refused;
    next_refused_report_ = now + kReportAgain;
  }

  void report_self(UnixNanos time, int gathers, metric::Batch& batch) {
    if (gathers % 12 == 0) {
      resident_bytes_ = resident_bytes();
      disk_bytes_ = static_cast<std::int64_t>(spool_.disk_bytes());
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    metric::RowWriter row = batch.add(self_, 12, time);
    row.set(0, static_cast<std::int64_t>(spool_.backlog_samples()));
    row.set(1, static_cast<std::int64_t>(spool_.dropped_samples()));
    row.set(2, static_cast<std::int64_t>(uplink_.stats().acknowledged_samples));
    row.set(3, static_cast<std::int64_t>(uplink_.stats().sent_batches));
    row.set(4, static_cast<std::int64_t>(uplink_.stats().sent_bytes));
    row.set(5, static_cast<std::int64_t>(uplink_.stats().connections));
    row.set(6, static_cast<std::int64_t>(uplink_.stats().failures));
    row.set(7, disk_bytes_);
    row.set(8, std::round(cpu * 1000) / 1000);
    row.set(9, resident_bytes_);
    row.set(10, skipped_.count());
    row.set(11, static_cast<std::int64_t>(uplink_.stats().refused_samples));
    if (logs_) logs_->report(time, batch);
    inputs_.report(time, batch);
    scrapes_.report(time, batch);
  }

  const Options& options_;
  metric::SchemaTable& schemas_;
  std::unique_ptr<collect::Gatherer> gatherer_;
  asio::io_context io_{1};
  std::unique_ptr<Logs> logs_;
  uplink::Spool spool_;
  LiveProcesses processes_;
  uplink::Uplink uplink_;
  const std::unique_ptr<Rules> rules_;  // null: there are none
  asio::steady_timer timer_;
  asio::signal_set signals_;
  std::unique_ptr<collect::Scripts> scripts_;
  Inputs inputs_;
  Scrapes scrapes_;
  metric::SchemaId self_ = 0;
  SkippedTurns skipped_{options_.interval};
  std::int64_t resident_bytes_ = 0;
  std::int64_t disk_bytes_ = 0;
  std::uint64_t token_mark_ = 0;  // of the token file when it was last read; at first none, so it is read once more
  std::uint64_t token_told_ = 0;  // of one that could not be
  std::chrono::steady_clock::time_point next_token_look_;
  bool stopping_ = false;
  std::uint64_t reported_dropped_ = 0;
  bool disk_reported_ = false;
  std::uint64_t reported_refused_ = 0;
  std::chrono::steady_clock::time_point next_refused_report_;
  std::chrono::steady_clock::time_point next_drop_report_;
  std::chrono::steady_clock::time_point next_disk_report_;
  int running_ = 2;
  std::exception_ptr failure_;
};

}  // namespace

Status run_agent(const Options& options, const std::string& version) {
  metric::SchemaTable schemas;
  RESMON_ASSIGN(uplink::Options uplink_options, options.uplink_options("resmon-client " + version));
  RESMON_ASSIGN(auto gatherer, collect::Gatherer::make(options.gather_options(), schemas));
  const std::string host = uplink_options.client;
  const std::string server = net::to_string(uplink_options.servers.front());
  Agent agent(options, std::move(uplink_options), std::move(gatherer), schemas);
  // Who reads this line may end the process with a signal: from here on that is a clean stop.
  log::info("client", "started",
            {{"version", version},
             {"host", host},
             {"interval_seconds", static_cast<double>(options.interval.count()) / 1e9},
             {"server", server}});
  agent.run();
  return {};
}

}  // namespace resmon::client
