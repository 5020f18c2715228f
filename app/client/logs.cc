#include "logs.h"

#include <malloc.h>

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/log.h"
#include "logline/line.h"
#include "net/spawn.h"

namespace resmon::client {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr auto kBusyPause = std::chrono::milliseconds(200);
constexpr auto kIdlePause = std::chrono::milliseconds(1000);
constexpr auto kStaysBusy = std::chrono::seconds(5);
// Marks that moved without a line, because all were filtered out, are put away this late: a kill reads those lines
// again and filters them again.
constexpr auto kMarksAlone = std::chrono::seconds(10);
constexpr auto kDropReportAgain = std::chrono::minutes(10);
constexpr auto kIdleClose = std::chrono::minutes(5);
constexpr std::size_t kMostMarksAtOnce = 5000;
// What takes more for a moment (a piece of a file, a compressor) is given back to the kernel at once, and raises
// nothing that the allocator keeps.
constexpr int kLargeAllocation = 64 << 10;

}  // namespace

struct Logs::Source {
  std::string name;
  std::unique_ptr<tail::FileSource> files;
  std::unique_ptr<tail::JournalSource> journal;
  std::unique_ptr<tail::ExecSource> exec;
  std::unique_ptr<tail::ListenSource> listen;
  std::unique_ptr<asio::posix::stream_descriptor> ready;  // a copy of the listening source's
  bool awaited = false;
  std::unique_ptr<tail::Shaper> shaper;
  metric::SchemaId schema = 0;
  steady_clock::time_point marks_since{};
  bool has_marks = false;

  bool poll(steady_clock::time_point now, bool pause) {
    if (exec) return exec->poll(now, pause, *shaper);
    if (listen) return listen->poll(now, pause, *shaper);
    return files ? files->poll(now, pause, *shaper) : journal->poll(now, pause, *shaper);
  }
  std::vector<std::string> findings() {
    if (exec) return exec->take_findings();
    if (listen) return listen->take_findings();
    return files ? files->take_findings() : journal->take_findings();
  }
};

Logs::Logs(const asio::any_io_executor& executor, std::uint64_t limit_bytes, std::unique_ptr<uplink::LineSpool> spool,
           uplink::Options uplink, metric::SchemaTable& schemas)
    : limit_bytes_(limit_bytes),
      host_(uplink.client),
      schemas_(schemas),
      spool_(std::move(spool)),
      uplink_(executor, std::move(uplink), *spool_),
      timer_(executor) {}

Logs::~Logs() = default;

Result<std::unique_ptr<Logs>> Logs::make(const asio::any_io_executor& executor, const LogSources& sources,
                                         const LogMetrics& metrics, const uplink::LineSpoolOptions& spool_options,
                                         uplink::Options uplink, metric::SchemaTable& schemas) {
  using metric::FieldType;
  ::mallopt(M_MMAP_THRESHOLD, kLargeAllocation);
  ::mallopt(M_TRIM_THRESHOLD, kLargeAllocation);
  RESMON_ASSIGN(auto spool, uplink::LineSpool::open(spool_options));
  uplink.idle_close = kIdleClose;
  std::unique_ptr<Logs> logs(
      new Logs(executor, spool_options.limit_bytes, std::move(spool), std::move(uplink), schemas));
  RESMON_ASSIGN(logs->meters_, LogMeters::make(metrics));
  for (const auto& [name, options] : sources)
    if (options.enabled) RESMON_TRY(logs->add_source(name, options));
  RESMON_ASSIGN(logs->spool_schema_, schemas.intern({"internal_logs",
                                                     {},
                                                     {{"backlog_lines", FieldType::kInteger},
                                                      {"dropped_lines", FieldType::kInteger},
                                                      {"acknowledged_lines", FieldType::kInteger},
                                                      {"sent_bytes", FieldType::kInteger},
                                                      {"spool_disk_bytes", FieldType::kInteger},
                                                      {"uncounted_lines", FieldType::kInteger}}}));
  logs->told_dropped_ = logs->spool_->dropped_lines();
  for (const std::string& finding : logs->spool_->take_findings())
    log::warn("logs", "spool of lines", {{"found", finding}});
  log::info("logs", "reading", {{"sources", logs->sources_.size()}, {"backlog_lines", logs->spool_->backlog()}});
  return logs;
}

Status Logs::add_source(const std::string& name, const LogSourceOptions& options) {
  using metric::FieldType;
  auto source = std::make_unique<Source>();
  source->name = name;
  tail::ShapeOptions shape = options.shape_options();
  if (!options.listen.empty()) shape.own_host = host_;
  RESMON_ASSIGN(source->shaper, tail::Shaper::make(name, shape));
  meters_.attach(name, *source->shaper);
  std::map<std::string, std::string> marks;
  const std::string prefix = name + "/";
  for (auto at = spool_->marks().lower_bound(prefix); at != spool_->marks().end() && at->first.starts_with(prefix);
       ++at)
    marks.emplace(at->first.substr(prefix.size()), at->second);
  if (options.journal) {
    source->journal = std::make_unique<tail::JournalSource>(options.journal_options());
    source->journal->restore(marks);
  } else if (!options.command.empty()) {
    source->exec = std::make_unique<tail::ExecSource>(options.exec_options());
  } else if (!options.listen.empty()) {
    source->listen = std::make_unique<tail::ListenSource>(options.listen_options());
  } else {
    source->files = std::make_unique<tail::FileSource>(options.file_options());
    source->files->restore(marks);
  }
  std::vector<metric::Field> fields;
  for (const char* field :
       {"lines", "bytes", "cut_lines", "excluded_lines", "suppressed_lines", "redacted", "files", "unreadable_files",
        "unproven_files", "listen_connections", "ended_connections", "dropped_datagrams"})
    fields.push_back({field, FieldType::kInteger});
  RESMON_ASSIGN(source->schema, schemas_.intern({"internal_logs", {{"source", name}}, std::move(fields)}));
  sources_.push_back(std::move(source));
  return {};
}

// Files wait where they are while the spool is nearly full; what is deleted cannot wait.
bool Logs::paused() const {
  return spool_->backlog_bytes() > limit_bytes_ / 4 * 3;
}

// What is sent to a socket is taken as it comes, because the kernel keeps little of it; it goes to the spool in the
// next turn with what came meanwhile.
void Logs::await_messages(Source& source) {
  if (!source.listen || source.awaited || stopping_ || paused() || !source.shaper->has_room()) return;
  if (!source.ready) {
    if (source.listen->ready_descriptor() < 0) return;
    const int copy = ::dup(source.listen->ready_descriptor());
    if (copy < 0) return;
    source.ready = std::make_unique<asio::posix::stream_descriptor>(timer_.get_executor(), copy);
  }
  source.awaited = true;
  source.ready->async_wait(asio::posix::stream_descriptor::wait_read,
                           [this, &source](const boost::system::error_code& error) {
                             source.awaited = false;
                             if (!error && !stopping_) take_messages(source);
                           });
}

void Logs::take_messages(Source& source) {
  const auto now = steady_clock::now();
  const bool more = source.poll(now, paused());
  if (!source.shaper->has_room()) {
    timer_.expires_at(now);  // a turn, at once
  } else {
    if (timer_.expiry() > now + kBusyPause) timer_.expires_at(now);
    if (more || !paused()) await_messages(source);
  }
}

asio::awaitable<void> Logs::read() {
  auto came_at = steady_clock::now();
  bool trimmed = true;
  while (!stopping_) {
    const auto now = steady_clock::now();
    const bool more = turn(now);
    if (came_) came_at = now;
    const bool busy = now - came_at < kStaysBusy;
    if (!busy && !std::exchange(trimmed, true)) ::malloc_trim(0);
    trimmed = trimmed && !came_;
    if (!spool_->empty()) uplink_.notify();
    tell(now);
    // Samples and the network have their turn between any two.
    for (const auto& source : sources_) await_messages(*source);
    timer_.expires_after(more ? std::chrono::milliseconds(0) : busy ? kBusyPause : kIdlePause);
    co_await net::wait(timer_);
  }
}

// True: there is more at once.
bool Logs::turn(steady_clock::time_point now) {
  came_ = false;
  bool more = false;
  const bool pause = paused();
  for (const auto& source : sources_) {
    if (!put_away(*source, now)) continue;  // the last batch is still here: nothing new is read
    const bool again = source->poll(now, pause);
    source->shaper->tick();
    if (put_away(*source, now) && again) more = true;
  }
  return more;
}

// Lines and marks go together or stay together. False: they stay.
bool Logs::put_away(Source& source, steady_clock::time_point now) {
  tail::Shaper& shaper = *source.shaper;
  if (shaper.marks().empty() && shaper.lines().empty()) return true;
  if (!std::exchange(source.has_marks, true)) source.marks_since = now;
  if (shaper.lines().empty() && now - source.marks_since < kMarksAlone && shaper.marks().size() < kMostMarksAtOnce)
    return true;
  std::vector<uplink::LineSpool::Mark> marks;
  for (const auto& [key, value] : shaper.marks()) marks.push_back({source.name + "/" + key, value});
  const std::string encoded = shaper.lines().empty() ? std::string() : logline::encode(shaper.lines());
  if (!spool_->push(encoded, static_cast<std::uint32_t>(shaper.lines().size()), marks)) return false;
  came_ = came_ || !shaper.lines().empty();
  shaper.clear();
  source.has_marks = false;
  return true;
}

void Logs::stop(std::chrono::milliseconds patience) {
  stopping_ = true;
  timer_.cancel();
  const auto now = steady_clock::now();
  boost::system::error_code ignored;
  for (const auto& source : sources_)
    if (source->ready) source->ready->cancel(ignored);
  for (const auto& source : sources_) {
    source->marks_since = now - kMarksAlone;
    (void)put_away(*source, now);
  }
  uplink_.stop(patience);
}

// Logs each trouble once while it lasts.
void Logs::tell(steady_clock::time_point now) {
  for (const auto& source : sources_)
    for (const std::string& finding : source->findings())
      log::warn("logs", "a source of lines fails", {{"source", source->name}, {"found", finding}});
  const std::uint64_t dropped = spool_->dropped_lines();
  if (dropped > told_dropped_ && now >= next_drop_report_) {
    log::warn("logs", "spool of lines is full: the oldest are dropped",
              {{"dropped_lines", dropped - told_dropped_}, {"in_all", dropped}, {"limit_bytes", limit_bytes_}});
    told_dropped_ = dropped;
    next_drop_report_ = now + kDropReportAgain;
  }
  std::string error = spool_->error();
  if (error == told_error_) return;
  told_error_ = std::move(error);
  if (told_error_.empty())
    log::info("logs", "spool of lines can be written again");
  else
    log::warn("logs", "spool of lines cannot be written: lines wait in their files", {{"reason", told_error_}});
}

void Logs::report(UnixNanos time, metric::Batch& batch) {
  const auto integer = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  for (const auto& source : sources_) {
    const tail::ShapeStats& shaped = source->shaper->stats();
    metric::RowWriter row = batch.add(source->schema, 12, time);
    row.set(0, integer(shaped.lines));
    row.set(1, integer(shaped.bytes));
    row.set(2, integer(shaped.cut));
    row.set(3, integer(shaped.excluded));
    row.set(4, integer(shaped.suppressed));
    row.set(5, integer(shaped.redacted));
    if (source->listen) {
      row.set(9, integer(source->listen->stats().connections));
      row.set(10, integer(source->listen->stats().ended_connections + source->listen->stats().refused_connections));
      row.set(11, integer(source->listen->stats().dropped_datagrams));
    }
    if (!source->files) continue;
    row.set(6, integer(source->files->stats().files));
    row.set(7, integer(source->files->stats().unreadable));
    row.set(8, integer(source->files->stats().unproven));
  }
  meters_.report(time, schemas_, batch);
  metric::RowWriter row = batch.add(spool_schema_, 6, time);
  row.set(0, integer(spool_->backlog()));
  row.set(1, integer(spool_->dropped_lines()));
  row.set(2, integer(uplink_.stats().acknowledged_samples));
  row.set(3, integer(uplink_.stats().sent_bytes));
  row.set(4, integer(spool_->disk_bytes()));
  row.set(5, integer(meters_.refused_lines()));
}

}  // namespace resmon::client
