// Any number of clients in one process, over the real protocol: each has its own connection, stream, spool and machine
// model.

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "base/exit_code.h"
#include "base/log.h"
#include "client.h"
#include "collect/scripts.h"
#include "net/spawn.h"
#include "options.h"
#include "program/program.h"

namespace {

using namespace resmon;
using load::Client;
using load::Options;
namespace asio = boost::asio;

constexpr auto kReportEvery = std::chrono::seconds(60);

struct Totals {
  std::uint64_t connected = 0, samples = 0, acknowledged = 0, backlog = 0, dropped = 0, bytes = 0;
};

Totals totals_of(const std::vector<std::unique_ptr<Client>>& clients) {
  Totals t;
  for (const auto& client : clients) {
    t.connected += client->stats().connected ? 1U : 0U;
    t.samples += client->samples();
    t.acknowledged += client->stats().acknowledged_samples;
    t.backlog += client->spool().backlog_samples();
    t.dropped += client->spool().dropped_samples();
    t.bytes += client->stats().sent_bytes;
  }
  return t;
}

void report(const char* what, const Totals& t, const load::Latency& latency) {
  log::info("load", what,
            {{"connected", t.connected},
             {"samples", t.samples},
             {"acknowledged", t.acknowledged},
             {"backlog", t.backlog},
             {"dropped", t.dropped},
             {"sent_bytes", t.bytes},
             {"bytes_per_sample",
              t.acknowledged == 0 ? 0.0 : static_cast<double>(t.bytes) / static_cast<double>(t.acknowledged)},
             {"acknowledged_in_ms_p50", latency.percentile_milliseconds(0.5)},
             {"acknowledged_in_ms_p99", latency.percentile_milliseconds(0.99)}});
}

// As many descriptors as the process may have: each client is one.
void raise_descriptor_limit(std::int64_t clients) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < static_cast<rlim_t>(clients) + 64)
    log::warn("load", "more clients than descriptors",
              {{"clients", clients}, {"descriptors", static_cast<std::uint64_t>(limit.rlim_max)}});
}

// All clients on one thread, from the first start to the last acknowledgement.
class Load {
 public:
  Load(const Options& options, uplink::Options common)
      : options_(options),
        latency_(std::chrono::steady_clock::now() + options.warm_up),
        shared_{io_, options, std::move(common), schemas_, latency_, {}} {}

  Status run() {
    RESMON_ASSIGN(scripts_, collect::Scripts::make(io_.get_executor(), options_.script_settings(), schemas_,
                                                   [this](const metric::Batch& rows) { take(rows); }));
    stop_by_signal();
    if (options_.duration.count() > 0) {
      end_.expires_after(options_.duration);
      end_.async_wait([this](const boost::system::error_code& error) {
        if (!error) stop();
      });
    }
    log::info("load", "started",
              {{"clients", options_.clients}, {"server", options_.servers.front()}, {"seed", options_.seed}});
    scripts_->begin();
    net::start(io_.get_executor(), start_all());
    net::start(io_.get_executor(), report_all());
    io_.run();
    RESMON_TRY(started_);
    return judge();
  }

 private:
  // What scripts say of the machine goes out as some of the clients' own.
  void take(const metric::Batch& rows) {
    const auto most = static_cast<std::size_t>(options_.script_clients);
    for (std::size_t i = 0; i < clients_.size() && i < most; ++i) clients_[i]->take(rows);
  }

  asio::awaitable<void> start_all() {
    for (std::int64_t i = 1; i <= options_.clients && !stopping_; ++i) {
      auto made = Client::make(shared_, i);
      if (!made) {
        started_ = fail(std::move(made).error());
        io_.stop();
        co_return;
      }
      clients_.push_back(std::move(*made));
      Client& client = *clients_.back();
      running_ += 2;
      const auto ended = [this](const std::exception_ptr& failure) { end_of_one(failure); };
      net::start(io_.get_executor(), client.sample(), ended);
      net::start(io_.get_executor(), client.run(), ended);
      if (options_.stagger.count() == 0) continue;
      starter_.expires_after(options_.stagger);
      co_await net::wait(starter_);
    }
  }

  asio::awaitable<void> report_all() {
    while (!stopping_) {
      reporter_.expires_after(kReportEvery);
      co_await net::wait(reporter_);
      if (!stopping_) report("running", totals_of(clients_), latency_);
    }
  }

  // A second signal ends at once.
  void stop_by_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
      if (error) return;
      log::info("load", "stopping", {{"signal", signal}});
      stop();
      signals_.async_wait([this](const boost::system::error_code& again, int) {
        if (!again) io_.stop();
      });
    });
  }

  void stop() {
    stopping_ = true;
    scripts_->stop();
    starter_.cancel();
    for (const auto& client : clients_) client->stop();
    if (running_ == 0) io_.stop();
  }

  void end_of_one(const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
    if (--running_ > 0 || !stopping_) return;
    signals_.cancel();
    end_.cancel();
    reporter_.cancel();
  }

  Status judge() {
    const Totals totals = totals_of(clients_);
    report("stopped", totals, latency_);
    if (totals.acknowledged > 0 || totals.samples == 0) return {};
    std::string reason = "no server acknowledged anything";
    for (const auto& client : clients_)
      if (!client->stats().last_error.empty()) reason = client->stats().last_error;
    return fail(ErrorKind::kUnavailable, reason);
  }

  const Options& options_;
  asio::io_context io_{1};
  metric::SchemaTable schemas_;
  load::Latency latency_;
  load::Shared shared_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t running_ = 0;  // coroutines of clients
  asio::signal_set signals_{io_, SIGTERM, SIGINT};
  asio::steady_timer end_{io_};
  asio::steady_timer starter_{io_};
  asio::steady_timer reporter_{io_};
  bool stopping_ = false;
  Status started_;
  std::unique_ptr<collect::Scripts> scripts_;
};

Status run(const Options& options) {
  raise_descriptor_limit(options.clients);
  RESMON_ASSIGN(uplink::Options common, options.uplink_options(std::string("resmon-load ") + RESMON_VERSION));
  return Load(options, std::move(common)).run();
}

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* kName = "resmon-load";
  Options options;
  config::Settings settings("load");
  options.declare(settings);
  program::Program program({kName, RESMON_VERSION, "Simulates any number of resmon clients over the real protocol.",
                            "Examples:\n"
                            "  resmon-load --server 127.0.0.1:7411 --token-file token --clients 100 --seed 7\n"
                            "  resmon-load --token-file token --clients 10000 --set load.duration=60s\n"
                            "  resmon-load --token-file token --set load.numbered=true"},
                           settings);
  program.shorthand("--server", "load.servers", "ADDR[,ADDR...]", "Short for load.servers");
  program.shorthand("--token-file", "load.token_file", "FILE", "Short for load.token_file");
  program.shorthand("--clients", "load.clients", "N", "Short for load.clients");
  program.shorthand("--seed", "load.seed", "N", "Short for load.seed");
  program.shorthand("--interval", "load.interval", "TIME", "Short for load.interval");
  program.shorthand("--duration", "load.duration", "TIME", "Short for load.duration");
  program.shorthand("--name-prefix", "load.name_prefix", "TEXT", "Short for load.name_prefix");
  program.shorthand("--load-profile", "load.profile", "NAME", "Short for load.profile");
  if (const auto code = program.start(argc, argv, [&] { return options.check(); })) return *code;
  if (Status applied = options.log.apply(); !applied)
    return program::complain(kName, applied.error(), kExitConfiguration);
  try {
    if (Status ran = run(options); !ran)
      return program::complain(kName, ran.error(),
                               ran.error().kind == ErrorKind::kUnavailable ? kExitConnection : kExitConfiguration);
  } catch (const std::exception& e) {
    log::error("load", "ended by an unexpected exception", {{"reason", e.what()}});
    return kExitFailed;
  }
  return kExitDone;
}
