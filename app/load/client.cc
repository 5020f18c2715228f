#include "client.h"

#include <stdexcept>

#include "base/log.h"
#include "net/spawn.h"

namespace resmon::load {

namespace asio = boost::asio;

namespace {

constexpr auto kFullPaceBegins = std::chrono::hours(24 * 7);  // ago

simulate::Profile profile_of(const Options& options, std::int64_t number) {
  if (options.profile == "mixed") return static_cast<simulate::Profile>((number + 1) % 3);
  return simulate::parse_profile(options.profile).value_or(simulate::Profile::kNormal);
}

}  // namespace

Result<std::unique_ptr<Client>> Client::make(Shared& shared, std::int64_t number) {
  uplink::Options own = shared.uplink;
  own.client = shared.options.name_prefix + std::to_string(number) + shared.options.name_suffix;
  const std::string name = own.client;
  const std::string& folder = shared.options.ledger_directory;
  RESMON_ASSIGN(Ledger ledger, Ledger::open(folder.empty() ? "" : folder + '/' + own.client + ".ledger"));
  auto client = std::unique_ptr<Client>(new Client(shared, std::move(own), number, std::move(ledger)));
  for (const std::string& finding : client->spool_.take_findings())
    log::warn("load", "spool", {{"client", name}, {"found", finding}});
  if (const std::string& error = client->spool_.disk_error(); !error.empty())
    log::warn("load", "spool cannot use its directory", {{"reason", error}});
  return client;
}

Client::Client(Shared& shared, uplink::Options uplink_options, std::int64_t number, Ledger ledger)
    : options_(shared.options),
      latency_(shared.latency),
      number_(number),
      ledger_(std::move(ledger)),
      spool_(options_.spool_options(uplink_options.client), shared.schemas),
      uplink_(
          shared.io.get_executor(),
          [&] {
            uplink_options.on_acknowledged = [this](std::uint64_t sequence) { acknowledged(sequence); };
            return std::move(uplink_options);
          }(),
          spool_, shared.schemas),
      timer_(shared.io) {
  using metric::FieldType;
  metric::SchemaTable& schemas = shared.schemas;
  if (options_.profile != "none") {
    const auto seed = static_cast<std::uint64_t>(options_.seed) * 1'000'003 + static_cast<std::uint64_t>(number);
    const simulate::Profile profile = profile_of(options_, number);
    if (options_.recorded_gathers > 0)
      recording_ = &shared.recordings
                        .try_emplace(profile, seed, profile, schemas,
                                     static_cast<std::size_t>(options_.recorded_gathers), options_.interval)
                        .first->second;
    else
      model_.emplace(seed, profile, schemas);
  }
  self_ = schemas
              .intern({"internal_client",
                       {},
                       {{"backlog_samples", FieldType::kInteger},
                        {"dropped_samples", FieldType::kInteger},
                        {"skipped_gathers", FieldType::kInteger}}})
              .value_or(0);
  if (options_.numbered) numbered_ = schemas.intern({"numbered", {}, {{"sequence", FieldType::kInteger}}}).value_or(0);
}

Status Client::gather(UnixNanos time) {
  metric::Batch batch = spool_.take_empty();
  if (model_) model_->gather(time, batch);
  if (recording_ != nullptr) recording_->gather(gathers_++ + static_cast<std::uint64_t>(number_), time, batch);
  metric::RowWriter row = batch.add(self_, 3, time);
  row.set(0, static_cast<std::int64_t>(spool_.backlog_samples()));
  row.set(1, static_cast<std::int64_t>(spool_.dropped_samples()));
  row.set(2, skipped_.count());
  std::uint64_t sequence = 0;
  if (options_.numbered) {
    RESMON_ASSIGN(sequence, ledger_.offer(time, batch.samples() + 1));
    batch.add(numbered_, 1, time).set(0, static_cast<std::int64_t>(sequence));
  }
  samples_ += batch.samples();
  const std::uint64_t number = spool_.push(std::move(batch));
  waiting_.emplace_back(number, std::chrono::steady_clock::now());
  // Nobody waits for dropped samples.
  while (waiting_.front().first < spool_.first()) waiting_.pop_front();
  uplink_.notify();
  if (!options_.numbered) return {};
  untold_.emplace_back(number, sequence);
  while (untold_.front().first < spool_.first()) untold_.pop_front();
  return tell_taken(0);
}

void Client::take(const metric::Batch& rows) {
  if (stopping_) return;
  metric::Batch batch = spool_.take_empty();
  batch = rows;
  samples_ += batch.samples();
  spool_.push(std::move(batch));
  uplink_.notify();
}

// A gather is taken when the end of this process cannot take it back: when it is on disk (or nothing was said of
// disks), or the server has it.
Status Client::tell_taken(std::uint64_t acknowledged) {
  const bool safe = options_.spool_directory.empty() || (spool_.on_disk() && spool_.disk_error().empty());
  while (!untold_.empty() && (safe || untold_.front().first <= acknowledged)) {
    RESMON_TRY(ledger_.taken(untold_.front().second));
    untold_.pop_front();
  }
  return {};
}

void Client::acknowledged(std::uint64_t sequence) {
  const auto now = std::chrono::steady_clock::now();
  while (!waiting_.empty() && waiting_.front().first <= sequence) {
    latency_.add(waiting_.front().second, now);
    waiting_.pop_front();
  }
  if (Status told = tell_taken(sequence); !told) throw std::runtime_error(told.error().message);
  if (options_.pace == "full") timer_.cancel();
}

asio::awaitable<void> Client::sample() {
  return options_.pace == "full" ? sample_at_full_pace() : sample_by_the_clock();
}

asio::awaitable<void> Client::sample_by_the_clock() {
  const Clock& clock = Clock::system();
  const std::int64_t phase = options_.spread ? options_.interval.count() / options_.clients * (number_ - 1) : 0;
  while (!stopping_) {
    const UnixNanos due = next_aligned(clock.wall() - phase, options_.interval);
    timer_.expires_after(std::chrono::nanoseconds(due + phase - clock.wall()));
    co_await net::wait(timer_);
    if (stopping_) break;
    skipped_.took(due, clock.steady());
    if (Status gathered = gather(due); !gathered) throw std::runtime_error(gathered.error().message);
  }
}

// Half of the spool is kept full: enough for the next frame to be there when the window opens.
asio::awaitable<void> Client::sample_at_full_pace() {
  UnixNanos time =
      next_aligned(Clock::system().wall(), options_.interval) - std::chrono::nanoseconds(kFullPaceBegins).count();
  while (!stopping_) {
    while (spool_.memory_bytes() < options_.spool_memory_bytes / 2) {
      if (Status gathered = gather(time); !gathered) throw std::runtime_error(gathered.error().message);
      time += options_.interval.count();
    }
    timer_.expires_at(std::chrono::steady_clock::time_point::max());
    co_await net::wait(timer_);
  }
}

void Client::stop() {
  stopping_ = true;
  timer_.cancel();
  uplink_.stop(std::chrono::duration_cast<std::chrono::milliseconds>(options_.stop_patience));
}

}  // namespace resmon::load
