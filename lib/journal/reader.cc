// Reading: from memory while the records are there, from the file otherwise.
//
// A reader that follows closely is shown the very bytes that the commit thread writes; no call to the kernel, no copy.
// One that is behind walks the files with a buffer of its own. It changes over at any record: a block in memory is
// found by position, and a file is walked from its start, which happens once each time a reader falls behind.
//
// The mutex is not held while a file is read, so a segment may be dropped under the reader. Its file is then empty;
// before the reader calls records missing it looks whether their segment is still the journal's.

#include <algorithm>

#include "journal/scanner.h"
#include "journal/state.h"

namespace resmon::journal {

class Reader::Files {
 public:
  explicit Files(const ReaderOptions& options) : scanner(options.buffer_bytes, options.patience) {}

  SegmentScanner scanner;
  std::uint64_t segment = 0;  // being scanned
  std::uint64_t through = 0;  // how far it was written when it was last read
  // Where memory was left off, to go on there.
  std::shared_ptr<const Block> block;
  std::size_t block_offset = 0;
};

Reader::Reader(State& state, Cursor& cursor, ReaderOptions options)
    : state_(state),
      options_(std::move(options)),
      files_(std::make_unique<Files>(options_)),
      position_(std::make_unique<ReadPosition>(cursor, options_.see)) {}

Reader::~Reader() = default;

Result<std::span<const Record>> Reader::read(std::size_t limit_bytes) {
  records_.clear();
  held_.reset();
  while (true) {
    Source source;
    if (!find_source(source)) return std::span<const Record>();
    RESMON_TRY(source.block != nullptr ? read_block(source, limit_bytes) : read_file(source, limit_bytes));
    const MutexLock lock(state_.mutex);
    position_->got(source, records_, state_.segments, state_.counters.damaged_records);
    if (!records_.empty()) return std::span<const Record>(records_);
  }
}

// False: there is nothing to read yet.
bool Reader::find_source(Source& source) {
  const MutexLock lock(state_.mutex);
  const bool found = position_->find(source, state_.segments, state_.blocks, state_.visible(*position_),
                                     state_.counters.damaged_records);
  if (source.new_group) files_->segment = 0;
  return found;
}

Status Reader::read_block(Source& source, std::size_t limit_bytes) {
  const Block& block = *source.block;
  files_->segment = 0;
  std::size_t offset = files_->block == source.block ? files_->block_offset : 0;
  if (offset > source.block_end) offset = 0;
  for (std::size_t bytes = 0; offset < source.block_end && bytes < limit_bytes;) {
    const char* const here = block.bytes.get() + offset;
    const auto header = decode_record_header(here, state_.opened.seed);
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
    scanner.start(std::move(file), state_.opened.seed, source.segment.first);
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

Result<std::span<const Record>> Reader::read(std::size_t limit_bytes, std::chrono::steady_clock::time_point until) {
  while (true) {
    auto got = read(limit_bytes);
    if (!got || !got->empty()) return got;
    const MutexLock lock(state_.mutex);
    while (!state_.trigger.stopping() && !state_.can_read(*position_))
      if (!state_.progressed.wait_until(state_.mutex, until)) break;
    if (!state_.can_read(*position_)) return got;
  }
}

void Reader::commit(std::uint64_t position) {
  const MutexLock lock(state_.mutex);
  if (!position_->cursor().commit(position_->through(position))) return;
  state_.trigger.touch_cursors();
  state_.trim();
}

void Reader::pass(std::uint64_t position, std::uint64_t weight) {
  const MutexLock lock(state_.mutex);
  position = std::min(position, state_.appender.last_position());
  if (!position_->cursor().pass(position, weight)) return;
  position_->pass(position);
  state_.trigger.touch_cursors();
  state_.trim();
}

void Reader::settle(std::uint64_t position, std::uint64_t weight) {
  const MutexLock lock(state_.mutex);
  const bool settled = position_->cursor().settle(position, position_->through(position), weight);
  state_.trigger.touch_cursors();
  if (settled) state_.trim();
}

void Reader::count_missing(std::uint64_t weight) {
  const MutexLock lock(state_.mutex);
  position_->cursor().count_missing(weight);
  state_.trigger.touch_cursors();
}

void Reader::correct_dropped_weight(std::int64_t by) {
  const MutexLock lock(state_.mutex);
  position_->cursor().correct_dropped_weight(by);
  state_.trigger.touch_cursors();
}

void Reader::rewind() {
  const MutexLock lock(state_.mutex);
  read_from(position_->cursor().rewind());
}

void Reader::start_after(std::uint64_t position) {
  const MutexLock lock(state_.mutex);
  position_->cursor().start_after(std::min(position, state_.appender.last_position()));
  read_from(position + 1);
  state_.trigger.touch_cursors();
}

void Reader::read_from(std::uint64_t position) {
  position_->read_from(position);
  files_->segment = 0;
  files_->block.reset();
}

void Reader::hold_after(std::uint64_t position) {
  const MutexLock lock(state_.mutex);
  position_->cursor().hold_after(position);
  state_.trim();
}

void Reader::set_patience(std::chrono::milliseconds patience) {
  files_->scanner.set_patience(patience);
}

void Reader::on_readable(std::function<void()> wake) {
  const MutexLock lock(state_.mutex);
  position_->on_readable(std::move(wake));
}

std::uint64_t Reader::committed() const {
  const MutexLock lock(state_.mutex);
  return position_->cursor().committed();
}

ReaderStats Reader::stats() const {
  const MutexLock lock(state_.mutex);
  return position_->cursor().stats(state_.segments, state_.appender.last_position());
}

}  // namespace resmon::journal
