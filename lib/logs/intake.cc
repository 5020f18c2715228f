#include "logs/intake.h"

#include <algorithm>

#include "base/log.h"

namespace resmon::logs {

namespace {

constexpr std::uint64_t kLeastSegmentBytes = 12U << 20U;  // of the largest record and all marks
constexpr std::uint64_t kMostSegmentBytes = 32U << 20U;
// A client's frame is up to logline::kMaxBytes of text, and a record must fit into a segment.
constexpr std::size_t kRecordHeadBytes = 1024 + 4096;
constexpr std::size_t kMarkBytes = 26;  // at most

journal::Options journal_options(const IntakeOptions& options) {
  journal::Options out;
  out.directory = options.directory;
  out.limit_bytes = options.limit_bytes;
  out.segment_bytes = std::clamp(options.limit_bytes / 8, kLeastSegmentBytes, kMostSegmentBytes);
  out.sync = options.sync;
  out.sync_interval = options.sync_interval;
  out.files = options.files;
  out.own_thread = options.own_thread;
  return out;
}

}  // namespace

Intake::Intake(IntakeOptions options, std::unique_ptr<journal::Journal> journal)
    : options_(std::move(options)), journal_(std::move(journal)) {}

Intake::~Intake() {
  (void)stop();
}

Result<std::unique_ptr<Intake>> Intake::open(IntakeOptions options) {
  RESMON_ASSIGN(auto journal, journal::Journal::open(journal_options(options)));
  for (const std::string& finding : journal->findings()) log::warn("logs", finding);
  std::unique_ptr<Intake> intake(new Intake(std::move(options), std::move(journal)));
  RESMON_TRY(intake->recover());
  journal::ReaderOptions reader;
  reader.name = kBlocksReader;
  reader.loss = journal::Loss::kNever;
  RESMON_ASSIGN(intake->reader_, intake->journal_->reader(reader));
  Intake* const raw = intake.get();
  intake->journal_->on_durable([raw](std::uint64_t durable) { raw->ring(durable); });
  return intake;
}

// The newest segment begins with the numbers of all streams. Where that record is damaged, what older segments say is
// better than nothing.
Status Intake::recover() {
  const auto segments = journal_->segments();
  if (segments.empty()) return {};
  bool complete = false;
  RESMON_TRY(journal_->visit(segments.back().first, [&](const journal::Record& record) {
    complete = record.position == segments.back().first && decode_record(record.payload).has_value();
    return false;
  }));
  std::uint64_t unreadable = 0;
  RESMON_TRY(
      journal_->visit(complete ? segments.back().first : segments.front().first, [&](const journal::Record& record) {
        const auto read = decode_record(record.payload);
        if (!read) return ++unreadable, true;
        for (const auto& [stream, sequence] : read->marks) learn(stream, sequence, record.position);
        if (read->sequence != 0) learn(read->stream, read->sequence, record.position);
        return true;
      }));
  if (unreadable > 0) log::warn("logs", "records that cannot be read were skipped", {{"records", unreadable}});
  return {};
}

void Intake::learn(const Stream& stream, std::uint64_t sequence, std::uint64_t position) {
  const MutexLock lock(mutex_);
  Last& last = streams_[stream];
  if (sequence > last.sequence) last = {sequence, position, sequence};
}

// An eighth at a time, those that sent something the longest ago.
void Intake::bound_streams() {
  const std::size_t most = std::min(options_.max_streams, journal_->max_record_bytes() / 4 / kMarkBytes);
  if (streams_.size() < most) return;
  std::vector<std::pair<std::uint64_t, Stream>> all;
  all.reserve(streams_.size());
  for (const auto& [stream, last] : streams_) all.emplace_back(last.position, stream);
  const std::size_t count = streams_.size() - most + most / 8 + 1;
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())), all.end());
  for (std::size_t i = 0; i < std::min(count, all.size()); ++i) streams_.erase(all[i].second);
}

std::uint64_t Intake::acknowledged(const Stream& stream) {
  const MutexLock lock(mutex_);
  const auto at = streams_.find(stream);
  if (at == streams_.end()) return 0;
  return journal_->durable_position() >= at->second.position ? at->second.sequence : at->second.durable;
}

std::size_t Intake::max_lines_bytes() const {
  return journal_->max_record_bytes() - journal_->max_record_bytes() / 4 - kRecordHeadBytes;
}

Result<std::uint64_t> Intake::append(const Stream& stream, std::uint64_t sequence, std::string_view host,
                                     std::string_view encoded, UnixNanos received) {
  const MutexLock lock(mutex_);
  auto at = streams_.find(stream);
  if (at != streams_.end() && sequence <= at->second.sequence) return at->second.position;
  Record record;
  record.received = received;
  record.stream = stream;
  record.sequence = sequence;
  record.host = host;
  record.lines = encoded;
  RESMON_ASSIGN(const std::uint64_t position, append_record(record));
  if (at == streams_.end()) {
    bound_streams();
    at = streams_.try_emplace(stream).first;
  }
  Last& last = at->second;
  if (journal_->durable_position() >= last.position) last.durable = last.sequence;
  last.sequence = sequence;
  last.position = position;
  return position;
}

Result<std::uint64_t> Intake::append(std::string_view host, std::string_view encoded, UnixNanos received) {
  const MutexLock lock(mutex_);
  Record record;
  record.received = received;
  record.host = host;
  record.lines = encoded;
  return append_record(record);
}

Result<std::uint64_t> Intake::append_record(Record& record) {
  if (stopped_) return fail(ErrorKind::kUnavailable, "the server is stopping");
  record_.clear();
  encode_record(record, record_);
  if (next_position_ != 0 || journal_->begins_segment(record_.size())) {
    for (const auto& [stream, last] : streams_)
      if (stream != record.stream) record.marks.emplace_back(stream, last.sequence);
    record_.clear();
    encode_record(record, record_);
  }
  RESMON_ASSIGN(const journal::Appended appended, journal_->append_at(next_position_, record_, 0));
  next_position_ = 0;
  return appended.last;
}

Result<journal::Reader*> Intake::add_reader(const std::string& name) {
  journal::ReaderOptions reader;
  reader.name = name;
  reader.loss = journal::Loss::kOldest;
  reader.start = journal::ReaderOptions::Start::kNewest;
  return journal_->reader(reader);
}

std::vector<journal::ReaderStats> Intake::forget_others(std::string_view prefix) {
  std::vector<journal::ReaderStats> out;
  for (const journal::ReaderStats& one : journal_->readers())
    if (!one.attached && one.name.starts_with(prefix) && journal_->forget_reader(one.name)) out.push_back(one);
  return out;
}

void Intake::skip_to(std::uint64_t position) {
  const MutexLock lock(mutex_);
  if (position > journal_->stats().last_position) next_position_ = position + 1;
}

std::uint64_t Intake::durable_position() {
  return journal_->durable_position();
}

void Intake::when_durable(std::uint64_t position, std::function<void()> done) {
  {
    const MutexLock lock(waiting_mutex_);
    if (durable_ < position && journal_->durable_position() < position) {
      waiting_.emplace(position, std::move(done));
      done = nullptr;
    }
  }
  if (done) return done();
  // It may have become durable between the look and the list.
  if (const std::uint64_t now = journal_->durable_position(); now >= position) ring(now);
}

void Intake::ring(std::uint64_t durable) {
  std::vector<std::function<void()>> due;
  {
    const MutexLock lock(waiting_mutex_);
    durable_ = std::max(durable_, durable);
    const auto end = waiting_.upper_bound(durable_);
    for (auto at = waiting_.begin(); at != end; ++at) due.push_back(std::move(at->second));
    waiting_.erase(waiting_.begin(), end);
  }
  for (const auto& done : due) done();
}

Status Intake::stop() {
  {
    const MutexLock lock(mutex_);
    if (stopped_) return {};
    stopped_ = true;
  }
  Status closed = journal_->close();
  const MutexLock lock(waiting_mutex_);
  waiting_.clear();
  return closed;
}

}  // namespace resmon::logs
