#include "journal/journal.h"

#include "journal/committer.h"
#include "journal/state.h"

namespace resmon::journal {

Journal::Journal(std::unique_ptr<State> state, std::unique_ptr<Committer> committer)
    : state_(std::move(state)), committer_(std::move(committer)) {}

Journal::~Journal() {
  (void)close();
}

Result<std::unique_ptr<Journal>> Journal::open(Options options) {
  const std::string directory = options.directory;
  auto state = std::make_unique<State>(std::move(options));
  auto committer = std::make_unique<Committer>(*state);
  if (auto opened = committer->open(); !opened) return fail(std::move(opened).error().wrap("journal " + directory));
  return std::unique_ptr<Journal>(new Journal(std::move(state), std::move(committer)));
}

// What an earlier process left.

const std::vector<std::string>& Journal::findings() const {
  return state_->opened.findings;
}
std::uint64_t Journal::id() const {
  return state_->opened.journal_id;
}
Reached Journal::reached() const {
  const Tally& tally = state_->opened.tally;
  return {tally.position, tally.weight, tally.time};
}
std::string_view Journal::newest_segment_start() const {
  return state_->opened.newest_segment_start;
}
bool Journal::cursors_lost() const {
  return state_->opened.cursors_lost;
}

// Appending.

bool Journal::begins_segment(std::size_t payload_bytes) const {
  const MutexLock lock(state_->mutex);
  return state_->appender.begins_segment(payload_bytes);
}
std::size_t Journal::max_record_bytes() const {
  return state_->sizes.max_record();
}
Result<Appended> Journal::append(std::span<const std::string_view> batch) {
  return state_->append(batch, 0, 0);
}
Result<Appended> Journal::append_at(std::uint64_t position, std::string_view record, std::uint64_t weight) {
  return state_->append(std::span(&record, 1), position, weight);
}
void Journal::weigh(std::uint64_t position, std::uint64_t weight) {
  const MutexLock lock(state_->mutex);
  state_->segments.weigh(position, weight);
}
void Journal::set_total_weight(std::uint64_t weight) {
  committer_->set_total_weight(weight);
}
std::uint64_t Journal::keep_within(std::uint64_t bytes) {
  const MutexLock lock(state_->mutex);
  return state_->retention.keep_within(bytes, state_->durable_position());
}
std::uint64_t Journal::reserved_position() const {
  const MutexLock lock(state_->mutex);
  return state_->reserve.reserved();
}
void Journal::lift_reserve() {
  const MutexLock lock(state_->mutex);
  state_->reserve.lift();
}

// Making durable.

std::uint64_t Journal::durable_position() const {
  return state_->durable_position();
}
bool Journal::wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  return state_->wait_durable(position, until);
}
void Journal::on_durable(std::function<void(std::uint64_t)> done) {
  state_->on_durable(std::move(done));
}
void Journal::sync_soon() {
  state_->sync_soon();
}
Status Journal::hand_over(std::chrono::milliseconds patience) {
  return committer_->hand_over(patience);
}
Status Journal::commit() {
  return committer_->commit();
}
Status Journal::close() {
  return committer_->close();
}

// Reading.

Result<Reader*> Journal::reader(ReaderOptions options) {
  return state_->attach(std::move(options));
}
Status Journal::forget_reader(std::string_view name) {
  return state_->forget(name);
}
std::vector<ReaderStats> Journal::readers() const {
  return state_->reader_stats();
}
Status Journal::visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) const {
  return state_->visit(position, visit);
}
std::vector<std::pair<std::uint64_t, std::uint64_t>> Journal::segments() const {
  const MutexLock lock(state_->mutex);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  for (const Group& group : state_->segments.groups())
    if (group.last >= group.first) all.emplace_back(group.first, group.last);
  return all;
}
Stats Journal::stats() const {
  return state_->stats();
}

}  // namespace resmon::journal
