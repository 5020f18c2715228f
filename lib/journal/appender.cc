// Appending: all in memory.
//
// A record is encoded once, under the mutex, straight into the block that the commit thread will hand to the kernel and
// that readers will be shown; only its payload's checksum, the expensive part, is computed before the mutex is taken.
// Where one segment ends and the next begins is decided here, not where files are written, because the producer has to
// know it before it encodes. So is which old segments go: append plans with what will be on disk once the commit thread
// has done what was decided so far, and the commit thread removes before it creates, so the bound holds at every
// moment.
//
// Rejected: a ring of fixed slots (records differ in size a thousandfold); one block a batch (a batch of one small
// record would cost a block); dropping single records at the bound (readers would lose the definitions that later ones
// need).

#include "journal/appender.h"

#include <cstring>
#include <utility>

#include "base/crc32c.h"

namespace resmon::journal {

Batch::Batch(std::span<const std::string_view> records, std::uint64_t bytes, std::uint64_t at, std::uint64_t weight)
    : records_(records), bytes_(bytes), at_(at), weight_(weight) {
  std::uint32_t* checksums = few_;
  if (records.size() > kFew) {
    many_.resize(records.size());
    checksums = many_.data();
  }
  for (std::size_t i = 0; i < records.size(); ++i) checksums[i] = crc32c(records[i]);
}

void Appender::begin(std::uint32_t seed, std::uint64_t next, std::uint64_t weight) {
  seed_ = seed;
  session_first_ = next;
  last_position_ = last_marked_ = next - 1;
  total_weight_ = weight;
}

// A recovered group is not appended to: its producer's definitions are gone.
bool Appender::may_append_to_newest() const {
  const auto& groups = segments_.groups();
  return !groups.empty() && groups.back().first >= session_first_;
}

bool Appender::begins_segment(std::size_t payload_bytes) const {
  return !may_append_to_newest() || !sizes_.fits(segments_.groups().back().bytes, payload_bytes);
}

Result<Appended> Appender::append(const Batch& batch, std::uint64_t durable) {
  if (batch.at() != 0 && batch.at() <= last_position_)
    return fail(ErrorKind::kInvalid, "position " + std::to_string(batch.at()) + " was given out before");
  const bool skips = batch.at() > last_position_ + 1;
  Appended appended;
  appended.first = skips ? batch.at() : last_position_ + 1;
  appended.last = appended.first - 1 + batch.records().size();
  if (batch.records().empty()) return appended;
  const std::uint64_t waiting = blocks_.waiting_bytes();
  if (waiting + batch.bytes() > buffer_bytes_ && (waiting > 0 || batch.bytes() > buffer_bytes_))
    return refuse(batch, trigger_.error().empty() ? "too much waits to be written" : trigger_.error());

  const std::uint64_t used =
      skips || !may_append_to_newest() ? sizes_.segment_bytes() : segments_.groups().back().bytes;
  const std::uint64_t begun = sizes_.segments_begun(batch.records(), used, last_marked_ != durable);
  const std::uint64_t reserve = allotment(sizes_.segment_bytes());
  if (begun > 0 && !retention_.make_room(begun * reserve, durable))
    return refuse(batch, "the journal is full: a reader that must not lose is behind");

  if (skips) last_position_ = batch.at() - 1;
  appended.began_segment = put_batch(batch, used, reserve, durable);
  appended_records_ += batch.records().size();
  segments_.weigh_newest(batch.weight());
  total_weight_ += batch.weight();
  blocks_.set_weight(total_weight_);
  return appended;
}

Unexpected<Error> Appender::refuse(const Batch& batch, std::string why) {
  refused_records_ += batch.records().size();
  trigger_.refused();
  return fail(ErrorKind::kUnavailable, std::move(why));
}

// Puts the records behind all that are there. True: the first began a segment. REQUIRES: there is room
bool Appender::put_batch(const Batch& batch, std::uint64_t used, std::uint64_t reserve, std::uint64_t durable) {
  bool began = false;
  bool put_mark_first = last_marked_ != durable;
  const auto records = batch.records();
  for (std::size_t i = 0; i < records.size(); ++i) {
    const bool begins = !sizes_.fits(used, records[i].size());
    if (begins) {
      segments_.begin_group(last_position_ + 1, reserve);
      began = began || i == 0;
    }
    if (put_mark_first) put_mark(durable);
    put_mark_first = false;
    put({static_cast<std::uint32_t>(records[i].size()), begins ? std::uint8_t{kStartsSegment} : std::uint8_t{0},
         static_cast<std::uint32_t>(last_position_ + 1), batch.checksum(i)},
        records[i]);
    ++last_position_;
    blocks_.end_at(last_position_);
    segments_.end_at(last_position_);
    used = segments_.groups().back().bytes;
    appended_bytes_ += records[i].size();
  }
  return began;
}

bool Appender::put_mark_in(std::uint64_t group, std::uint64_t durable) {
  const auto& groups = segments_.groups();
  if (groups.empty() || groups.back().first != group) return false;
  put_mark(durable);
  return true;
}

void Appender::put_mark(std::uint64_t durable) {
  last_marked_ = durable;
  char mark[8];
  std::memcpy(mark, &last_marked_, sizeof mark);
  const std::string_view payload(mark, sizeof mark);
  put({8, kMark, static_cast<std::uint32_t>(last_position_ + 1), crc32c(payload)}, payload);
}

void Appender::put(const RecordHeader& header, std::string_view payload) {
  segments_.extend(
      blocks_.put({segments_.groups().back().first, last_position_, total_weight_}, header, seed_, payload));
}

void Appender::count_into(Stats& stats) const {
  stats.last_position = last_position_;
  stats.appended_records = appended_records_;
  stats.appended_bytes = appended_bytes_;
  stats.refused_records = refused_records_;
}

}  // namespace resmon::journal
