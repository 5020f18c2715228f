// Rows are encoded before any lock is taken; under the lock a record is only put together. A journal's segment must be
// readable without the ones before it, so its first record carries the numbers of all streams, and each record the
// definitions that its segment lacks (record.h). What a restarted server knows of its clients is thus what its newest
// segment says; it is by construction exactly what is durable.
//
// Losing the numbers would not lose or double samples: a client sends again what was never acknowledged, and every
// store keeps one value for a series and time. It would cost work, and show as samples taken twice.
//
// Readers decode records, also those that have just been written and are still in memory: that costs a few nanoseconds
// a value and keeps one path that is always used. Rejected: handing decoded batches from sessions to readers beside the
// journal, which needs a second queue with a bound of its own, memory for all that is not durable yet, and allocations
// that one thread makes and another frees.

#include "ingest/log.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <thread>

#include "base/log.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace asio = boost::asio;
using std::chrono::steady_clock;

namespace {

constexpr std::uint64_t kLeastSegmentBytes = 16U << 20U;
constexpr std::uint64_t kMostSegmentBytes = 64U << 20U;
constexpr std::uint64_t kDiskShare = 16;
constexpr std::uint64_t kMostOfDisk = 4;  // the rest is the store's, which must be able to write what the journal has
constexpr std::uint64_t kLeastLimitBytes = 1U << 20U;
constexpr std::uint64_t kSmallDiskSegmentBytes = 1U << 20U;
constexpr std::uint64_t kLeastFreeBytes = 512U << 10U;  // what is left may be what the store had kept for its start
// What the journal leaves free for the store and others: a part of the disk, at most kSpareBytes. Less is left only for
// what nobody may lose.
constexpr std::uint64_t kSpareShare = 16;
constexpr std::uint64_t kSpareBytes = 256U << 20U;
constexpr std::size_t kReadBytes = 256U << 10U;
constexpr std::size_t kKeptScratchBytes = 1U << 20U;
constexpr std::size_t kStreamMarkBytes = 26;                      // at most
constexpr auto kUnreadablePause = std::chrono::milliseconds(50);  // the device may read again
constexpr std::size_t kMostMissing = 1000;
constexpr std::size_t kMostUnsettled = 4096;
constexpr auto kRefusalHolds = std::chrono::seconds(3);

// Of the directory, or of what it will be made in.
std::optional<struct statvfs> disk_of(std::filesystem::path directory) {
  struct statvfs disk {};
  while (::statvfs(directory.empty() ? "." : directory.c_str(), &disk) != 0) {
    if (errno != ENOENT || directory.empty() || directory == directory.parent_path()) return std::nullopt;
    directory = directory.parent_path();
  }
  return disk;
}

bool is_full(const std::string& directory) {
  const auto disk = disk_of(directory);
  return disk && disk->f_blocks > 0 && disk->f_bavail * disk->f_frsize < kLeastFreeBytes;
}

journal::Options journal_options(const LogOptions& options) {
  journal::Options out;
  out.directory = options.directory;
  out.limit_bytes = options.limit_bytes;
  out.segment_bytes = std::clamp(options.limit_bytes / 32, kLeastSegmentBytes, kMostSegmentBytes);
  if (const auto disk = disk_of(options.directory); disk && disk->f_blocks > 0) {
    const std::uint64_t whole = disk->f_blocks * disk->f_frsize;
    if (const std::uint64_t most = std::max(whole / kMostOfDisk, kLeastLimitBytes); most < out.limit_bytes) {
      log::info("journal", "a quarter of the disk is less than journal.limit_bytes, and is the limit",
                {{"limit_bytes", most}, {"journal.limit_bytes", out.limit_bytes}, {"directory", options.directory}});
      out.limit_bytes = most;
    }
    // The newest segment stays, however much of it is done with: on a small disk it must leave room for the rest.
    out.segment_bytes = std::min(out.segment_bytes, std::max(whole / kDiskShare, kSmallDiskSegmentBytes));
  }
  out.buffer_bytes = options.memory_bytes;
  out.sync = options.sync;
  out.sync_interval = options.sync_interval;
  out.files = options.files;
  return out;
}

}  // namespace

Log::Log(LogOptions options, metric::SchemaTable& schemas, std::unique_ptr<journal::Journal> journal)
    : options_(std::move(options)), schemas_(schemas), journal_(std::move(journal)), dictionary_(schemas) {}

Log::~Log() {
  (void)close();
}

Result<std::unique_ptr<Log>> Log::open(LogOptions options, metric::SchemaTable& schemas) {
  RESMON_ASSIGN(auto journal, journal::Journal::open(journal_options(options)));
  for (const std::string& finding : journal->findings()) log::warn("journal", finding);
  std::unique_ptr<Log> log(new Log(std::move(options), schemas, std::move(journal)));
  RESMON_TRY(log->recover());
  Log* const raw = log.get();
  log->journal_->on_durable([raw](std::uint64_t) {
    std::vector<std::shared_ptr<DurableLane>> lanes;
    {
      const MutexLock lock(raw->mutex_);
      for (const auto& [context, lane] : raw->lanes_) lanes.push_back(lane);
    }
    for (const auto& lane : lanes) lane->ring();
  });
  (void)log->check();
  return log;
}

Status Log::recover() {
  first_own_position_ = journal_->stats().last_position + 1;
  const journal::Reached reached = journal_->reached();
  torn_before_ = reached.time;
  const auto segments = journal_->segments();
  if (!segments.empty()) RESMON_TRY(recover_from(segments));
  torn_from_ = samples_;
  torn_to_ = samples_ = std::max(samples_.load(), reached.weight);
  journal_->set_total_weight(samples_);
  return {};
}

Status Log::recover_from(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& segments) {
  // How many samples each segment holds, for the day on which one must be dropped: its first record and its successor's
  // say.
  std::vector<std::uint64_t> before(segments.size(), 0);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    RESMON_TRY(journal_->visit(segments[i].first, [&](const journal::Record& record) {
      const auto view = read_record(record.payload);
      if (view) before[i] = view->head.samples_before;
      return !view && record.position < segments[i].second;
    }));
  }
  // The newest says all about the streams. Where its first record is damaged, what the older ones say is better than
  // nothing.
  std::uint64_t unreadable = 0;
  const auto read_streams_from = [&](std::uint64_t position) -> Status {
    return journal_->visit(position, [&](const journal::Record& record) {
      const auto view = read_record(record.payload);
      if (!view) {
        ++unreadable;
        return true;
      }
      samples_ = std::max(samples_.load(), view->head.samples_before + view->head.samples);
      torn_after_ = std::max(torn_after_, view->head.received);
      const auto learn = [&](const wire::StreamId& id, std::uint64_t sequence) {
        const MutexLock lock(mutex_);
        auto& stream = streams_[id];
        if (!stream) stream.reset(new LogStream(id));
        if (sequence <= stream->last_sequence) return;
        stream->last_sequence = stream->durable_sequence = sequence;
        stream->last_position = record.position;
      };
      for (const auto& [id, sequence] : read_streams(view->streams)) learn(id, sequence);
      if (view->head.first_sequence != 0) learn(view->head.stream, view->head.last_sequence);
      return true;
    });
  };
  bool complete = false;
  RESMON_TRY(journal_->visit(segments.back().first, [&](const journal::Record& record) {
    const auto view = read_record(record.payload);
    complete = view && record.position == segments.back().first;
    return false;
  }));
  RESMON_TRY(read_streams_from(complete ? segments.back().first : segments.front().first));
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::uint64_t end = i + 1 < segments.size() && before[i + 1] != 0 ? before[i + 1] : samples_.load();
    if (end > before[i]) journal_->weigh(segments[i].first, end - before[i]);
  }
  if (unreadable > 0) log::warn("journal", "records that cannot be read were skipped", {{"records", unreadable}});
  const MutexLock lock(mutex_);
  bound_streams();
  log::info("journal", "opened",
            {{"segments", segments.size()},
             {"records", segments.back().second - segments.front().first + 1},
             {"disk_bytes", journal_->stats().disk_bytes},
             {"streams", streams_.size()}});
  return {};
}

std::shared_ptr<LogStream> Log::stream(const wire::StreamId& id) {
  const MutexLock lock(mutex_);
  if (const auto at = streams_.find(id); at != streams_.end()) return at->second;
  bound_streams();
  return streams_[id] = std::shared_ptr<LogStream>(new LogStream(id));
}

// Streams that nobody holds are forgotten, those that said something the longest ago first: an eighth at a time, since
// looking through all of them takes milliseconds.
void Log::bound_streams() {
  // All of them are to fit into a quarter of a record.
  const std::size_t most = std::min(options_.max_streams, journal_->max_record_bytes() / 4 / kStreamMarkBytes);
  if (streams_.size() < most) return;
  std::vector<std::pair<std::uint64_t, wire::StreamId>> idle;
  for (const auto& [id, stream] : streams_)
    if (stream.use_count() == 1) idle.emplace_back(stream->last_position, id);
  const auto count = std::min(idle.size(), streams_.size() - most + most / 8 + 1);
  std::partial_sort(idle.begin(), idle.begin() + static_cast<std::ptrdiff_t>(count), idle.end());
  for (std::size_t i = 0; i < count; ++i) streams_.erase(idle[i].second);
  forgotten_ += count;
}

std::vector<StreamMark> Log::stream_marks() const {
  std::vector<StreamMark> marks;
  marks.reserve(streams_.size());
  for (const auto& [id, stream] : streams_)
    if (stream->last_sequence > 0) marks.emplace_back(id, stream->last_sequence);
  return marks;
}

std::uint64_t Log::acknowledged(const LogStream& stream) const {
  const MutexLock lock(mutex_);
  return durable_position() >= stream.last_position ? stream.last_sequence : stream.durable_sequence;
}

void Log::acknowledge(LogStream& stream, std::uint64_t sequence) {
  const MutexLock lock(mutex_);
  stream.durable_sequence = std::max(stream.durable_sequence, std::min(sequence, stream.last_sequence));
}

void Log::acknowledged_elsewhere(LogStream& stream, std::uint64_t sequence) {
  const MutexLock lock(mutex_);
  stream.elsewhere = std::max(stream.elsewhere, sequence);
}

std::pair<std::uint64_t, std::uint64_t> Log::last_of(const LogStream& stream) const {
  const MutexLock lock(mutex_);
  return {stream.last_sequence, stream.last_position};
}

namespace {
// Rows as the calling thread encoded them last.
std::string& rows_of_thread() {
  thread_local std::string rows;
  return rows;
}
}  // namespace

Result<Log::Appended> Log::append(const metric::Batch& batch, UnixNanos received) {
  LogStream none({});
  return append(none, 0, 0, batch, received);
}

Result<Log::Appended> Log::append(LogStream& stream, std::uint64_t first, std::uint64_t last,
                                  const metric::Batch& batch, UnixNanos received) {
  std::string& rows = rows_of_thread();
  rows.clear();
  encode_rows(schemas_, batch, rows);
  const bool numbered = first != 0;

  const MutexLock lock(mutex_);
  Appended answer;
  answer.position = stream.last_position;
  answer.last_before = stream.last_sequence;
  if (numbered && first <= stream.last_sequence) return answer;
  if (stopped_) return fail(ErrorKind::kUnavailable, "the log is stopped");

  RecordHead head;
  head.received = received;
  head.samples = batch.samples();
  head.samples_before = samples_;
  head.stream = stream.id;
  head.first_sequence = first;
  head.last_sequence = last;
  const bool conflict = make_record(head, batch, rows);
  // A position that is left out begins a segment.
  const std::uint64_t position = conflict && next_position_ == 0 ? journal_->stats().last_position + 2 : next_position_;
  auto appended = journal_->append_at(position, record_, head.samples);
  if (record_.capacity() > kKeptScratchBytes) std::string().swap(record_);
  if (rows.capacity() > kKeptScratchBytes) std::string().swap(rows);
  if (!appended) {
    dictionary_.start_over();
    if (appended.error().kind == ErrorKind::kUnavailable) {
      refused_ = appended.error().message;
      refused_at_ = steady_clock::now();
    }
    return fail(std::move(appended).error());
  }
  refused_.clear();
  next_position_ = 0;
  samples_ += head.samples;
  answer.taken = true;
  answer.position = appended->last;
  if (numbered) {
    const std::uint64_t before = std::max(stream.last_sequence, stream.elsewhere);
    if (stream.last_sequence != 0 && first > before + 1) answer.missing = first - before - 1;
    if (durable_position() >= stream.last_position) stream.durable_sequence = stream.last_sequence;
    stream.last_sequence = last;
    stream.last_position = appended->last;
  }
  return answer;
}

// Into record_; true: the record has to begin a segment, because the dictionary's names are of others.
bool Log::make_record(const RecordHead& head, const metric::Batch& batch, const std::string& rows) {
  const bool conflict = dictionary_.conflicts(batch);
  if (!conflict) {
    definitions_.clear();
    dictionary_.define(batch, definitions_);
    record_.clear();
    encode_record(head, {}, definitions_, rows, record_);
  }
  if (conflict || next_position_ != 0 || journal_->begins_segment(record_.size())) {
    dictionary_.begin_segment();
    definitions_.clear();
    dictionary_.define(batch, definitions_);
    record_.clear();
    encode_record(head, stream_marks(), definitions_, rows, record_);
  }
  return conflict;
}

Result<LogReader*> Log::add_reader(const std::string& name, LogReader::Loss loss) {
  journal::ReaderOptions options;
  options.name = name;
  options.loss = loss == LogReader::Loss::kNever ? journal::Loss::kNever : journal::Loss::kOldest;
  // At the oldest: a server that dies before a new reader's cursor is durable must not lose what came meanwhile.
  options.start = journal::ReaderOptions::Start::kOldest;
  RESMON_ASSIGN(journal::Reader * reader, journal_->reader(options));
  const MutexLock lock(mutex_);
  readers_.push_back(std::unique_ptr<LogReader>(new LogReader(*this, *reader, name, loss)));
  return readers_.back().get();
}

void Log::skip_to(const Progress& progress) {
  const MutexLock lock(mutex_);
  if (progress.position > journal_->stats().last_position) next_position_ = progress.position + 1;
  samples_ = std::max(samples_.load(), progress.samples);
}

std::vector<journal::ReaderStats> Log::forget_others(std::string_view prefix) {
  std::vector<journal::ReaderStats> forgotten;
  for (journal::ReaderStats& one : journal_->readers())
    if (!one.attached && one.name.starts_with(prefix) && journal_->forget_reader(one.name))
      forgotten.push_back(std::move(one));
  return forgotten;
}

std::uint64_t Log::look_ahead(std::uint64_t position,
                              const std::function<void(const metric::Batch& batch, UnixNanos received)>& show) {
  RecordDecoder decoder(schemas_);
  metric::Batch batch;
  const std::uint64_t wanted = std::max(position + 1, first_own_position_);
  // From the beginning of the segment, for its definitions.
  std::uint64_t from = wanted;
  for (const auto& [first, last] : journal_->segments())
    if (first <= wanted && wanted <= last) from = first;
  (void)journal_->visit(from, [&](const journal::Record& record) {
    if (record.starts_segment) decoder.begin_segment();
    const auto view = read_record(record.payload);
    const bool defined = view && decoder.define(view->definitions, record.position >= first_own_position_);
    if (!defined) decoder.lose_track();
    if (record.position < wanted) return !stopped_.load();
    position = std::max(position, record.position);
    batch.clear();
    if (defined && decoder.decode(view->rows, batch)) show(batch, view->head.received);
    return !stopped_.load();
  });
  return position;
}

std::shared_ptr<DurableLane> Log::lane(const asio::any_io_executor& executor) {
  asio::execution_context& context = asio::query(executor, asio::execution::context);
  const MutexLock lock(mutex_);
  auto& lane = lanes_[&context];
  if (!lane) lane = std::make_shared<DurableLane>(*this, executor);
  return lane;
}

void Log::spare_disk(std::uint64_t journal_bytes) {
  const auto disk = options_.files == nullptr ? disk_of(options_.directory) : std::nullopt;
  if (!disk || disk->f_blocks == 0) return;
  const std::uint64_t free = disk->f_bavail * disk->f_frsize;
  const std::uint64_t spare = std::min<std::uint64_t>(disk->f_blocks * disk->f_frsize / kSpareShare, kSpareBytes);
  if (free >= spare) {
    sparing_ = false;
    return;
  }
  const std::uint64_t lost = journal_->keep_within(journal_bytes - std::min(journal_bytes, spare - free));
  if (lost == 0 || std::exchange(sparing_, true)) return;
  log::warn("journal",
            "the disk is nearly full; what sinks have not sent is given up, oldest first, so that the store has room",
            {{"directory", options_.directory}, {"free_bytes", free}});
}

std::string Log::check() {
  const journal::Stats stats = journal_->stats();
  spare_disk(stats.disk_bytes);
  std::string now = stats.error;
  // Until the first record nothing is written, so nothing fails: that the disk is full already is looked up.
  if (now.empty() && stats.appended_records == 0 && options_.files == nullptr && is_full(options_.directory))
    now = options_.directory + ": no space left on the disk";
  if (now.empty()) {
    const MutexLock lock(mutex_);
    // Whoever was refused tries again many times a second, if it is still there.
    if (!refused_.empty() && steady_clock::now() - refused_at_ > kRefusalHolds) refused_.clear();
    now = refused_;
  }
  const MutexLock lock(trouble_mutex_);
  if (now.empty() == trouble_.empty()) return trouble_ = now;
  trouble_ = now;
  const UnixNanos wall = Clock::system().wall();
  if (!now.empty()) {
    troubled_since_ = wall;
    log::error("journal", "nothing is acknowledged now; clients keep their samples",
               {{"reason", now}, {"waiting_bytes", stats.waiting_bytes}, {"disk_bytes", stats.disk_bytes}});
  } else {
    log::info("journal", "acknowledging again", {{"after_seconds", static_cast<double>(wall - troubled_since_) / 1e9}});
  }
  return now;
}

std::string Log::trouble() const {
  const MutexLock lock(trouble_mutex_);
  return trouble_;
}

void Log::stop() {
  {
    const MutexLock lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  if (Status done = journal_->commit(); !done)
    log::warn("journal", "stopping with records that are not durable and were not acknowledged",
              {{"reason", done.error().message}});
}

Status Log::close() {
  stop();
  return journal_->close();
}

LogReader::LogReader(Log& log, journal::Reader& reader, std::string name, Loss loss)
    : log_(log), reader_(reader), name_(std::move(name)), loss_(loss), decoder_(log.schemas_) {}

const Entry* LogReader::try_next() {
  batch_.clear();  // so that nothing is pinned while there is nothing to read
  while (true) {
    while (next_record_ < records_.size()) {
      const journal::Record& record = records_[next_record_++];
      if (const Entry* entry = decode(record)) return entry;
    }
    next_record_ = 0;
    auto got = reader_.read(kReadBytes);
    caught_up_ = got.has_value();
    if (!got) {
      records_ = {};
      return nullptr;  // the device cannot read now
    }
    records_ = *got;
    if (records_.empty()) return nullptr;
  }
}

const Entry* LogReader::next(steady_clock::time_point until) {
  while (true) {
    if (const Entry* entry = try_next()) return entry;
    if (log_.stopped() || steady_clock::now() >= until) return nullptr;
    // Short, for the sake of stop(): the journal's own wait ends with its close.
    auto got = reader_.read(kReadBytes, std::min(until, steady_clock::now() + std::chrono::milliseconds(100)));
    if (!got) std::this_thread::sleep_for(kUnreadablePause);
    records_ = got ? *got : std::span<const journal::Record>();
    next_record_ = 0;
  }
}

bool LogReader::same_segment(std::uint64_t before, std::uint64_t position) const {
  for (const auto& [first, last] : log_.journal_->segments())
    if (first <= position && position <= last) return first <= before;
  return false;
}

// Null: nothing to show.
const Entry* LogReader::decode(const journal::Record& record) {
  if (record.starts_segment) {
    decoder_.begin_segment();
  } else if (record.position != last_seen_ + 1) {
    // Damage: what it defined would have had numbers.
    if (!same_segment(last_seen_, record.position)) decoder_.begin_segment();
    decoder_.lose_track();
  }
  last_seen_ = record.position;
  auto view = read_record(record.payload);
  Status status;
  if (!view) {
    status = fail(view.error());
    decoder_.lose_track();
  } else {
    status = decoder_.define(view->definitions, record.position >= log_.first_own_position_);
    if (!status) decoder_.lose_track();
    if (record.replayed) return nullptr;
    if (status) {
      batch_.clear();
      status = decoder_.decode(view->rows, batch_, wanted_);
    }
  }
  {
    const RecordHead head = view ? view->head : RecordHead();
    const MutexLock lock(mutex_);
    if (!status) ++undecodable_;
    if (view) account(record.position, view->head, static_cast<bool>(status));
    if (view && unsettled_.empty() && (!settled_samples_ || head.samples_before > *settled_samples_)) {
      settled_samples_ = head.samples_before;
      lost_when_settled_ = reader_.stats().dropped_weight;
    }
    unsettled_.push_back({record.position, head.samples, head.samples_before + head.samples, head.received});
    if (loss_ == Loss::kNever && unsettled_.size() > kMostUnsettled) halve_unsettled();
  }
  if (!status) {
    log::error("journal", "a record cannot be read and is skipped",
               {{"reader", name_}, {"position", record.position}, {"reason", status.error().message}});
    return nullptr;
  }
  entry_ = {record.position, &batch_, view->head.received};
  return &entry_;
}

// The store commits minutes later. Nothing of what it has not committed is dropped, so it need not be known one by one.
void LogReader::halve_unsettled() {
  std::deque<Unsettled> halved;
  for (std::size_t i = 0; i + 1 < unsettled_.size(); i += 2) {
    Unsettled both = unsettled_[i + 1];
    both.samples += unsettled_[i].samples;
    both.received = unsettled_[i].received;
    halved.push_back(both);
  }
  if (unsettled_.size() % 2 == 1) halved.push_back(unsettled_.back());
  unsettled_ = std::move(halved);
}

// What lies between the samples seen so far and those before this record is not in the journal.
void LogReader::account(std::uint64_t position, const RecordHead& head, bool readable) {
  if (exact_ && head.samples_before > progress_.samples) {
    const Missing end = missing_end();
    const bool passes_end = head.samples_before >= log_.torn_to_;
    note_missing(
        {head.samples_before - progress_.samples, progress_.received, head.received, passes_end ? end.samples : 0});
  }
  if (exact_ && !readable) note_missing({head.samples, head.received, head.received});
  progress_ = {position, head.samples_before + head.samples, head.received};
}

void LogReader::note_missing(const Missing& one) {
  if (one.samples == 0) return;
  if (missing_.size() < kMostMissing) {
    missing_.push_back(one);
    return;
  }
  Missing& last = missing_.back();
  last = {last.samples + one.samples, last.from, one.to, last.of_end + one.of_end};
}

Missing LogReader::missing_end() const {
  if (!exact_ || progress_.samples >= log_.torn_to_ || log_.torn_from_ >= log_.torn_to_) return {};
  return {log_.torn_to_ - std::max(log_.torn_from_, progress_.samples), std::max(log_.torn_after_, progress_.received),
          log_.torn_before_};
}

void LogReader::start_after(const Progress& progress) {
  exact_ = true;
  progress_ = progress;
  reader_.start_after(progress.position);
}

void LogReader::commit(std::uint64_t position) {
  const MutexLock lock(mutex_);
  settle_through(position);
}

void LogReader::delivered(std::uint64_t position) {
  const MutexLock lock(mutex_);
  if (position <= delivered_) return;
  delivered_ = position;
  if (const auto after = after_delivered(); after != unsettled_.begin())
    delivered_samples_ = std::max(delivered_samples_, std::prev(after)->samples_through);
}

std::deque<LogReader::Unsettled>::const_iterator LogReader::after_delivered() const {
  const std::uint64_t delivered = delivered_;
  return std::partition_point(unsettled_.begin(), unsettled_.end(),
                              [&](const Unsettled& one) { return one.position <= delivered; });
}

void LogReader::rewind() {
  {
    const MutexLock lock(mutex_);
    // What the bound dropped of it was delivered: it is not lost.
    settle_through(std::min(delivered_, reader_.committed()));
    unsettled_.clear();
  }
  reader_.rewind();
  records_ = {};
  next_record_ = 0;
}

void LogReader::settle_through(std::uint64_t position) {
  bool any = false;
  while (!unsettled_.empty() && unsettled_.front().position <= position) {
    reader_.settle(unsettled_.front().position, unsettled_.front().samples);
    settled_samples_ = std::max(settled_samples_.value_or(0), unsettled_.front().samples_through);
    unsettled_.pop_front();
    any = true;
  }
  if (any) lost_when_settled_ = reader_.stats().dropped_weight;
}

LogReader::Stats LogReader::stats() const {
  const journal::ReaderStats from = reader_.stats();
  Stats stats;
  stats.backlog_entries = from.backlog_records;
  stats.lost_samples = from.dropped_weight;
  stats.damaged_entries = from.damaged_records;
  stats.committed = from.committed;
  const MutexLock lock(mutex_);
  stats.damaged_entries += undecodable_;
  const auto waiting = after_delivered();
  if (waiting != unsettled_.end()) stats.oldest_received = waiting->received;
  if (from.backlog_records > 0) {
    std::uint64_t gone = settled_samples_.value_or(log_.samples()) + (from.dropped_weight - lost_when_settled_);
    gone = std::max(gone, delivered_samples_);
    stats.backlog_samples = log_.samples() - std::min(log_.samples(), gone);
  }
  if (delivered_ > from.committed) stats.backlog_entries -= std::min(from.backlog_records, delivered_ - from.committed);
  for (auto one = unsettled_.begin(); one != waiting && one->position <= from.committed; ++one)
    stats.lost_samples -= std::min(stats.lost_samples, one->samples);
  return stats;
}

void DurableLane::wait(std::uint64_t position, std::function<void()> done,
                       std::optional<std::weak_ptr<const void>> owner) {
  if (log_.durable_position() >= position && waiting_.empty()) {
    done();
    return;
  }
  if (waiting_.size() >= look_through_at_) {
    std::erase_if(waiting_, [](const Waiting& one) { return one.owner && one.owner->expired(); });
    look_through_at_ = std::max(kLeastToLookThrough, 2 * waiting_.size());
  }
  waiting_.push_back({position, std::move(done), std::move(owner)});
  // It may have become durable between the look and the list.
  if (log_.durable_position() >= waiting_.front().position) ring();
}

void DurableLane::ring() {
  if (rung_.exchange(true)) return;
  net::post(executor_, [self = shared_from_this()] { self->drain(); });
}

void DurableLane::drain() {
  rung_ = false;
  const std::uint64_t durable = log_.durable_position();
  while (!waiting_.empty() && waiting_.front().position <= durable) {
    const auto done = std::move(waiting_.front().done);
    waiting_.pop_front();
    done();
  }
}

}  // namespace resmon::ingest
