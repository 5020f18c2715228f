#include "journal/state.h"

#include <algorithm>
#include <utility>

namespace resmon::journal {

namespace {

constexpr std::uint64_t kMinimumLimit = 128U << 10U;

}  // namespace

State::State(Options given)
    : options_(within_limit(std::move(given))),
      files_(options_.files ? *options_.files : FileSystem::posix()),
      sizes_(options_),
      blocks_(sizes_.block_bytes()),
      trigger_(options_, blocks_, segments_, cursors_, work_ready_),
      retention_(options_.limit_bytes, segments_, cursors_, blocks_, trigger_),
      appender_(options_, sizes_, segments_, blocks_, retention_, trigger_),
      reserve_(options_),
      cursor_file_(files_, options_.directory, options_.sync != Sync::kOff) {
  counters_.limit_bytes = options_.limit_bytes;
}

Status State::open() {
  if (options_.limit_bytes < kMinimumLimit)
    return fail(ErrorKind::kInvalid, "a journal needs at least " + std::to_string(kMinimumLimit) + " bytes");
  RESMON_TRY(files_.make_directory(options_.directory));
  const IoLock io_lock(io_);
  RESMON_ASSIGN(directory_lock_, files_.lock(path("lock")));
  RESMON_ASSIGN(Recovery::Found found, Recovery(options_, files_).run(cursor_file_));
  const std::uint64_t next = next_position(found, options_);
  take_over(std::move(found));
  begin_session(next);
  if (options_.own_thread) thread_ = std::thread([this] { run(); });
  return {};
}

void State::take_over(Recovery::Found found) {
  journal_id_ = found.journal_id;
  seed_ = header_seed(journal_id_);
  findings_ = std::move(found.findings);
  newest_segment_start_ = std::move(found.newest_segment_start);
  cursors_lost_ = found.cursors_lost;
  found_tally_ = found.tally;
  existing_ = written_ = {found.existing_position, found.tally.weight};
  const MutexLock lock(mutex_);
  segments_ = std::move(found.segments);
  counters_.recovered_records = found.recovered_records;
  counters_.torn_bytes = found.torn_bytes;
  if (found.cursors) cursors_.restore(std::move(found.cursors->cursors), found.oldest_previous);
}

// `next`: the first position that this process gives out.
void State::begin_session(std::uint64_t next) {
  {
    const MutexLock lock(mutex_);
    appender_.begin(seed_, next, existing_.weight);
    durable_position_.store(next - 1);
    (void)segments_.doom_if_empty(next);
    const auto now = std::chrono::steady_clock::now();
    trigger_.begin_waiting(now);
    cursors_.touch(now);
    (void)retention_.make_room(0, durable_position());
  }
  // Now, while there is room for the file; and positions to be skipped next time must be on disk before one is given
  // out.
  if (auto written = write_cursors(); !written)
    findings_.push_back("the cursors cannot be written: " + written.error().message);
  // A file without records must not come back with some that were never acknowledged, once others have their
  // positions.
  bool any_doomed = false;
  {
    const MutexLock lock(mutex_);
    any_doomed = segments_.any_doomed();
  }
  if (!any_doomed) return;
  remove_doomed();
  if (options_.sync != Sync::kOff) (void)files_.sync_directory(options_.directory);
}

bool State::begins_segment(std::size_t payload_bytes) const {
  const MutexLock lock(mutex_);
  return appender_.begins_segment(payload_bytes);
}

Result<Appended> State::append(std::span<const std::string_view> records, std::uint64_t at, std::uint64_t weight) {
  RESMON_ASSIGN(const std::uint64_t bytes, sizes_.encoded_bytes(records));
  const Batch batch(records, bytes, at, weight);
  Appended appended;
  std::vector<std::function<void()>> wakes;
  bool nudge = false;
  {
    const MutexLock lock(mutex_);
    if (trigger_.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
    const bool was_idle = blocks_.waiting_bytes() == 0;
    RESMON_ASSIGN(appended, appender_.append(batch, durable_position()));
    if (records.empty()) return appended;
    if (was_idle) trigger_.begin_waiting(std::chrono::steady_clock::now());
    if (reserve_.runs_low(appended.last)) trigger_.touch_cursors();
    nudge = trigger_.appended(was_idle);
    collect_wakes(durable_position(), wakes);
  }
  if (nudge) work_ready_.notify_one();
  for (const auto& wake : wakes) wake();
  return appended;
}

// Who may read now what was not there before. `durable`: position.
void State::collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) {
  bool waiting = false;
  const std::uint64_t may_show = shown();
  for (const auto& reader : readers_)
    waiting = reader->position_->take_wake(reader->position_->visible(durable, may_show), wakes) || waiting;
  if (waiting) progressed_.notify_all();
}

std::uint64_t State::keep_within(std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  return retention_.keep_within(bytes, durable_position());
}

void State::weigh(std::uint64_t position, std::uint64_t weight) {
  const MutexLock lock(mutex_);
  segments_.weigh(position, weight);
}

void State::set_total_weight(std::uint64_t weight) {
  const IoLock io_lock(io_);
  const MutexLock lock(mutex_);
  written_.weight = existing_.weight = weight;
  appender_.set_total_weight(weight);
}

bool State::wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  const MutexLock lock(mutex_);
  while (!closed_ && durable_position_.load() < position)
    if (!progressed_.wait_until(mutex_, until)) break;
  return durable_position_.load() >= position;
}

void State::on_durable(std::function<void(std::uint64_t)> done) {
  const MutexLock lock(mutex_);
  durable_callbacks_.push_back(std::move(done));
}

void State::lift_reserve() {
  const MutexLock lock(mutex_);
  reserve_.lift();
}

std::uint64_t State::reserved_position() const {
  const MutexLock lock(mutex_);
  return reserve_.reserved();
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> State::segment_positions() const {
  const MutexLock lock(mutex_);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  for (const Group& group : segments_.groups())
    if (group.last >= group.first) all.emplace_back(group.first, group.last);
  return all;
}

Result<Reader*> State::attach(ReaderOptions wanted) {
  const MutexLock lock(mutex_);
  RESMON_ASSIGN(Cursor* const cursor,
                cursors_.open(wanted, segments_.first_position(appender_.last_position()), appender_.last_position()));
  trigger_.touch_cursors();
  const Loss loss = wanted.loss;
  Reader& reader = *readers_.emplace_back(std::make_unique<Reader>(*this, *cursor, std::move(wanted)));
  cursor->attach(*reader.position_, loss);
  return &reader;
}

Status State::visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) {
  Cursor cursor(position == 0 ? 0 : position - 1);  // on no list: it holds nothing back
  ReaderOptions at_once;
  at_once.patience = {};
  Reader reader(*this, cursor, at_once);
  for (std::uint64_t errors = 0;;) {
    const auto records = reader.read(64U << 10U);
    if (!records) {
      // Each few of them skip a page that the device cannot read; a bound as for scanning a file when it is opened.
      if (++errors > options_.segment_bytes / 1024 + 16) return fail(records.error());
      continue;
    }
    if (records->empty()) return {};
    for (const Record& record : *records)
      if (!record.replayed && !visit(record)) return {};
  }
}

Status State::forget(std::string_view name) {
  const MutexLock lock(mutex_);
  RESMON_TRY(cursors_.forget(name));
  trigger_.touch_cursors();
  trim();
  return {};
}

std::vector<ReaderStats> State::all_readers() const {
  const MutexLock lock(mutex_);
  std::vector<ReaderStats> all;
  for (const auto& [name, cursor] : cursors_.all()) all.push_back(cursor.stats(segments_, appender_.last_position()));
  return all;
}

Stats State::stats() const {
  const MutexLock lock(mutex_);
  Stats now = counters_;
  now.disk_bytes = segments_.physical_bytes();
  now.memory_bytes = blocks_.bytes();
  now.waiting_bytes = blocks_.waiting_bytes();
  now.segments = segments_.files();
  now.first_position = segments_.first_position(appender_.last_position());
  now.durable_position = durable_position_.load();
  now.files_set_aside = segments_.aside().size();
  appender_.count_into(now);
  now.dropped_records = retention_.dropped_records();
  now.failures = trigger_.failures();
  now.error = trigger_.error();
  return now;
}

}  // namespace resmon::journal
