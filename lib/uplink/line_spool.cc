// docs/journal_format.md, "The client's spool of lines", is the specification of the records.
//
// A record is in the kernel's hands before it may be sent. A kill then finds either both, lines and marks, and sends
// the same lines under the same number, or neither, and the lines are read again and were sent to nobody.

#include "uplink/line_spool.h"

#include <algorithm>

#include "base/bytes.h"
#include "uplink/stream_id.h"

namespace resmon::uplink {

namespace {

constexpr std::uint8_t kLineRecordFormat = 1;
constexpr std::uint8_t kAllMarks = 1;
constexpr std::uint64_t kLineSegmentBytes = 2U << 20U;
constexpr std::size_t kLineReadBytes = 64U << 10U;
constexpr std::uint64_t kLineReserve = 4096;
constexpr auto kKernelPatience = std::chrono::milliseconds(20);
constexpr auto kLineRecoverPatience = std::chrono::milliseconds(1000);

struct RecordParts {
  bool all = false;
  wire::StreamId stream{};
  std::string_view owner;
  std::uint32_t lines = 0;
  std::vector<std::pair<std::string_view, std::string_view>> marks;
  std::string_view encoded;
};

Result<RecordParts> take_apart(std::string_view record, bool with_marks) {
  ByteReader r(record);
  RecordParts parts;
  const std::uint8_t format = r.u8();
  const std::uint8_t flags = r.u8();
  if (r.failed() || format != kLineRecordFormat || flags > kAllMarks)
    return fail(ErrorKind::kDamaged, "a record of lines of an unknown format");
  parts.all = (flags & kAllMarks) != 0;
  if (parts.all) {
    const std::string_view id = r.bytes(parts.stream.size());
    std::copy(id.begin(), id.end(), parts.stream.begin());
    parts.owner = r.text();
  }
  parts.lines = static_cast<std::uint32_t>(r.varint());
  const std::uint64_t marks = r.varint();
  for (std::uint64_t i = 0; i < marks && !r.failed(); ++i) {
    const std::string_view key = r.text();
    const std::string_view value = r.text();
    if (with_marks) parts.marks.emplace_back(key, value);
  }
  if (r.failed()) return fail(ErrorKind::kDamaged, "a record of lines ends early");
  parts.encoded = r.rest();
  return parts;
}

}  // namespace

LineSpool::LineSpool(const LineSpoolOptions& options, std::unique_ptr<journal::Journal> journal)
    : options_(options), journal_(std::move(journal)) {}

Result<std::unique_ptr<LineSpool>> LineSpool::open(const LineSpoolOptions& options) {
  journal::Options wanted;
  wanted.directory = options.directory;
  wanted.limit_bytes = options.limit_bytes;
  wanted.segment_bytes = kLineSegmentBytes;
  wanted.buffer_bytes = kLineSegmentBytes;
  wanted.cache_bytes = 0;
  wanted.sync_interval = options.sync_interval;
  wanted.retry_interval = std::chrono::seconds(2);
  wanted.never_reuse_positions = true;
  wanted.reserve_positions = kLineReserve;
  wanted.files = options.files;
  RESMON_ASSIGN(auto journal, journal::Journal::open(std::move(wanted)));
  std::unique_ptr<LineSpool> spool(new LineSpool(options, std::move(journal)));
  RESMON_TRY(spool->recover());
  return spool;
}

Status LineSpool::recover() {
  journal::ReaderOptions wanted;
  wanted.name = "server";
  wanted.loss = journal::Loss::kOldest;
  wanted.see = journal::ReaderOptions::See::kAppended;
  wanted.buffer_bytes = kLineReadBytes;
  wanted.patience = kLineRecoverPatience;
  RESMON_ASSIGN(reader_, journal_->reader(wanted));
  findings_ = journal_->findings();
  last_ = handed_over_ = highest_sent_ = journal_->stats().last_position;

  RESMON_TRY(recover_marks());
  RESMON_ASSIGN(const std::uint64_t lines_there, recover_entries());
  count_missing(lines_there);
  if (!stream_known_ || journal_->cursors_lost() || recovered_owner_ != options_.owner) begin_stream();
  return {};
}

// From the newest segment that begins with all of them.
Status LineSpool::recover_marks() {
  const auto segments = journal_->segments();
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    bool complete = false;
    marks_.clear();
    RESMON_TRY(journal_->visit(segment->first, [&](const journal::Record& record) {
      const auto parts = take_apart(record.payload, false);
      complete = complete || (parts && parts->all);
      apply(record.payload);
      return true;
    }));
    if (complete) break;
  }
  return {};
}

// Of what waits; returns its lines.
Result<std::uint64_t> LineSpool::recover_entries() {
  bool any = false;
  std::uint64_t lines_there = 0;
  while (true) {
    auto got = reader_->read(kLineReadBytes);
    if (!got) return fail(std::move(got).error());
    if (got->empty()) break;
    for (const journal::Record& record : *got) {
      if (record.replayed) continue;
      const auto parts = take_apart(record.payload, false);
      if (!any) first_ = record.position;
      any = true;
      entries_.resize(static_cast<std::size_t>(record.position - first_));
      Entry entry;
      entry.bytes = static_cast<std::uint32_t>(record.payload.size());
      entry.lines = parts ? parts->lines : 0;
      entry.sends = parts && !parts->encoded.empty();
      entries_.push_back(entry);
      journal_->weigh(record.position, entry.lines);
      lines_there += entry.lines;
      backlog_lines_ += entry.lines;
      backlog_bytes_ += entry.bytes;
      backlog_records_ += entry.sends ? 1U : 0U;
    }
  }
  reader_->rewind();
  if (!any) first_ = last_ + 1;
  entries_.resize(static_cast<std::size_t>(last_ + 1 - first_));
  return lines_there;
}

void LineSpool::count_missing(std::uint64_t lines_there) {
  const std::uint64_t accounted = reader_->stats().accounted_weight;
  const std::uint64_t appended = journal_->reached().weight;
  if (!journal_->cursors_lost() && appended > accounted + lines_there) {
    const std::uint64_t missing = appended - accounted - lines_there;
    reader_->count_missing(missing);
    findings_.push_back(std::to_string(missing) + " lines in it are lost: files of it are damaged or gone");
  } else {
    journal_->set_total_weight(accounted + lines_there);
  }
}

void LineSpool::apply(std::string_view record) {
  const auto parts = take_apart(record, true);
  if (!parts) return;
  if (parts->all) {
    marks_.clear();
    stream_ = parts->stream;
    recovered_owner_ = parts->owner;
    stream_known_ = true;
  }
  for (const auto& [key, value] : parts->marks) {
    if (value.empty()) {
      if (const auto at = marks_.find(key); at != marks_.end()) marks_.erase(at);
    } else {
      marks_.insert_or_assign(std::string(key), std::string(value));
    }
  }
}

std::string LineSpool::build(std::string_view encoded, std::uint32_t lines, std::span<const Mark> marks,
                             bool all) const {
  std::string out;
  ByteWriter w(out);
  w.u8(kLineRecordFormat);
  w.u8(all ? kAllMarks : 0);
  std::size_t count = marks.size();
  if (all) {
    w.bytes({reinterpret_cast<const char*>(stream_.data()), stream_.size()});
    w.text(options_.owner);
    count += marks_.size();
  }
  w.varint(lines);
  w.varint(count);
  // The new ones come last: where a key is there twice, the later one counts.
  if (all)
    for (const auto& [key, value] : marks_) {
      w.text(key);
      w.text(value);
    }
  for (const Mark& mark : marks) {
    w.text(mark.key);
    w.text(mark.value);
  }
  w.bytes(encoded);
  return out;
}

Status LineSpool::push(std::string_view encoded, std::uint32_t lines, std::span<const Mark> marks) {
  std::string record = build(encoded, lines, marks, false);
  if (journal_->begins_segment(record.size())) record = build(encoded, lines, marks, true);
  const std::uint64_t sequence = last_ + 1;
  RESMON_ASSIGN(const journal::Appended appended, journal_->append_at(sequence, record, lines));
  last_ = sequence;
  Entry entry;
  entry.lines = lines;
  entry.bytes = static_cast<std::uint32_t>(record.size());
  entry.sends = !encoded.empty();
  entries_.push_back(entry);
  backlog_lines_ += lines;
  backlog_bytes_ += entry.bytes;
  backlog_records_ += entry.sends ? 1U : 0U;
  for (const Mark& mark : marks) {
    if (mark.value.empty())
      marks_.erase(mark.key);
    else
      marks_.insert_or_assign(mark.key, mark.value);
  }
  if (appended.began_segment) drop_before(journal_->stats().first_position);
  hand_over();
  if (backlog_records_ == 0) acknowledge(last_);
  return {};
}

void LineSpool::hand_over() {
  if (handed_over_ < last_ && journal_->hand_over(kKernelPatience)) handed_over_ = last_;
  const auto stats = journal_->stats();
  // What is synced needs no memory; and numbers that a restart would not know of are not sent.
  if (stats.waiting_bytes > kLineSegmentBytes / 8 || last_ + kLineReserve / 4 > journal_->reserved_position())
    journal_->sync_soon();
}

void LineSpool::begin_stream() {
  stream_ = random_stream();
  ++epoch_;
  highest_sent_ = 0;
  placed_at_ = 0;
  // The stream's name is in records with all marks. Without this one a restart would go on in the old stream.
  const std::string record = build({}, 0, {}, true);
  if (journal_->append_at(last_ + 1, record, 0)) {
    ++last_;
    Entry entry;
    entry.bytes = static_cast<std::uint32_t>(record.size());
    entries_.push_back(entry);
    backlog_bytes_ += entry.bytes;
    hand_over();
  }
}

void LineSpool::forget_front() {
  const Entry& entry = entries_.front();
  backlog_lines_ -= entry.lines;
  backlog_bytes_ -= entry.bytes;
  backlog_records_ -= entry.sends ? 1U : 0U;
  entries_.pop_front();
  ++first_;
}

void LineSpool::drop_before(std::uint64_t first_kept) {
  while (first_ < first_kept && !entries_.empty()) forget_front();
}

void LineSpool::acknowledge(std::uint64_t sequence) {
  // Marks alone need no acknowledgement.
  std::uint64_t through = std::min(std::max(sequence, first_ - 1), last_);
  while (through < last_ && through + 1 >= first_ && !entries_[static_cast<std::size_t>(through + 1 - first_)].sends)
    ++through;
  if (through < first_) return;
  std::uint64_t lines = 0;
  while (first_ <= through && !entries_.empty()) {
    lines += entries_.front().lines;
    forget_front();
  }
  reader_->pass(through, lines);
}

bool LineSpool::resume_after(std::uint64_t sequence) {
  if (sequence > highest_sent_) {
    begin_stream();
    return false;
  }
  acknowledge(sequence);
  return true;
}

void LineSpool::begin() {
  encoder_ = std::make_unique<wire::LinesEncoder>();
  placed_at_ = 0;
}

// Places the reader at the record `from`. False: it is not to be had now; where it never will be, its lines are lost.
Result<bool> LineSpool::next_record(std::uint64_t from) {
  if (placed_at_ == 0 || from < placed_at_) {
    reader_->rewind();
    records_ = {};
    next_in_records_ = 0;
  }
  placed_at_ = from;
  while (true) {
    if (next_in_records_ >= records_.size()) {
      next_in_records_ = 0;
      records_ = {};
      RESMON_ASSIGN(records_, reader_->read(kLineReadBytes));
      if (records_.empty()) return false;
    }
    const std::uint64_t position = records_[next_in_records_].position;
    if (position == from) return true;
    if (position < from) {
      ++next_in_records_;
      continue;
    }
    for (std::uint64_t lost = from; lost < position; ++lost) {
      Entry& entry = entries_[static_cast<std::size_t>(lost - first_)];
      backlog_records_ -= entry.sends ? 1U : 0U;
      backlog_lines_ -= entry.lines;
      lost_lines_ += std::exchange(entry.lines, 0U);
      entry.sends = false;
    }
    return false;
  }
}

Result<Outbox::Encoded> LineSpool::encode(std::uint64_t from, std::uint32_t max_frame_bytes, std::string& out) {
  from = std::max(from, first_);
  while (from <= last_ && !entries_[static_cast<std::size_t>(from - first_)].sends) ++from;
  if (from > last_) return Encoded{};
  hand_over();
  if (from > std::min(handed_over_, journal_->reserved_position())) return Encoded{};
  const auto found = next_record(from);
  if (!found || !*found) return Encoded{};
  const auto parts = take_apart(records_[next_in_records_].payload, false);
  const std::size_t before = out.size();
  std::size_t payload = SIZE_MAX;
  if (parts && parts->encoded.size() <= wire::kMaxLinesBytes) payload = encoder_->encode(from, parts->encoded, out);
  if (payload > max_frame_bytes) {
    out.resize(before);
    Entry& entry = entries_[static_cast<std::size_t>(from - first_)];
    lost_lines_ += entry.lines;
    backlog_lines_ -= std::exchange(entry.lines, 0U);
    backlog_records_ -= std::exchange(entry.sends, false) ? 1U : 0U;
    return fail(ErrorKind::kLimit, "a batch of lines is larger than the server's limit of " +
                                       std::to_string(max_frame_bytes) + " bytes: dropped");
  }
  highest_sent_ = std::max(highest_sent_, from);
  ++next_in_records_;
  placed_at_ = from + 1;
  return Encoded{from, 1};
}

}  // namespace resmon::uplink
