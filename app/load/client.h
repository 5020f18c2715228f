#pragma once

// One client of many in this process: a machine model, a spool and a connection of its own. One executor for all.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/skipped_turns.h"
#include "latency.h"
#include "ledger.h"
#include "options.h"
#include "simulate/host_model.h"
#include "simulate/recording.h"
#include "uplink/spool.h"
#include "uplink/uplink.h"

namespace resmon::load {

// Shared by the clients of one process.
struct Shared {
  boost::asio::io_context& io;
  const Options& options;
  uplink::Options uplink;  // without a name
  metric::SchemaTable& schemas;
  Latency& latency;
  std::map<simulate::Profile, simulate::Recording> recordings;  // filled by the clients
};

class Client {
 public:
  // The `number`th client, from 1. `shared` must outlive it.
  static Result<std::unique_ptr<Client>> make(Shared& shared, std::int64_t number);

  boost::asio::awaitable<void> sample();  // until stop(); throws when its ledger cannot be written
  boost::asio::awaitable<void> run() { return uplink_.run(); }
  void stop();
  // Rows that are not its machine's: those of a script.
  void take(const metric::Batch& rows);

  const uplink::Stats& stats() const { return uplink_.stats(); }
  const uplink::Spool& spool() const { return spool_; }
  std::uint64_t samples() const { return samples_; }

 private:
  Client(Shared& shared, uplink::Options uplink_options, std::int64_t number, Ledger ledger);
  Status gather(UnixNanos time);
  Status tell_taken(std::uint64_t acknowledged);
  boost::asio::awaitable<void> sample_by_the_clock();
  boost::asio::awaitable<void> sample_at_full_pace();
  void acknowledged(std::uint64_t sequence);

  const Options& options_;
  Latency& latency_;
  const std::int64_t number_;
  std::optional<simulate::HostModel> model_;
  const simulate::Recording* recording_ = nullptr;
  std::uint64_t gathers_ = 0;
  Ledger ledger_;
  uplink::Spool spool_;
  uplink::Uplink uplink_;
  boost::asio::steady_timer timer_;
  std::deque<std::pair<std::uint64_t, std::chrono::steady_clock::time_point>> waiting_;  // number, when it was taken
  std::deque<std::pair<std::uint64_t, std::uint64_t>> untold_;  // the spool's number and the ledger's: not safe yet
  metric::SchemaId self_ = 0;
  metric::SchemaId numbered_ = 0;
  std::uint64_t samples_ = 0;
  SkippedTurns skipped_{options_.interval};
  bool stopping_ = false;
};

}  // namespace resmon::load
