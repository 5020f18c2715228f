#include "journal/journal.h"

#include "journal/state.h"

namespace resmon::journal {

Journal::Journal(std::unique_ptr<State> state) : state_(std::move(state)) {}

Journal::~Journal() {
  (void)close();
}

Result<std::unique_ptr<Journal>> Journal::open(Options options) {
  const std::string directory = options.directory;
  auto state = std::make_unique<State>(std::move(options));
  if (auto opened = state->open(); !opened) return fail(std::move(opened).error().wrap("journal " + directory));
  return std::unique_ptr<Journal>(new Journal(std::move(state)));
}

const std::vector<std::string>& Journal::findings() const {
  return state_->findings;
}
std::uint64_t Journal::id() const {
  return state_->journal_id;
}
std::vector<std::pair<std::uint64_t, std::uint64_t>> Journal::segments() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  for (const Group& group : state_->groups)
    if (group.last >= group.first) all.emplace_back(group.first, group.last);
  return all;
}
Status Journal::visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) const {
  return state_->visit(position, visit);
}
bool Journal::begins_segment(std::size_t payload_bytes) const {
  return state_->begins_segment(payload_bytes);
}
std::size_t Journal::max_record_bytes() const {
  return state_->max_record;
}
Result<Appended> Journal::append(std::span<const std::string_view> batch) {
  return state_->append(batch, 0, 0);
}
Result<Appended> Journal::append_at(std::uint64_t position, std::string_view record, std::uint64_t weight) {
  return state_->append(std::span(&record, 1), position, weight);
}
Status Journal::hand_over(std::chrono::milliseconds patience) {
  return state_->hand_over(patience);
}
void Journal::sync_soon() {
  state_->sync_soon();
}
std::string_view Journal::newest_segment_start() const {
  return state_->newest_segment_start;
}
Reached Journal::reached() const {
  return {state_->found_tally.position, state_->found_tally.weight, state_->found_tally.time};
}
void Journal::set_total_weight(std::uint64_t weight) {
  const std::scoped_lock lock(state_->io, state_->mutex);
  state_->total_weight = state_->written_weight = state_->existing_weight = weight;
}
bool Journal::cursors_lost() const {
  return state_->cursors_lost;
}
std::uint64_t Journal::reserved_position() const {
  const std::lock_guard lock(state_->mutex);
  return state_->reserved_position;
}
void Journal::lift_reserve() {
  const std::lock_guard lock(state_->mutex);
  state_->reserve_lifted = true;
}
void Journal::weigh(std::uint64_t position, std::uint64_t weight) {
  const std::lock_guard lock(state_->mutex);
  for (Group& group : state_->groups)
    if (group.first <= position && position <= group.last) group.weight += weight;
}
std::uint64_t Journal::durable_position() const {
  return state_->durable_position.load();
}
Stats Journal::stats() const {
  return state_->stats();
}
std::uint64_t Journal::keep_within(std::uint64_t bytes) {
  const std::lock_guard lock(state_->mutex);
  const std::uint64_t before = state_->counters.dropped_records;
  while (state_->planned_bytes() > bytes && state_->may_drop_front_group()) state_->drop_front_group();
  return state_->counters.dropped_records - before;
}
Status Journal::close() {
  return state_->close();
}

bool Journal::wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  std::unique_lock lock(state_->mutex);
  state_->progressed.wait_until(lock, until,
                                [&] { return state_->closed || state_->durable_position.load() >= position; });
  return state_->durable_position.load() >= position;
}

void Journal::on_durable(std::function<void(std::uint64_t)> done) {
  const std::lock_guard lock(state_->mutex);
  state_->durable_callbacks.push_back(std::move(done));
}

Status Journal::commit() {
  const std::lock_guard io(state_->io);
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->stopping) return fail(ErrorKind::kUnavailable, "the journal is closed");
  }
  return state_->work(true);
}

Result<Reader*> Journal::reader(ReaderOptions options) {
  return state_->attach(std::move(options));
}
Status Journal::forget_reader(std::string_view name) {
  return state_->forget(name);
}
std::vector<ReaderStats> Journal::readers() const {
  return state_->all_readers();
}

}  // namespace resmon::journal
