#include "logs/store.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "logs/part_loader.h"

namespace resmon::logs {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr std::size_t kReadBytes = 1U << 20U;
constexpr auto kReadPatience = milliseconds(200);
constexpr auto kUnreadablePause = milliseconds(50);  // the device may read again

}  // namespace

Store::Store(Options options)
    : options_(std::move(options)),
      retention_(options_),
      remover_(options_, retention_, contents_, counters_),
      sealer_(options_, contents_, remover_, counters_) {}

Result<std::unique_ptr<Store>> Store::open(Options options) {
  std::unique_ptr<Store> store(new Store(std::move(options)));
  RESMON_TRY(store->start());
  return store;
}

Status Store::start() {
  std::error_code error;
  std::filesystem::create_directories(options_.directory, error);
  if (error) return fail(system_error(options_.directory, error.value()));
  if (::chmod(options_.directory.c_str(), 0700) != 0 && errno != EPERM)
    return fail(system_error(options_.directory, errno));
  IntakeOptions intake;
  intake.directory = options_.directory + "/journal";
  intake.limit_bytes = options_.journal_limit_bytes;
  intake.sync = options_.sync;
  intake.sync_interval = options_.sync_interval;
  RESMON_ASSIGN(intake_, Intake::open(std::move(intake)));
  contents_.reached(intake_->reader().committed());
  RESMON_ASSIGN(const std::uint64_t damaged,
                load_parts(options_.directory, [&](const StreamDay& key, std::shared_ptr<Part> part) {
                  contents_.publish(key, std::move(part), false);
                }));
  count_damage(damaged);
  // Blocks may know of later positions than the journal: from a backup, or where somebody removed the journal.
  intake_->skip_to(contents_.part_position());
  thread_ = std::thread([this] { run(); });
  return {};
}

Store::~Store() {
  (void)close();
}

void Store::run() {
  while (!stopping_) {
    // While nothing can be sealed, new lines stay in the journal.
    if (contents_.head_bytes() > options_.head_bytes + options_.head_bytes / 2)
      std::this_thread::sleep_for(kUnreadablePause);
    else
      read_some(steady_clock::now() + kReadPatience);
    if (stopping_) break;
    const MutexLock work(work_mutex_);
    const UnixNanos now = options_.clock->wall();
    if (const auto sealed = sealer_.seal_due(now, intake_->stats())) note(*sealed);
    commit_cursor();
    remover_.run(now);
  }
}

void Store::read_some(steady_clock::time_point until) {
  const std::uint64_t durable = intake_->durable_position();
  auto records = intake_->reader().read(kReadBytes, until);
  if (!records) {
    std::this_thread::sleep_for(kUnreadablePause);
    return;
  }
  const MutexLock work(work_mutex_);
  for (const journal::Record& record : *records)
    if (!record.replayed) apply(record);
  // Damage may have taken positions: where there is nothing more to read, nothing more is waited for.
  if (records->empty()) contents_.reached(durable);
  contents_.wake();
}

void Store::apply(const journal::Record& record) {
  const auto lines = std::make_shared<logline::Lines>();
  auto read = decode_record(record.payload);
  Status status = read ? logline::decode(read->lines, *lines) : Status(fail(Error(read.error())));
  if (!status) {
    ++counters_.undecodable_records;
    log::error("logs", "a record cannot be read and is skipped",
               {{"position", record.position}, {"reason", status.error().message}});
  } else if (!lines->empty()) {
    counters_.lines += lines->size();
    counters_.text_bytes += lines->text_bytes();
    const std::string host(read->host);
    tails_.show(host, lines);
    contents_.add(host, lines, read->received, record.position);
  }
  contents_.reached(record.position);
}

void Store::commit_cursor() {
  intake_->reader().commit(contents_.pinned_position() - 1);
}

void Store::note(const Status& status) {
  const MutexLock lock(trouble_mutex_);
  if (status) {
    if (!trouble_.empty()) log::info("logs", "log lines are written again");
    trouble_.clear();
    return;
  }
  if (trouble_.empty())
    log::error("logs", "log lines cannot be written; they stay in the journal", {{"reason", status.error().message}});
  trouble_ = status.error().message;
}

Result<std::uint64_t> Store::append(std::string_view host, const logline::Lines& lines, UnixNanos received) {
  return intake_->append(host, logline::encode(lines), received);
}

void Store::catch_up(steady_clock::time_point until) {
  contents_.wait_for(intake_->durable_position(), until);
}

Status Store::flush() {
  const MutexLock work(work_mutex_);
  Status sealed = sealer_.seal_all();
  note(sealed);
  RESMON_TRY(std::move(sealed));
  commit_cursor();
  return intake_->commit();
}

Result<std::uint64_t> Store::forget(const std::string& host) {
  // First everything into files: the journal must bring nothing back.
  catch_up(steady_clock::now() + std::chrono::seconds(10));
  RESMON_TRY(flush());
  const MutexLock work(work_mutex_);
  return remover_.forget(host);
}

Stats Store::stats() const {
  Stats out;
  out.journal = intake_->stats();
  out.lines = counters_.lines;
  out.text_bytes = counters_.text_bytes;
  out.sealed_blocks = counters_.sealed_blocks;
  out.expired_lines = counters_.expired_lines;
  out.evicted_lines = counters_.evicted_lines;
  out.damaged_blocks = counters_.damaged_blocks;
  out.undecodable_records = counters_.undecodable_records;
  out.tail_dropped_lines = tails_.dropped_lines();
  contents_.add_to(out);
  out.error = trouble();
  if (out.error.empty()) out.error = out.journal.error;
  return out;
}

std::string Store::trouble() const {
  const MutexLock lock(trouble_mutex_);
  return trouble_;
}

Status Store::close() {
  if (stopping_.exchange(true)) return {};
  contents_.stop_waiting();
  if (!intake_) return {};
  {
    const MutexLock work(work_mutex_);
    commit_cursor();
  }
  Status closed = intake_->stop();  // the thread's wait ends
  if (thread_.joinable()) thread_.join();
  return closed;
}

}  // namespace resmon::logs
