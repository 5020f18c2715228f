#include "inputs.h"

#include <algorithm>

#include "base/log.h"
#include "ingest/log.h"
#include "options.h"
#include "row_writer.h"

namespace resmon::server {

namespace {

// Whoever waits for the answers to so much gets a sync of its own, as a large request to /write does.
constexpr std::size_t kBulkSamples = 5000;

door::Intake::Taken outcome_of(const Status& written, std::uint64_t position) {
  door::Intake::Taken out;
  if (written) {
    out.position = position;
    return out;
  }
  out.fate = written.error().kind == ErrorKind::kLimit ? door::Intake::Taken::Fate::kRefused
                                                       : door::Intake::Taken::Fate::kLater;
  out.reason = written.error().message;
  return out;
}

}  // namespace

door::Intake::Taken Inputs::Intake::take(metric::Batch& rows, std::vector<std::size_t>* ends) {
  const UnixNanos now = Clock::system().wall();
  RowWriter::Lines lines;
  if (ends != nullptr) lines.ends = std::move(*ends);
  const bool bulk = ends != nullptr && rows.samples() >= kBulkSamples;
  RowWriter::Prepared prepared = writer_.prepare(std::move(rows), now, ends == nullptr ? nullptr : &lines);
  const Status written = writer_.write(prepared, now);
  if (written && bulk) journal_.sync_soon();
  Taken out = outcome_of(written, prepared.taken.position);
  out.by_answer = std::move(lines.refused);
  out.refused_rows = prepared.taken.dropped + prepared.taken.conflicts.rows;
  if (out.reason.empty()) out.reason = prepared.taken.dropped > 0 ? prepared.taken.why : prepared.taken.conflicts.first;
  rows = std::move(prepared.batch);  // for its memory, or to be tried again
  return out;
}

door::Intake::Taken Inputs::Intake::again(metric::Batch& rows) {
  RowWriter::Prepared prepared;
  prepared.batch = std::move(rows);
  const Status written = writer_.write(prepared, Clock::system().wall());
  rows = std::move(prepared.batch);
  return outcome_of(written, prepared.taken.position);
}

void Inputs::Intake::when_safe(std::uint64_t position, const boost::asio::any_io_executor& executor,
                               std::function<void()> done) {
  journal_.lane(executor)->wait(position, std::move(done));
}

void Inputs::Intake::answered(std::uint64_t position) {
  writer_.acknowledged(position);
}

Status Inputs::open(const std::vector<boost::asio::any_io_executor>& executors, const door::Access& access) {
  for (const auto& [name, input] : options_.inputs) {
    if (!input.enabled) continue;
    auto door_options = input.door_options(name);
    if (!door_options) return fail(ErrorKind::kInvalid, "input." + name + ": " + door_options.error().message);
    door_options->access = access;
    // They are beyond it in any case, and the reason is clearer.
    door_options->taker.refuse_1970 = options_.store_retain.count() > 0 &&
                                      Clock::system().wall() - options_.store_retain.count() > lineproto::kYear1971;
    if (input.url.starts_with("tls:")) {
      auto tls = net::make_server_tls({options_.tls_certificate_file, options_.tls_key_file, input.tls_client_ca_file});
      if (!tls) return fail(ErrorKind::kInvalid, "input." + name + ": " + tls.error().message);
      door_options->tls = std::move(*tls);
    }
    auto door = door::Door::open(executors, std::move(*door_options), schemas_, intake_);
    if (!door) return fail(std::move(door).error().wrap("input." + name));
    log::info("input", "listening", {{"input", name}, {"url", input.url}, {"format", input.format}});
    doors_.push_back(std::move(*door));
  }
  return {};
}

void Inputs::start() {
  for (const auto& door : doors_) door->start();
}

void Inputs::stop() {
  for (const auto& door : doors_) door->stop();
}

bool Inputs::stopped() const {
  return std::all_of(doors_.begin(), doors_.end(), [](const auto& door) { return door->stopped(); });
}

std::vector<door::DoorStats> Inputs::stats() const {
  std::vector<door::DoorStats> out;
  for (const auto& door : doors_) out.push_back(door->stats());
  return out;
}

}  // namespace resmon::server
