#include "ingest/sample_intake.h"

#include <algorithm>

#include "base/log.h"
#include "ingest/rows.h"
#include "ingest/session.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr auto kFullLogPause = std::chrono::milliseconds(50);
constexpr std::size_t kPendingCells = 32'768;  // batches of one frame are joined up to this many

}  // namespace

Status SampleIntake::decode(Session& s, std::string_view payload) {
  const metric::SchemaPin pin = schemas_.pin();
  s.decoder->keep_schemas(pin);
  Pending open;
  open.batch.pin(pin);
  const auto put_by = [&] {
    s.pending.push_back(std::move(open));
    open = Pending();
    open.batch.pin(pin);
  };
  Status decoded = s.decoder->append_samples(payload, open.batch, [&](std::uint64_t sequence, metric::Batch& batch) {
    if (open.row_ends.empty()) open.first = sequence;
    open.last = sequence;
    open.row_ends.push_back(batch.rows().size());
    if (!batch.empty() && batch.rows().back().first_cell > kPendingCells) put_by();
    return Status();
  });
  // What was decoded before a damaged batch is good and is kept.
  if (!decoded && !open.row_ends.empty() && open.batch.rows().size() > open.row_ends.back())
    open.batch = copy_rows(schemas_, open.batch, row_range(0, open.row_ends.back()));
  if (!open.row_ends.empty()) put_by();
  return decoded;
}

asio::awaitable<Status> SampleIntake::append(std::shared_ptr<Session> session) {
  Session& s = *session;
  asio::steady_timer pause(s.connection->executor());
  for (Pending& pending : s.pending) {
    // What comes again was looked at the first time.
    if (skip_taken(s, pending)) {
      drop_strays(s, pending, Clock::system().wall());
      if (options_.rules) options_.rules(pending.batch, pending.row_ends);
      drop_what_has_no_room(s, pending);
    }
    while (true) {
      auto done = append_once(s, pending);
      if (!done) {
        s.pending.clear();
        co_return fail(std::move(done).error());
      }
      if (*done) break;
      // Full, or the disk fails: nothing is acknowledged, so the client keeps it, and TCP holds back what follows.
      s.hear();
      pause.expires_after(kFullLogPause);
      co_await net::wait(pause);
      for (Pending& waiting : s.pending) waiting.batch.renew_pin();
      s.decoder->keep_schemas(schemas_.pin());
      if (stopping_ || s.ending.told_to_go) {
        s.pending.clear();
        co_return fail(ErrorKind::kUnavailable, "gone before the log had room");
      }
    }
  }
  s.pending.clear();
  co_return Status();
}

// Leaves out batches that were taken already, sent again in other portions than the first time. False: all were.
bool SampleIntake::skip_taken(Session& s, Pending& pending) {
  const MutexLock lock(s.stream->mutex);
  const std::uint64_t last = log_.last_of(*s.stream->log).first;
  if (pending.last <= last) return false;
  if (pending.first > last) return true;
  const std::size_t skip = last - pending.first + 1;
  const std::size_t from = pending.row_ends[skip - 1];
  pending.batch = copy_rows(schemas_, pending.batch, row_range(from, pending.batch.rows().size()));
  pending.row_ends.erase(pending.row_ends.begin(), pending.row_ends.begin() + static_cast<std::ptrdiff_t>(skip));
  for (std::size_t& end : pending.row_ends) end -= from;
  pending.first = last + 1;
  stats_.duplicate_batches += skip;
  return true;
}

// False: there is no room now.
Result<bool> SampleIntake::append_once(Session& s, Pending& pending) {
  MutexLock lock(s.stream->mutex);
  if (s.stream->owner != &s) return fail(ErrorKind::kUnavailable, "a newer connection of this client took over");
  const auto [last, position] = log_.last_of(*s.stream->log);
  const auto seen = [&](std::uint64_t sequence, std::uint64_t at) {
    s.taken.sequence = std::max(s.taken.sequence, sequence);
    s.taken.position = std::max(s.taken.position, at);
  };
  if (pending.last <= last) {
    stats_.duplicate_batches += pending.row_ends.size();
    seen(pending.last, position);
    return true;
  }
  const auto appended = log_.append(*s.stream->log, pending.first, pending.last, pending.batch, Clock::system().wall());
  if (!appended) {
    if (appended.error().kind != ErrorKind::kLimit) return false;
    // It will never go, and what follows must not wait for it.
    const std::string reason = "larger than a record of the journal: " + appended.error().message;
    set_aside(s, pending.batch, reason);
    pending.batch.clear();
    return false;  // and again without its rows
  }
  stats_.missing_batches += appended->missing;
  stats_.batches += pending.row_ends.size();
  stats_.samples += pending.batch.samples();
  seen(pending.last, appended->position);
  return true;
}

void SampleIntake::set_aside(Session& s, const metric::Batch& rows, const std::string& reason) {
  stats_.refused_samples += rows.samples();
  s.taken.refused += rows.samples();
  observer_.set_aside(s.client.host, rows, reason);
  notify_(s.client.host,
          std::to_string(rows.samples()) + " samples were refused and set aside on the server: " + reason);
}

// Rows of impossible times: one that is far ahead would be the newest for good, and hide all that comes.
void SampleIntake::drop_strays(Session& s, Pending& pending, UnixNanos received) {
  const TimeBounds believed = TimeBounds::around(received, options_.max_past, options_.max_future);
  std::size_t strays = 0;
  UnixNanos newest = INT64_MIN;
  for (const metric::Row& row : pending.batch.rows()) {
    newest = std::max(newest, row.time);
    strays += believed.has(row.time) ? 0U : 1U;
  }
  if (newest != INT64_MIN && newest > received + kSkewWorthALine && !std::exchange(s.ahead_reported, true))
    log::warn("ingest", "client sends samples of the future",
              {{"host", s.client.host}, {"ahead_seconds", static_cast<double>(newest - received) / 1e9}});
  if (strays == 0) return;
  std::vector<std::size_t> bad;
  for (std::size_t i = 0; i < pending.batch.rows().size(); ++i)
    if (!believed.has(pending.batch.rows()[i].time)) bad.push_back(i);
  refuse_rows(s, pending, bad, "its time is too far from the server's clock");
}

// Before the acknowledgement, which says how many there were: the client would wait for ever for room, and all that
// follows with it, so it must not keep them, and must not take them for stored either.
void SampleIntake::drop_what_has_no_room(Session& s, Pending& pending) {
  if (!options_.find_no_room) return;
  std::vector<std::size_t> rows;
  const std::string reason = options_.find_no_room(pending.batch, rows);
  if (!rows.empty()) refuse_rows(s, pending, rows, reason);
}

void SampleIntake::refuse_rows(Session& s, Pending& pending, const std::vector<std::size_t>& rows,
                               const std::string& reason) {
  std::vector<std::size_t> good;
  std::vector<std::size_t> ends;
  auto bad = rows.begin();
  auto end = pending.row_ends.begin();
  for (std::size_t i = 0; i < pending.batch.rows().size(); ++i) {
    for (; end != pending.row_ends.end() && *end <= i; ++end) ends.push_back(good.size());
    if (bad != rows.end() && *bad == i)
      ++bad;
    else
      good.push_back(i);
  }
  ends.resize(pending.row_ends.size(), good.size());
  const metric::Batch refused = copy_rows(schemas_, pending.batch, rows);
  pending.batch = copy_rows(schemas_, pending.batch, good);
  pending.row_ends = std::move(ends);
  set_aside(s, refused, reason);
}

}  // namespace resmon::ingest
