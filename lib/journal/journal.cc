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
  return state_->findings();
}
std::uint64_t Journal::id() const {
  return state_->id();
}
std::vector<std::pair<std::uint64_t, std::uint64_t>> Journal::segments() const {
  return state_->segment_positions();
}
Status Journal::visit(std::uint64_t position, const std::function<bool(const Record&)>& visit) const {
  return state_->visit(position, visit);
}
bool Journal::begins_segment(std::size_t payload_bytes) const {
  return state_->begins_segment(payload_bytes);
}
std::size_t Journal::max_record_bytes() const {
  return state_->max_record();
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
  return state_->newest_segment_start();
}
Reached Journal::reached() const {
  const Tally& tally = state_->found_tally();
  return {tally.position, tally.weight, tally.time};
}
void Journal::set_total_weight(std::uint64_t weight) {
  state_->set_total_weight(weight);
}
bool Journal::cursors_lost() const {
  return state_->cursors_lost();
}
std::uint64_t Journal::reserved_position() const {
  return state_->reserved_position();
}
void Journal::lift_reserve() {
  state_->lift_reserve();
}
void Journal::weigh(std::uint64_t position, std::uint64_t weight) {
  state_->weigh(position, weight);
}
std::uint64_t Journal::durable_position() const {
  return state_->durable_position();
}
Stats Journal::stats() const {
  return state_->stats();
}
std::uint64_t Journal::keep_within(std::uint64_t bytes) {
  return state_->keep_within(bytes);
}
bool Journal::wait_durable(std::uint64_t position, std::chrono::steady_clock::time_point until) {
  return state_->wait_durable(position, until);
}
void Journal::on_durable(std::function<void(std::uint64_t)> done) {
  state_->on_durable(std::move(done));
}
Status Journal::commit() {
  return state_->commit();
}
Status Journal::close() {
  return state_->close();
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
