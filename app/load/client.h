#pragma once

// One client of many in this process: a machine model, a spool and a connection of its own. One executor for all.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string>

#include "ledger.h"
#include "options.h"
#include "simulate/host_model.h"
#include "uplink/spool.h"
#include "uplink/uplink.h"

namespace resmon::load {

class Client {
 public:
  // The `number`th client, from 1; `common` is what Options::uplink_options gave. The references must outlive it.
  static Result<std::unique_ptr<Client>> make(boost::asio::io_context& io, const Options& options,
                                              uplink::Options common, std::int64_t number,
                                              metric::SchemaTable& schemas);

  boost::asio::awaitable<void> sample();  // until stop(); throws when its ledger cannot be written
  boost::asio::awaitable<void> run() { return uplink_.run(); }
  void stop();

  const uplink::Stats& stats() const { return uplink_.stats(); }
  const uplink::Spool& spool() const { return spool_; }
  std::uint64_t samples() const { return samples_; }

 private:
  Client(boost::asio::io_context& io, const Options& options, uplink::Options uplink_options, std::int64_t number,
         metric::SchemaTable& schemas, Ledger ledger);
  Status gather(UnixNanos time);

  const Options& options_;
  std::optional<simulate::HostModel> model_;
  Ledger ledger_;
  uplink::Spool spool_;
  uplink::Uplink uplink_;
  boost::asio::steady_timer timer_;
  metric::SchemaId self_ = 0;
  metric::SchemaId numbered_ = 0;
  std::uint64_t samples_ = 0;
  bool stopping_ = false;
};

}  // namespace resmon::load
