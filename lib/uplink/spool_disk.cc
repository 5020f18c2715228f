// Cheap while all is well, safe when it is not.
//
// Each gather is encoded as deltas, some hundred bytes, and written by one pwrite to a file whose space is reserved:
// the kernel has it before it is sent, so the end of the process loses nothing. Gathers that the server acknowledges
// within the sync interval, nearly all, need no sync; a sync every 32 KiB keeps the journal's own memory small and its
// cursor fresh. Unacknowledged gathers are synced each interval, by a thread that lives as long as the sync, because
// fdatasync can take seconds and a gather must not wait.
//
// A restarted client goes on in the same stream: the server takes over the old connection at once and drops what it
// has seen. So no number may come twice with two contents, although a crash takes back what was written last and the
// server may have had it. The journal skips what may have been given out (never_reuse_positions).
//
// Rejected: a memory mapping instead of pwrite (a full disk is then a signal, and the pages count as the client's
// memory); writing only once something waits unacknowledged (a kill would take it); a stream of its own for each life
// of the process (a restarted client would wait out its predecessor's name, and old samples would need a connection of
// their own).

#include "uplink/spool_disk.h"

#include <algorithm>

namespace resmon::uplink {

namespace {

using std::chrono::steady_clock;

constexpr std::uint64_t kSegmentBytes = 512U << 10U;
constexpr std::uint64_t kSyncBytes = 32U << 10U;
constexpr std::uint64_t kFreshBytes = 64U << 10U;  // damage costs at most what is between two fresh records
constexpr std::size_t kReadBytes = 64U << 10U;
constexpr auto kHandOverPatience = std::chrono::milliseconds(2000);
constexpr std::uint64_t kReserve = 4096;
constexpr auto kRecoverPatience = std::chrono::milliseconds(1000);
constexpr auto kRecoverDeadline = std::chrono::seconds(30);
constexpr auto kRetryPause = std::chrono::milliseconds(20);

}  // namespace

DiskSpool::DiskSpool(const DiskOptions& options, metric::SchemaTable& schemas,
                     std::unique_ptr<journal::Journal> journal)
    : options_(options), journal_(std::move(journal)), encoder_(schemas), decoder_(schemas) {}

DiskSpool::~DiskSpool() {
  if (job_.joinable()) job_.join();
}

Result<std::unique_ptr<DiskSpool>> DiskSpool::open(const DiskOptions& options, metric::SchemaTable& schemas) {
  journal::Options wanted;
  wanted.directory = options.directory;
  wanted.limit_bytes = options.limit_bytes;
  wanted.segment_bytes = kSegmentBytes;
  wanted.buffer_bytes = kSegmentBytes;
  wanted.cache_bytes = 0;
  wanted.retry_interval = std::chrono::seconds(2);
  wanted.never_reuse_positions = true;
  wanted.reserve_positions = kReserve;
  wanted.own_thread = false;
  wanted.files = options.files;
  RESMON_ASSIGN(auto journal, journal::Journal::open(std::move(wanted)));
  std::unique_ptr<DiskSpool> disk(new DiskSpool(options, schemas, std::move(journal)));
  RESMON_TRY(disk->recover());
  return disk;
}

// Counts what is there, without decoding it: what each batch weighs must be known when it is acknowledged or dropped.
Status DiskSpool::recover() {
  journal::ReaderOptions reader;
  reader.name = "server";
  reader.loss = journal::Loss::kOldest;
  reader.see = journal::ReaderOptions::See::kAppended;
  reader.buffer_bytes = kReadBytes;
  // The client starts meanwhile: a bad sector costs its records, not the wait for a device that may never read it.
  reader.patience = std::min(options_.read_patience, kRecoverPatience);
  RESMON_ASSIGN(reader_, journal_->reader(reader));
  const auto give_up = steady_clock::now() + kRecoverDeadline;
  Recovered& r = recovered_;
  r.last = last_ = journal_->stats().last_position;
  bool any = false;
  std::uint64_t samples_there = 0;
  std::string owner;
  while (true) {
    auto got = reader_->read(kReadBytes);
    if (!got) {
      if (steady_clock::now() > give_up) return fail(std::move(got).error());
      if (reader.patience.count() > 0) std::this_thread::sleep_for(kRetryPause);
      continue;
    }
    if (got->empty()) break;
    for (const journal::Record& record : *got) {
      const auto head = decode_record_head(record.payload);
      if (!head) continue;
      if (head->fresh) {
        r.stream = head->stream;
        r.stream_known = !journal_->cursors_lost();
        owner = head->owner;
      }
      if (record.replayed) continue;
      if (!any) r.first = record.position;
      any = true;
      r.samples.resize(static_cast<std::size_t>(record.position - r.first), kNoBatch);
      r.samples.push_back(head->samples);
      samples_there += head->samples;
      journal_->weigh(record.position, head->samples);
    }
  }
  reader_->rewind();
  reader_->set_patience(options_.read_patience);
  count_missing(samples_there);
  if (!any) {
    r.first = r.last + 1;
    // All is acknowledged; the newest segment is still there and says which stream it was.
    if (const auto head = decode_record_head(journal_->newest_segment_start()); head && head->fresh) {
      r.stream = head->stream;
      r.stream_known = !journal_->cursors_lost();
      owner = head->owner;
    }
  } else {
    r.samples.resize(static_cast<std::size_t>(r.last + 1 - r.first), kNoBatch);
  }
  if (!owner.empty() && owner != options_.owner) {
    r.other_owner = owner;
    r.stream_known = false;
  }
  return {};
}

// What was appended is there, or was acknowledged or dropped; the rest is missing. Without cursors nobody knows what
// was acknowledged, and all that is there is sent again.
void DiskSpool::count_missing(std::uint64_t samples_there) {
  const std::uint64_t accounted = reader_->stats().accounted_weight;
  const std::uint64_t appended = journal_->reached().weight;
  if (!journal_->cursors_lost() && appended > accounted + samples_there) {
    recovered_.damaged_samples = appended - accounted - samples_there;
    reader_->count_missing(recovered_.damaged_samples);
  } else {
    journal_->set_total_weight(accounted + samples_there);
  }
  recovered_.dropped_samples = dropped_samples();
}

Result<DiskSpool::Appended> DiskSpool::append(std::uint64_t sequence, const metric::Batch& batch,
                                              const wire::StreamId& stream) {
  if (bytes_since_fresh_ >= kFreshBytes) encoder_.begin_anew();
  encoder_.encode(sequence, batch, stream, options_.owner, scratch_);
  // A new segment is read from its start.
  bool fresh = (scratch_[1] & 1) != 0;
  bool begins = sequence != last_ + 1 || journal_->begins_segment(scratch_.size());
  if (begins && !fresh) {
    encoder_.begin_anew();
    encoder_.encode(sequence, batch, stream, options_.owner, scratch_);
    fresh = true;
  }
  auto appended = journal_->append_at(sequence, scratch_, batch.samples());
  if (!appended) {
    encoder_.begin_anew();
    return fail(std::move(appended).error());
  }
  if (fresh) bytes_since_fresh_ = 0;
  bytes_since_fresh_ += scratch_.size();
  if (!waiting_since_) waiting_since_ = steady_clock::now();
  unsynced_bytes_ += scratch_.size();
  ++unsynced_records_;
  last_ = sequence;
  Appended out;
  if (appended->began_segment) {
    out.first_kept = journal_->stats().first_position;
    out.dropped = true;
  }
  return out;
}

Status DiskSpool::hand_over() {
  return journal_->hand_over(kHandOverPatience);
}

void DiskSpool::pass(std::uint64_t sequence, std::uint64_t samples) {
  reader_->pass(sequence, samples);
  if (sequence >= last_) waiting_since_.reset();
}

Result<const journal::Record*> DiskSpool::next_record() {
  if (next_in_records_ >= records_.size()) {
    next_in_records_ = 0;
    records_ = {};
    auto got = reader_->read(kReadBytes);
    if (!got) return fail(std::move(got).error());
    records_ = *got;
    if (records_.empty()) return nullptr;
  }
  return &records_[next_in_records_];
}

Status DiskSpool::read(std::uint64_t from, std::uint64_t through, std::size_t most, std::uint64_t bytes,
                       std::uint64_t& first, std::vector<metric::Batch>& out, std::size_t& count) {
  count = 0;
  if (next_to_read_ == 0 || from < next_to_read_) {
    reader_->rewind();
    records_ = {};
    next_in_records_ = 0;
    decoder_.lose_track();
    last_decoded_ = 0;
  }
  next_to_read_ = 0;
  std::uint64_t taken = 0;
  while (count < most && taken < bytes) {
    auto next = next_record();
    if (!next && count > 0) break;
    if (!next) {
      // Tried again from here: from the beginning, the journal's patience would begin anew each time.
      next_to_read_ = from;
      return fail(std::move(next).error());
    }
    const journal::Record* const record = *next;
    if (record == nullptr || record->position > through) break;
    if (count > 0 && record->position != first + count) break;
    const auto head = decode_record_head(record->payload);
    // After a hole the decoder does not know what was said in it.
    if (record->position != last_decoded_ + 1) decoder_.lose_track();
    last_decoded_ = record->position;
    if (out.size() <= count) out.emplace_back();
    Status decoded = head ? decoder_.decode(*head, out[count]) : Status(fail(head.error()));
    if (!decoded) decoder_.lose_track();
    if (count > 0 && !decoded) break;  // seen again next time, which then begins behind it
    ++next_in_records_;
    if (!decoded || record->position < from) continue;
    if (count == 0) first = record->position;
    taken += out[count].memory_bytes();
    ++count;
  }
  next_to_read_ = count > 0 ? first + count : from;
  return {};
}

steady_clock::time_point DiskSpool::sync_if_due() {
  constexpr auto kNever = steady_clock::time_point::max();
  if (job_.joinable() && !job_running_) job_.join();
  if (job_.joinable() || (unsynced_records_ == 0 && !sync_wanted_)) return kNever;
  if (!sync_wanted_ && unsynced_bytes_ < kSyncBytes && unsynced_records_ < kReserve / 2) {
    if (!waiting_since_) return kNever;
    const auto due = *waiting_since_ + std::chrono::duration_cast<steady_clock::duration>(options_.sync_interval);
    if (steady_clock::now() < due) return due;
  }
  unsynced_bytes_ = unsynced_records_ = 0;
  sync_wanted_ = false;
  waiting_since_.reset();
  if (!options_.sync_in_background) {
    (void)journal_->commit();
    return kNever;
  }
  job_running_ = true;
  job_ = std::thread([this] {
    (void)journal_->commit();  // its error shows in hand_over
    job_running_ = false;
  });
  return kNever;
}

void DiskSpool::sync_now() {
  if (job_.joinable()) job_.join();
  unsynced_bytes_ = unsynced_records_ = 0;
  waiting_since_.reset();
  (void)journal_->commit();
}

}  // namespace resmon::uplink
