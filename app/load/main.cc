// Any number of clients in one process, over the real protocol: each has its own connection, stream, spool and machine
// model.

#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <vector>

#include "base/exit_code.h"
#include "base/log.h"
#include "client.h"
#include "collect/scripts.h"
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

Status run(const Options& options) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < static_cast<rlim_t>(options.clients) + 64)
      log::warn("load", "more clients than descriptors",
                {{"clients", options.clients}, {"descriptors", static_cast<std::uint64_t>(limit.rlim_max)}});
  }
  RESMON_ASSIGN(uplink::Options common, options.uplink_options(std::string("resmon-load ") + RESMON_VERSION));

  asio::io_context io(1);
  metric::SchemaTable schemas;
  load::Latency latency(std::chrono::steady_clock::now() + options.warm_up);
  load::Shared shared{io, options, std::move(common), schemas, latency, {}};
  std::vector<std::unique_ptr<Client>> clients;
  std::size_t running = 0;
  asio::signal_set signals(io, SIGTERM, SIGINT);
  asio::steady_timer end(io);
  asio::steady_timer starter(io);
  asio::steady_timer reporter(io);
  bool stopping = false;
  const auto ended = [&](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
    if (--running > 0 || !stopping) return;
    signals.cancel();
    end.cancel();
    reporter.cancel();
  };
  RESMON_ASSIGN(
      const auto scripts,
      collect::Scripts::make(io.get_executor(), options.script_settings(), schemas, [&](const metric::Batch& rows) {
        const auto most = static_cast<std::size_t>(options.script_clients);
        for (std::size_t i = 0; i < clients.size() && i < most; ++i) clients[i]->take(rows);
      }));
  const auto stop = [&] {
    stopping = true;
    scripts->stop();
    starter.cancel();
    for (const auto& client : clients) client->stop();
    if (running == 0) io.stop();
  };
  Status started;
  const auto start_all = [&]() -> asio::awaitable<void> {
    for (std::int64_t i = 1; i <= options.clients && !stopping; ++i) {
      auto made = Client::make(shared, i);
      if (!made) {
        started = fail(std::move(made).error());
        io.stop();
        co_return;
      }
      clients.push_back(std::move(*made));
      Client& client = *clients.back();
      running += 2;
      asio::co_spawn(io, client.sample(), ended);
      asio::co_spawn(io, client.run(), ended);
      if (options.stagger.count() == 0) continue;
      starter.expires_after(options.stagger);
      co_await starter.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  };
  const auto report_all = [&]() -> asio::awaitable<void> {
    while (!stopping) {
      reporter.expires_after(kReportEvery);
      co_await reporter.async_wait(asio::as_tuple(asio::use_awaitable));
      if (!stopping) report("running", totals_of(clients), latency);
    }
  };
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (error) return;
    log::info("load", "stopping", {{"signal", signal}});
    stop();
    signals.async_wait([&](const boost::system::error_code& again, int) {
      if (!again) io.stop();
    });
  });
  if (options.duration.count() > 0) {
    end.expires_after(options.duration);
    end.async_wait([&](const boost::system::error_code& error) {
      if (!error) stop();
    });
  }
  log::info("load", "started",
            {{"clients", options.clients}, {"server", options.servers.front()}, {"seed", options.seed}});
  scripts->begin();
  asio::co_spawn(io, start_all(), asio::detached);
  asio::co_spawn(io, report_all(), asio::detached);
  io.run();
  RESMON_TRY(started);
  const Totals totals = totals_of(clients);
  report("stopped", totals, latency);
  if (totals.acknowledged == 0 && totals.samples > 0) {
    std::string reason = "no server acknowledged anything";
    for (const auto& client : clients)
      if (!client->stats().last_error.empty()) reason = client->stats().last_error;
    return fail(ErrorKind::kUnavailable, reason);
  }
  return {};
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
