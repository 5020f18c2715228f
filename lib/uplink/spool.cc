#include "uplink/spool.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "uplink/stream_id.h"

namespace resmon::uplink {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t kSpareBatches = 2;
constexpr std::uint32_t kNoBatch = DiskSpool::kNoBatch;
constexpr std::uint64_t kMemoryBesideDisk = 512U << 10U;
constexpr std::size_t kMostDoubtful = 65'536;

SpoolOptions in_memory(std::uint64_t bytes) {
  SpoolOptions options;
  options.memory_bytes = bytes;
  return options;
}

}  // namespace

Spool::Spool(std::uint64_t memory_bytes)
    : options_(in_memory(memory_bytes)), schemas_(nullptr), stream_(random_stream()) {}

Spool::Spool(const SpoolOptions& options, metric::SchemaTable& schemas)
    : options_(options), schemas_(&schemas), stream_(random_stream()) {
  open_disk();
}

Spool::~Spool() = default;

void Spool::open_disk() {
  if (options_.disk.directory.empty() || disk_ != nullptr || steady_clock::now() < retry_at_) return;
  auto opened = DiskSpool::open(options_.disk, *schemas_);
  if (!opened) {
    disk_error_ = opened.error().message;
    retry_at_ = steady_clock::now() + std::chrono::duration_cast<steady_clock::duration>(options_.retry_interval);
    return;
  }
  disk_ = std::move(opened).value();
  disk_error_.clear();
  for (const std::string& finding : disk_->findings()) findings_.push_back(finding);
  adopt(disk_->take_recovered());
}

// Batches of an earlier process come first; those of this process follow, with new numbers.
void Spool::adopt(DiskSpool::Recovered recovered) {
  ++epoch_;
  if (recovered.stream_known) stream_ = recovered.stream;
  if (!recovered.other_owner.empty())
    findings_.push_back("it was written by client '" + recovered.other_owner +
                        "': its samples are sent under this name");
  if (recovered.damaged_samples > 0)
    findings_.push_back(std::to_string(recovered.damaged_samples) +
                        " samples in it are lost: files of it are damaged or gone");
  if (dropped_samples_ > 0) disk_->correct_dropped(static_cast<std::int64_t>(dropped_samples_));
  dropped_samples_ += recovered.dropped_samples;
  const auto in_memory = static_cast<std::ptrdiff_t>(batches_.size());
  std::deque<std::uint32_t> samples = std::move(recovered.samples);
  for (const std::uint32_t one : samples)
    if (one != kNoBatch) backlog_samples_ += one;
  samples.insert(samples.end(), samples_.end() - in_memory, samples_.end());
  samples_ = std::move(samples);
  first_ = recovered.first;
  highest_sent_ = doubt_through_ = recovered.stream_known ? recovered.last : 0;
  appended_ = recovered.last;
  doubtful_.clear();
  loaded_count_ = 0;
  drop_gap();
}

void Spool::begin_stream() {
  stream_ = random_stream();
  ++epoch_;
  highest_sent_ = doubt_through_ = 0;
  doubtful_.clear();
  if (disk_) disk_->begin_stream();
}

metric::Batch Spool::take_empty() {
  if (spare_.empty()) return {};
  metric::Batch batch = std::move(spare_.back());
  spare_.pop_back();
  return batch;
}

std::uint64_t Spool::push(metric::Batch batch) {
  open_disk();
  backlog_samples_ += batch.samples();
  memory_bytes_ += batch.memory_bytes();
  samples_.push_back(static_cast<std::uint32_t>(batch.samples()));
  batches_.push_back(std::move(batch));
  if (disk_) store();
  bound_memory();
  return last();
}

// Everything that the disk does not have yet, in order.
void Spool::store() {
  std::string error;
  for (std::uint64_t next = std::max(appended_ + 1, memory_first()); next <= last(); ++next) {
    if (samples_[static_cast<std::size_t>(next - first_)] == kNoBatch) continue;
    auto appended = disk_->append(next, held(next), stream_);
    if (!appended && appended.error().kind != ErrorKind::kLimit) {
      error = appended.error().message;
      break;
    }
    appended_ = next;
    if (appended && appended->dropped && appended->first_kept > first_) lose_through(appended->first_kept - 1, true);
  }
  if (Status handed = disk_->hand_over(); !handed) error = handed.error().message;
  disk_error_ = error;
  (void)disk_->sync_if_due();
}

void Spool::bound_memory() {
  while (batches_.size() > 1) {
    const bool elsewhere = disk_ != nullptr && memory_first() <= appended_;
    if (memory_bytes_ <= (elsewhere ? std::min(kMemoryBesideDisk, options_.memory_bytes) : options_.memory_bytes))
      break;
    if (elsewhere)
      release_oldest_in_memory();
    else
      lose_oldest_in_memory();
  }
}

void Spool::release_oldest_in_memory() {
  metric::Batch& oldest = batches_.front();
  memory_bytes_ -= oldest.memory_bytes();
  if (spare_.size() < kSpareBatches) {
    oldest.clear();
    spare_.push_back(std::move(oldest));
  }
  batches_.pop_front();
}

// Takes the oldest number off the books.
void Spool::forget_front() {
  const std::uint32_t samples = samples_.front();
  if (samples != kNoBatch) backlog_samples_ -= samples;
  if (!batches_.empty() && memory_first() == first_) release_oldest_in_memory();
  samples_.pop_front();
  ++first_;
}

// Numbers that name nothing are not what the oldest is.
void Spool::drop_gap() {
  while (!samples_.empty() && samples_.front() == kNoBatch) {
    if (const auto at = discarded_.find(first_); at != discarded_.end()) {
      if (disk_) disk_->pass(first_, at->second);
      discarded_.erase(at);
    }
    forget_front();
  }
}

// Counts a batch as dropped, and tells the journal unless it has counted it. REQUIRES: the number names a batch.
void Spool::count_lost(std::uint64_t sequence, bool journal_counted) {
  const std::uint32_t samples = samples_[static_cast<std::size_t>(sequence - first_)];
  dropped_samples_ += samples;
  ++dropped_batches_;
  if (disk_ && !journal_counted) disk_->correct_dropped(samples);
}

void Spool::lose_through(std::uint64_t sequence, bool journal_counted) {
  while (first_ <= sequence && !samples_.empty()) {
    const std::uint32_t samples = samples_.front();
    if (samples != kNoBatch) count_lost(first_, journal_counted);
    if (first_ <= doubt_through_) {
      if (doubtful_.empty()) doubtful_first_ = first_;
      if (first_ == doubtful_first_ + doubtful_.size() && doubtful_.size() < kMostDoubtful)
        doubtful_.push_back(samples == kNoBatch ? 0 : samples);
    }
    if (const auto at = discarded_.find(first_); at != discarded_.end()) {
      // The journal has counted once more what was counted when it was discarded.
      if (disk_ && journal_counted) disk_->correct_dropped(-static_cast<std::int64_t>(at->second));
      discarded_.erase(at);
    }
    forget_front();
  }
  drop_gap();
}

// Drops the oldest batch that is only in memory; older ones may be on disk.
void Spool::lose_oldest_in_memory() {
  const std::uint64_t sequence = memory_first();
  if (sequence == first_) {
    lose_through(sequence, false);
    return;
  }
  std::uint32_t& samples = samples_[static_cast<std::size_t>(sequence - first_)];
  if (samples != kNoBatch) {
    count_lost(sequence, false);
    backlog_samples_ -= samples;
    samples = kNoBatch;
  }
  release_oldest_in_memory();
}

void Spool::acknowledge(std::uint64_t sequence) {
  sequence = std::min(sequence, last());
  std::uint64_t had_after_all = 0;
  while (!doubtful_.empty() && doubtful_first_ <= sequence) {
    had_after_all += doubtful_.front();
    doubtful_.pop_front();
    ++doubtful_first_;
  }
  if (had_after_all > 0) {
    had_after_all = std::min(had_after_all, dropped_samples_);
    dropped_samples_ -= had_after_all;
    if (disk_) {
      disk_->correct_dropped(-static_cast<std::int64_t>(had_after_all));
      // Soon: nobody says it again.
      disk_->want_sync();
      (void)disk_->sync_if_due();
    }
  }
  if (sequence < first_) return;
  std::uint64_t passed = 0;  // of what the journal has
  while (first_ <= sequence && !samples_.empty()) {
    if (samples_.front() != kNoBatch && first_ <= appended_) passed += samples_.front();
    if (const auto at = discarded_.find(first_); at != discarded_.end()) {
      passed += at->second;
      discarded_.erase(at);
    }
    forget_front();
  }
  drop_gap();
  if (disk_) disk_->pass(std::min(sequence, appended_), passed);
  appended_ = std::max(appended_, sequence);
}

bool Spool::resume_after(std::uint64_t sequence) {
  if (sequence > highest_sent_) {
    begin_stream();
    return false;
  }
  acknowledge(sequence);
  // Batches that are not acknowledged now never reached the server.
  doubtful_.clear();
  doubt_through_ = sequence;
  return true;
}

void Spool::sent(std::uint64_t sequence) {
  highest_sent_ = std::max(highest_sent_, sequence);
  doubt_through_ = std::max(doubt_through_, sequence);
}

void Spool::discard(std::uint64_t sequence) {
  std::uint32_t& samples = samples_[static_cast<std::size_t>(sequence - first_)];
  if (samples == kNoBatch) return;
  count_lost(sequence, false);
  backlog_samples_ -= samples;
  if (disk_ && sequence <= appended_) discarded_[sequence] = samples;
  samples = kNoBatch;
  if (sequence >= memory_first()) {
    metric::Batch& batch = held(sequence);
    memory_bytes_ -= batch.memory_bytes();
    batch = metric::Batch();
    memory_bytes_ += batch.memory_bytes();
  }
  drop_gap();
}

Spool::Run Spool::fetch(std::uint64_t from, std::size_t most, std::uint64_t bytes) {
  run_.clear();
  const auto samples_of = [&](std::uint64_t sequence) { return samples_[static_cast<std::size_t>(sequence - first_)]; };
  from = std::max(from, first_);
  while (from <= last() && samples_of(from) == kNoBatch) ++from;
  if (from > last()) return {};
  std::uint64_t through = last();
  const std::uint64_t reserved = disk_ ? disk_->reserved() : through;
  reserve_lifted_ = reserve_lifted_ && reserved < through;
  if (disk_ && !reserve_lifted_) {
    if (from > reserved) {
      // Numbers that a restart would not know of, unless the stream is another by then.
      if (disk_error_.empty()) return {};
      reserve_lifted_ = true;
      begin_stream();
      return {};
    }
    through = std::min(through, reserved);
  }
  Run run;
  run.first = from;
  if (from >= memory_first()) {
    std::uint64_t taken = 0;
    for (std::uint64_t next = from;
         next <= through && run_.size() < most && taken < bytes && samples_of(next) != kNoBatch; ++next) {
      run_.push_back(&held(next));
      taken += run_.back()->memory_bytes();
    }
  } else {
    through = std::min(through, memory_first() - 1);
    if (loaded_count_ == 0 || from < loaded_first_ || from >= loaded_first_ + loaded_count_) {
      std::uint64_t first = from;
      loaded_count_ = 0;
      Status read = disk_->read(from, through, most, bytes, first, loaded_, loaded_count_);
      // Between is damage, when the disk can be read at all.
      if (read)
        for (std::uint64_t lost = from; lost < (loaded_count_ > 0 ? first : through + 1); ++lost) discard(lost);
      if (loaded_count_ == 0) return {};
      loaded_first_ = run.first = first;
    }
    const std::uint64_t end = std::min(loaded_first_ + loaded_count_, through + 1);
    for (std::uint64_t next = run.first; next < end && run_.size() < most && samples_of(next) != kNoBatch; ++next)
      run_.push_back(&loaded_[static_cast<std::size_t>(next - loaded_first_)]);
  }
  run.batches = run_;
  return run;
}

steady_clock::time_point Spool::sync_if_due() {
  return disk_ ? disk_->sync_if_due() : steady_clock::time_point::max();
}

void Spool::sync_now() {
  if (disk_) disk_->sync_now();
}

}  // namespace resmon::uplink
