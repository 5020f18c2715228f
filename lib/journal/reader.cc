// Reading: from memory while the records are there, from the file otherwise.
//
// A reader that follows closely is shown the very bytes that the commit thread writes; no call to the kernel, no copy.
// One that is behind walks the files with a buffer of its own. It changes over at any record: a block in memory is
// found by position, and a file is walked from its start, which happens once each time a reader falls behind.
//
// The mutex is not held while a file is read, so a segment may be dropped under the reader. Its file is then empty;
// before the reader calls records missing it looks whether their segment is still the journal's.

#include <algorithm>

#include "journal/state.h"

namespace resmon::journal {

class Reader::Files {
 public:
  explicit Files(const ReaderOptions& options) : scanner(options.buffer_bytes, options.patience) {}

  SegmentScanner scanner;
  std::uint64_t segment = 0;  // being scanned
  std::uint64_t through = 0;  // how far it was written when it was last read
  // Where memory was left off, to go on there.
  std::shared_ptr<Block> block;
  std::size_t block_offset = 0;
};

Reader::Reader(State& state, ReaderOptions options)
    : state_(state),
      options_(std::move(options)),
      files_(std::make_unique<Files>(options_)),
      progress_(std::make_unique<Progress>()) {}

Reader::~Reader() = default;

// Where the next records are, and what of them is visible.
struct Reader::Source {
  std::uint64_t at = 0;    // from where they are read
  std::uint64_t next = 0;  // the first that was not delivered
  std::uint64_t group = 0;
  std::uint64_t through = 0;  // the last position that it can give
  std::shared_ptr<Block> block;
  std::size_t block_end = 0;
  Segment segment;  // without a block

  // First and last positions that ought to be there.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> missing;
};

Result<std::span<const Record>> Reader::read(std::size_t limit_bytes) {
  records_.clear();
  held_.reset();
  while (true) {
    Source source;
    if (!find_source(source)) return std::span<const Record>();
    RESMON_TRY(source.block != nullptr ? read_block(source, limit_bytes) : read_file(source, limit_bytes));
    const std::lock_guard lock(state_.mutex);
    count(source);
    Progress& progress = *progress_;
    progress.next = std::max(progress.next, source.at);
    progress.at = std::max(source.at, progress.at);
    if (!records_.empty()) {
      progress.delivered = records_.back().position;
      return std::span<const Record>(records_);
    }
  }
}

// False: there is nothing to read yet.
bool Reader::find_source(Source& source) {
  const std::lock_guard lock(state_.mutex);
  Progress& progress = *progress_;
  while (true) {
    const std::uint64_t visible = state_.visible(options_.see);
    const auto in = std::lower_bound(state_.groups.begin(), state_.groups.end(), progress.next,
                                     [](const Group& one, std::uint64_t position) { return one.last < position; });
    if (in != state_.groups.end() && in->first > progress.next) progress.next = in->first;
    if (in == state_.groups.end() || progress.next > visible) {
      progress.armed = true;
      return false;
    }
    if (progress.context != in->first) {
      progress.context = in->first;
      progress.at = in->first;
      files_->segment = 0;
    }
    source.at = progress.at;
    source.next = progress.next;
    source.group = in->first;
    source.through = std::min(in->last, visible);
    const auto& blocks = state_.blocks;
    const auto there = std::lower_bound(
        blocks.begin(), blocks.end(), source.at,
        [](const std::shared_ptr<Block>& one, std::uint64_t position) { return one->last < position; });
    if (there != blocks.end() && (*there)->first <= source.at) {
      source.block = *there;
      source.block_end = source.block->size;
      source.through = std::min(source.through, source.block->last);
      return true;
    }
    const auto file = state_.segments.upper_bound(source.at);
    if (file != state_.segments.begin() && std::prev(file)->second.last >= source.at) {
      source.segment = std::prev(file)->second;
      source.through = std::min(source.through, source.segment.last);
      return true;
    }
    // Nobody has it: go on with the next that is there.
    std::uint64_t from = in->last + 1;
    if (file != state_.segments.end()) from = std::min(from, file->first);
    if (there != blocks.end()) from = std::min(from, (*there)->first);
    if (from > source.next) {
      const std::uint64_t gone = from - std::max(source.at, source.next);
      progress.cursor->entry.damaged += gone;
      state_.counters.damaged_records += gone;
      progress.next = from;
    }
    progress.at = from;
  }
}

Status Reader::read_block(Source& source, std::size_t limit_bytes) {
  const Block& block = *source.block;
  files_->segment = 0;
  std::size_t offset = files_->block == source.block ? files_->block_offset : 0;
  if (offset > source.block_end) offset = 0;
  for (std::size_t bytes = 0; offset < source.block_end && bytes < limit_bytes;) {
    const char* const here = block.bytes.get() + offset;
    const auto header = decode_record_header(here, state_.seed);
    if (!header) return fail(ErrorKind::kInternal, "journal: a block in memory was overwritten");
    const std::uint64_t position = header->position(block.first);
    const bool mark = (header->flags & kMark) != 0;
    if (!mark && position > source.through) break;
    offset += kRecordHeaderBytes + header->length;
    if (mark || position < source.at) continue;
    records_.push_back({position,
                        {here + kRecordHeaderBytes, header->length},
                        position < source.next,
                        (header->flags & kStartsSegment) != 0});
    bytes += kRecordHeaderBytes + header->length;
    source.at = position + 1;
  }
  files_->block = source.block;
  files_->block_offset = offset;
  held_ = source.block;
  return {};
}

// Goes on where the file was left off, or begins with it.
Status Reader::open_file(const Source& source) {
  files_->block.reset();
  SegmentScanner& scanner = files_->scanner;
  if (files_->segment != source.segment.first || scanner.next_position() > source.at) {
    auto opened = state_.files.open(state_.path(segment_name(source.segment.first)));
    if (!opened && opened.error().kind != ErrorKind::kNotFound) return fail(std::move(opened).error());
    std::shared_ptr<File> file;
    if (opened) file = std::move(opened).value();
    scanner.start(std::move(file), state_.seed, source.segment.first);
    files_->segment = source.segment.first;
  } else if (files_->through != source.through) {
    scanner.forget_ahead();
  }
  files_->through = source.through;
  return {};
}

Status Reader::read_file(Source& source, std::size_t limit_bytes) {
  RESMON_TRY(open_file(source));
  SegmentScanner& scanner = files_->scanner;
  const auto rest_is_missing = [&] {
    source.missing.emplace_back(source.at, source.through);
    source.at = source.through + 1;
  };
  SegmentScanner::Found found;
  for (std::size_t bytes = 0; bytes < limit_bytes && source.at <= source.through;) {
    const auto outcome = scanner.next(found, records_.empty());
    if (!outcome) return fail(outcome.error());
    if (*outcome == SegmentScanner::Outcome::kMustRead) break;
    if (*outcome == SegmentScanner::Outcome::kEnd) {
      rest_is_missing();
      files_->segment = 0;
      break;
    }
    if ((found.flags & kMark) != 0) continue;
    if (found.position > source.through) {
      rest_is_missing();
      scanner.step_back(found);
      break;
    }
    if (found.position < source.at) continue;
    if (found.position > source.at) source.missing.emplace_back(source.at, found.position - 1);
    records_.push_back(
        {found.position, found.payload, found.position < source.next, (found.flags & kStartsSegment) != 0});
    bytes += kRecordHeaderBytes + found.payload.size();
    source.at = found.position + 1;
  }
  return {};
}

// What was got of a source, and what it lacked. REQUIRES: the journal's mutex held
void Reader::count(const Source& source) {
  Progress& progress = *progress_;
  Cursor& cursor = *progress.cursor;
  if (state_.groups.empty() || state_.groups.front().first > source.group) {
    // It was dropped meanwhile, and counted as dropped from `next` on. What was got all the same is only in flight.
    std::uint64_t got = 0;
    for (const Record& record : records_) got += record.replayed ? 0 : 1;
    cursor.entry.dropped -= std::min(got, cursor.entry.dropped);
    if (got > 0) {
      cursor.in_flight += got;
      cursor.in_flight_through = records_.back().position;
    }
    return;
  }
  const auto segment = state_.segments.find(source.segment.first);
  for (auto [from, to] : source.missing) {
    from = std::max({from, source.next, progress.damage_counted_through + 1});
    if (from <= to) {
      cursor.entry.damaged += to - from + 1;
      progress.damage_counted_through = to;
    }
    if (segment == state_.segments.end()) continue;
    std::uint64_t& seen = segment->second.damage_counted_through;
    from = std::max(from, seen + 1);
    if (from <= to) {
      state_.counters.damaged_records += to - from + 1;
      seen = to;
    }
  }
}

Result<std::span<const Record>> Reader::read(std::size_t limit_bytes, std::chrono::steady_clock::time_point until) {
  while (true) {
    auto got = read(limit_bytes);
    if (!got || !got->empty()) return got;
    std::unique_lock lock(state_.mutex);
    const auto ready = [&] { return state_.stopping || state_.visible(options_.see) >= progress_->next; };
    if (!state_.progressed.wait_until(lock, until, ready) || state_.visible(options_.see) < progress_->next) return got;
  }
}

void Reader::commit(std::uint64_t position) {
  const std::lock_guard lock(state_.mutex);
  Cursor& cursor = *progress_->cursor;
  position = progress_->through(position);
  if (cursor.in_flight > 0 && position >= cursor.in_flight_through) cursor.in_flight = 0;
  if (position <= cursor.entry.committed) return;
  cursor.entry.committed = position;
  state_.touch_cursors();
  state_.trim();
}

void Reader::pass(std::uint64_t position, std::uint64_t weight) {
  const std::lock_guard lock(state_.mutex);
  Cursor& cursor = *progress_->cursor;
  position = std::min(position, state_.last_position);
  if (position <= cursor.entry.committed) return;
  cursor.passed_weight += weight;
  cursor.entry.accounted_weight += weight;
  progress_->next = std::max(progress_->next, position + 1);
  if (cursor.in_flight > 0 && position >= cursor.in_flight_through) cursor.in_flight = 0;
  cursor.entry.committed = position;
  state_.touch_cursors();
  state_.trim();
}

void Reader::settle(std::uint64_t position, std::uint64_t weight) {
  const std::lock_guard lock(state_.mutex);
  Cursor& cursor = *progress_->cursor;
  const bool dropped = position <= cursor.entry.committed;
  if (dropped) {
    cursor.entry.dropped_weight -= std::min(cursor.entry.dropped_weight, weight);
  } else {
    cursor.passed_weight += weight;
    cursor.entry.accounted_weight += weight;
  }
  if (cursor.in_flight > 0 && position >= cursor.in_flight_through) cursor.in_flight = 0;
  if (!dropped) cursor.entry.committed = progress_->through(position);
  state_.touch_cursors();
  if (!dropped) state_.trim();
}

void Reader::count_missing(std::uint64_t weight) {
  const std::lock_guard lock(state_.mutex);
  progress_->cursor->entry.dropped_weight += weight;
  progress_->cursor->entry.accounted_weight += weight;
  state_.touch_cursors();
}

void Reader::correct_dropped_weight(std::int64_t by) {
  const std::lock_guard lock(state_.mutex);
  std::uint64_t& weight = progress_->cursor->entry.dropped_weight;
  weight =
      by < 0 ? weight - std::min(weight, static_cast<std::uint64_t>(-by)) : weight + static_cast<std::uint64_t>(by);
  state_.touch_cursors();
}

void Reader::rewind() {
  const std::lock_guard lock(state_.mutex);
  Cursor& cursor = *progress_->cursor;
  cursor.entry.dropped += std::exchange(cursor.in_flight, 0);
  progress_->next = cursor.entry.committed + 1;
  progress_->context = 0;
  files_->segment = 0;
  files_->block.reset();
}

void Reader::start_after(std::uint64_t position) {
  const std::lock_guard lock(state_.mutex);
  Cursor& cursor = *progress_->cursor;
  cursor.entry.committed = cursor.hold.emplace(std::min(position, state_.last_position));
  cursor.in_flight = 0;
  progress_->next = position + 1;
  progress_->context = 0;
  files_->segment = 0;
  files_->block.reset();
  state_.touch_cursors();
}

void Reader::hold_after(std::uint64_t position) {
  const std::lock_guard lock(state_.mutex);
  progress_->cursor->hold = position;
  state_.trim();
}

void Reader::set_patience(std::chrono::milliseconds patience) {
  files_->scanner.set_patience(patience);
}

void Reader::on_readable(std::function<void()> wake) {
  const std::lock_guard lock(state_.mutex);
  progress_->wake = std::move(wake);
}

std::uint64_t Reader::committed() const {
  const std::lock_guard lock(state_.mutex);
  return progress_->cursor->entry.committed;
}

ReaderStats Reader::stats() const {
  const std::lock_guard lock(state_.mutex);
  return state_.reader_stats(*progress_->cursor);
}

Result<Reader*> State::attach(ReaderOptions wanted) {
  if (wanted.name.empty() || wanted.name.size() > kMaxReaderNameBytes)
    return fail(ErrorKind::kInvalid, "a reader's name has 1 to 64 bytes");
  const std::lock_guard lock(mutex);
  auto at = cursors.find(wanted.name);
  if (at != cursors.end() && at->second.reader != nullptr)
    return fail(ErrorKind::kInvalid, "reader " + wanted.name + " is open already");
  if (at == cursors.end()) {
    if (cursors.size() >= kMaxReaders) return fail(ErrorKind::kLimit, "too many readers");
    Cursor cursor;
    cursor.entry.name = wanted.name;
    const std::uint64_t oldest = groups.empty() ? last_position + 1 : groups.front().first;
    cursor.entry.committed = wanted.start == ReaderOptions::Start::kNewest ? last_position : oldest - 1;
    at = cursors.emplace(wanted.name, std::move(cursor)).first;
  }
  Cursor& cursor = at->second;
  cursor.entry.may_lose = wanted.loss == Loss::kOldest;
  touch_cursors();
  Reader& reader = *readers.emplace_back(std::make_unique<Reader>(*this, std::move(wanted)));
  reader.progress_->cursor = &cursor;
  reader.progress_->next = cursor.entry.committed + 1;
  cursor.reader = &reader;
  return &reader;
}

Status State::visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) {
  Cursor cursor;  // on no list: it holds nothing back
  cursor.entry.committed = position == 0 ? 0 : position - 1;
  ReaderOptions at_once;
  at_once.patience = {};
  Reader reader(*this, at_once);
  reader.progress_->cursor = &cursor;
  reader.progress_->next = cursor.entry.committed + 1;
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

Status State::forget(std::string_view name) {
  const std::lock_guard lock(mutex);
  const auto at = cursors.find(name);
  if (at == cursors.end()) return fail(ErrorKind::kNotFound, "no reader " + std::string(name));
  if (at->second.reader != nullptr) return fail(ErrorKind::kInvalid, "reader " + std::string(name) + " is open");
  cursors.erase(at);
  touch_cursors();
  trim();
  return {};
}

std::vector<ReaderStats> State::all_readers() const {
  const std::lock_guard lock(mutex);
  std::vector<ReaderStats> all;
  for (const auto& [name, cursor] : cursors) all.push_back(reader_stats(cursor));
  return all;
}

// REQUIRES: mutex held. The cursors are to be written, an interval after the first change.
void State::touch_cursors() {
  if (cursors_dirty) return;
  cursors_dirty = true;
  cursors_dirty_since = std::chrono::steady_clock::now();
  // The commit thread, if nothing else waits, sleeps without a deadline.
  if (nudged || waiting_bytes > 0) return;
  nudged = true;
  work_ready.notify_one();
}

}  // namespace resmon::journal
