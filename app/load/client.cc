#include "client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>

namespace resmon::load {

namespace asio = boost::asio;

Result<std::unique_ptr<Client>> Client::make(asio::io_context& io, const Options& options, uplink::Options common,
                                             std::int64_t number, metric::SchemaTable& schemas) {
  common.client = options.name_prefix + std::to_string(number);
  const std::string& folder = options.ledger_directory;
  RESMON_ASSIGN(Ledger ledger, Ledger::open(folder.empty() ? "" : folder + '/' + common.client + ".ledger"));
  return std::unique_ptr<Client>(new Client(io, options, std::move(common), number, schemas, std::move(ledger)));
}

Client::Client(asio::io_context& io, const Options& options, uplink::Options uplink_options, std::int64_t number,
               metric::SchemaTable& schemas, Ledger ledger)
    : options_(options),
      ledger_(std::move(ledger)),
      spool_(options.spool_memory_bytes),
      uplink_(io.get_executor(), std::move(uplink_options), spool_, schemas),
      timer_(io) {
  using metric::FieldType;
  if (options.profile != "none") {
    const auto seed = static_cast<std::uint64_t>(options.seed) * 1'000'003 + static_cast<std::uint64_t>(number);
    const auto profile = options.profile == "mixed"
                             ? static_cast<simulate::Profile>((number + 1) % 3)
                             : simulate::parse_profile(options.profile).value_or(simulate::Profile::kNormal);
    model_.emplace(seed, profile, schemas);
  }
  self_ = schemas
              .intern({"internal_client",
                       {},
                       {{"backlog_samples", FieldType::kInteger}, {"dropped_samples", FieldType::kInteger}}})
              .value_or(0);
  if (options.numbered) numbered_ = schemas.intern({"numbered", {}, {{"sequence", FieldType::kInteger}}}).value_or(0);
}

Status Client::gather(UnixNanos time) {
  metric::Batch batch = spool_.take_empty();
  if (model_) model_->gather(time, batch);
  metric::RowWriter row = batch.add(self_, 2, time);
  row.set(0, static_cast<std::int64_t>(spool_.backlog_samples()));
  row.set(1, static_cast<std::int64_t>(spool_.dropped_samples()));
  std::uint64_t sequence = 0;
  if (options_.numbered) {
    RESMON_ASSIGN(sequence, ledger_.offer(time, batch.samples() + 1));
    batch.add(numbered_, 1, time).set(0, static_cast<std::int64_t>(sequence));
  }
  samples_ += batch.samples();
  spool_.push(std::move(batch));
  uplink_.notify();
  return options_.numbered ? ledger_.taken(sequence) : Status();
}

asio::awaitable<void> Client::sample() {
  const Clock& clock = Clock::system();
  while (!stopping_) {
    const UnixNanos due = next_aligned(clock.wall(), options_.interval);
    timer_.expires_after(std::chrono::nanoseconds(due - clock.wall()));
    co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
    if (stopping_) break;
    if (Status gathered = gather(due); !gathered) throw std::runtime_error(gathered.error().message);
  }
}

void Client::stop() {
  stopping_ = true;
  timer_.cancel();
  uplink_.stop(std::chrono::duration_cast<std::chrono::milliseconds>(options_.stop_patience));
}

}  // namespace resmon::load
