#include "journal/state.h"

#include <utility>

namespace resmon::journal {

State::State(Options given)
    : options(within_limit(std::move(given))),
      files(options.files ? *options.files : FileSystem::posix()),
      sizes(options),
      blocks(sizes.block_bytes()),
      trigger(options, blocks, segments, cursors, work_ready),
      retention(options.limit_bytes, segments, cursors, blocks, trigger),
      appender(options, sizes, segments, blocks, retention, trigger),
      reserve(options) {
  counters.limit_bytes = options.limit_bytes;
}

void State::take_over(Recovery::Found found) {
  const std::uint64_t next = next_position(found, options);
  opened.journal_id = found.journal_id;
  opened.seed = header_seed(found.journal_id);
  opened.findings = std::move(found.findings);
  opened.newest_segment_start = std::move(found.newest_segment_start);
  opened.cursors_lost = found.cursors_lost;
  opened.tally = found.tally;
  const MutexLock lock(mutex);
  segments = std::move(found.segments);
  counters.recovered_records = found.recovered_records;
  counters.torn_bytes = found.torn_bytes;
  if (found.cursors) cursors.restore(std::move(found.cursors->cursors), found.oldest_previous);
  appender.begin(opened.seed, next, found.tally.weight);
  durable_position_.store(next - 1);
  (void)segments.doom_if_empty(next);
  const auto now = std::chrono::steady_clock::now();
  trigger.begin_waiting(now);
  cursors.touch(now);
  (void)retention.make_room(0, durable_position());
}

Result<Appended> State::append(std::span<const std::string_view> records, std::uint64_t at, std::uint64_t weight) {
  RESMON_ASSIGN(const std::uint64_t bytes, sizes.encoded_bytes(records));
  const Batch batch(records, bytes, at, weight);
  Appended appended;
  std::vector<std::function<void()>> wakes;
  bool nudge = false;
  {
    const MutexLock lock(mutex);
    if (trigger.stopping()) return fail(ErrorKind::kUnavailable, "the journal is closed");
    const bool was_idle = blocks.waiting_bytes() == 0;
    RESMON_ASSIGN(appended, appender.append(batch, durable_position()));
    if (records.empty()) return appended;
    if (was_idle) trigger.begin_waiting(std::chrono::steady_clock::now());
    if (reserve.runs_low(appended.last)) trigger.touch_cursors();
    nudge = trigger.appended(was_idle);
    collect_wakes(durable_position(), wakes);
  }
  if (nudge) work_ready.notify_one();
  for (const auto& wake : wakes) wake();
  return appended;
}

void State::sync_soon() {
  {
    const MutexLock lock(mutex);
    if (!trigger.sync_soon()) return;
  }
  work_ready.notify_one();
}

void State::publish(std::uint64_t file, std::uint64_t position) {
  std::vector<std::function<void()>> wakes;
  std::vector<std::function<void(std::uint64_t)>> callbacks;
  {
    const MutexLock lock(mutex);
    blocks.written_is_durable();
    segments.durable_through(file, position);
    if (position > durable_position()) durable_position_.store(position);
    blocks.evict(options.cache_bytes);
    trim();
    collect_wakes(position, wakes);
    callbacks = durable_callbacks_;
    progressed.notify_all();
  }
  for (const auto& wake : wakes) wake();
  for (const auto& callback : callbacks) callback(position);
}

// Who may read now what was not there before. `durable`: position.
void State::collect_wakes(std::uint64_t durable, std::vector<std::function<void()>>& wakes) {
  bool waiting = false;
  const std::uint64_t may_show = shown();
  for (const auto& reader : readers_)
    waiting = reader->position_->take_wake(reader->position_->visible(durable, may_show), wakes) || waiting;
  if (waiting) progressed.notify_all();
}

bool State::wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  const MutexLock lock(mutex);
  while (!closed && durable_position() < position)
    if (!progressed.wait_until(mutex, until)) break;
  return durable_position() >= position;
}

void State::on_durable(std::function<void(std::uint64_t)> done) {
  const MutexLock lock(mutex);
  durable_callbacks_.push_back(std::move(done));
}

Result<Reader*> State::attach(ReaderOptions wanted) {
  const MutexLock lock(mutex);
  const std::uint64_t last = appender.last_position();
  RESMON_ASSIGN(Cursor* const cursor, cursors.open(wanted, segments.first_position(last), last));
  trigger.touch_cursors();
  const Loss loss = wanted.loss;
  Reader& reader = *readers_.emplace_back(std::make_unique<Reader>(*this, *cursor, std::move(wanted)));
  cursor->attach(*reader.position_, loss);
  return &reader;
}

Status State::forget(std::string_view name) {
  const MutexLock lock(mutex);
  RESMON_TRY(cursors.forget(name));
  trigger.touch_cursors();
  trim();
  return {};
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
      if (++errors > options.segment_bytes / 1024 + 16) return fail(records.error());
      continue;
    }
    if (records->empty()) return {};
    for (const Record& record : *records)
      if (!record.replayed && !visit(record)) return {};
  }
}

std::vector<ReaderStats> State::reader_stats() const {
  const MutexLock lock(mutex);
  std::vector<ReaderStats> all;
  for (const auto& [name, cursor] : cursors.all()) all.push_back(cursor.stats(segments, appender.last_position()));
  return all;
}

Stats State::stats() const {
  const MutexLock lock(mutex);
  Stats now = counters;
  now.disk_bytes = segments.physical_bytes();
  now.memory_bytes = blocks.bytes();
  now.waiting_bytes = blocks.waiting_bytes();
  now.segments = segments.files();
  now.first_position = segments.first_position(appender.last_position());
  now.durable_position = durable_position();
  now.files_set_aside = segments.discarded().aside().size();
  appender.count_into(now);
  now.dropped_records = retention.dropped_records();
  now.failures = trigger.failures();
  now.error = trigger.error();
  return now;
}

}  // namespace resmon::journal
