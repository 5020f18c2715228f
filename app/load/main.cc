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
#include "net/token_set.h"
#include "program/program.h"
#include "simulate/host_model.h"
#include "uplink/spool.h"
#include "uplink/uplink.h"

namespace {

using namespace resmon;
namespace asio = boost::asio;

constexpr auto kReportEvery = std::chrono::seconds(60);
constexpr auto kStopPatience = std::chrono::milliseconds(3000);

struct Options {
  std::vector<std::string> servers{"127.0.0.1:7411"};
  std::string token_file;
  std::int64_t clients = 2;
  std::int64_t seed = 1;
  std::chrono::nanoseconds interval{std::chrono::seconds(5)};
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds stagger{std::chrono::milliseconds(1)};
  std::string name_prefix = "sim-";
  std::string profile = "mixed";
  std::uint64_t spool_memory_bytes = 1U << 20U;
  bool tls = false;
  std::string tls_ca_file;
  std::string tls_server_name;
  bool allow_plaintext = false;
  program::LogSettings log;

  void declare(config::Settings& settings) {
    using std::chrono::hours;
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    settings.list("load.servers", &servers, "Where to send, HOST:PORT.");
    settings.text("load.token_file", &token_file, "A file with the access token.");
    settings.integer("load.clients", &clients, 1, 1'000'000, "How many clients to simulate.");
    settings.integer("load.seed", &seed, 0, INT64_MAX, "The same seed makes the same machines.");
    settings.duration("load.interval", &interval, milliseconds(100), hours(24), "How often each samples.");
    settings.duration("load.duration", &duration, seconds(0), hours(24 * 365),
                      "Stop by itself after this long. 0: never.");
    settings.duration("load.stagger", &stagger, seconds(0), seconds(60),
                      "Between the first connections of two clients.");
    settings.text("load.name_prefix", &name_prefix, "Clients are named this and a number from 1.");
    settings.choice("load.profile", &profile, {"mixed", "idle", "normal", "busy"},
                    "How busy they are. mixed: each another.");
    settings.bytes("load.spool_memory_bytes", &spool_memory_bytes, 16U << 10U, 1ULL << 30U,
                   "Of each client, while no server answers.");
    settings.boolean("tls.enabled", &tls, "Encrypt, and verify the server's certificate.");
    settings.text("tls.ca_file", &tls_ca_file, "Certificate authorities (PEM) to trust. Empty: the system's.");
    settings.text("tls.server_name", &tls_server_name, "The name in the server's certificate. Empty: the address.");
    settings.boolean("tls.allow_plaintext", &allow_plaintext, "Send to other machines without TLS.");
    log.declare(settings);
  }

  Status check() const {
    if (servers.empty()) return fail(ErrorKind::kInvalid, "load.servers: at least one server is needed");
    if (token_file.empty())
      return fail(ErrorKind::kInvalid, "load.token_file is not set: the server lets nobody in without a token");
    for (const std::string& text : servers) {
      auto address = net::parse_address(text, 7411);
      if (!address) return fail(std::move(address).error().wrap("load.servers"));
      if (!tls && !allow_plaintext && !net::is_loopback(address->host))
        return fail(ErrorKind::kInvalid,
                    "load.servers: " + text + " is another machine and TLS is off (tls.enabled, tls.allow_plaintext)");
    }
    return {};
  }
};

class Client {
 public:
  Client(asio::io_context& io, const Options& options, uplink::Options uplink_options, std::uint64_t seed,
         simulate::Profile profile, metric::SchemaTable& schemas)
      : options_(options),
        model_(seed, profile, schemas),
        spool_(options.spool_memory_bytes),
        uplink_(io.get_executor(), std::move(uplink_options), spool_, schemas),
        timer_(io) {
    using metric::FieldType;
    self_ = schemas
                .intern({"internal_client",
                         {},
                         {{"backlog_samples", FieldType::kInteger}, {"dropped_samples", FieldType::kInteger}}})
                .value_or(0);
  }

  asio::awaitable<void> sample() {
    const Clock& clock = Clock::system();
    while (!stopping_) {
      const UnixNanos due = next_aligned(clock.wall(), options_.interval);
      timer_.expires_after(std::chrono::nanoseconds(due - clock.wall()));
      co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
      if (stopping_) break;
      metric::Batch batch = spool_.take_empty();
      model_.gather(due, batch);
      metric::RowWriter row = batch.add(self_, 2, due);
      row.set(0, static_cast<std::int64_t>(spool_.backlog_samples()));
      row.set(1, static_cast<std::int64_t>(spool_.dropped_samples()));
      samples_ += batch.samples();
      spool_.push(std::move(batch));
      uplink_.notify();
    }
  }

  asio::awaitable<void> run() { return uplink_.run(); }
  void stop() {
    stopping_ = true;
    timer_.cancel();
    uplink_.stop(kStopPatience);
  }

  const uplink::Stats& stats() const { return uplink_.stats(); }
  const uplink::Spool& spool() const { return spool_; }
  std::uint64_t samples() const { return samples_; }

 private:
  const Options& options_;
  simulate::HostModel model_;
  uplink::Spool spool_;
  uplink::Uplink uplink_;
  asio::steady_timer timer_;
  metric::SchemaId self_ = 0;
  std::uint64_t samples_ = 0;
  bool stopping_ = false;
};

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

void report(const char* what, const Totals& t) {
  log::info("load", what,
            {{"connected", t.connected},
             {"samples", t.samples},
             {"acknowledged", t.acknowledged},
             {"backlog", t.backlog},
             {"dropped", t.dropped},
             {"sent_bytes", t.bytes},
             {"bytes_per_sample",
              t.acknowledged == 0 ? 0.0 : static_cast<double>(t.bytes) / static_cast<double>(t.acknowledged)}});
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
  uplink::Options base;
  for (const std::string& text : options.servers) {
    RESMON_ASSIGN(net::Address address, net::parse_address(text, 7411));
    base.servers.push_back(std::move(address));
  }
  RESMON_ASSIGN(base.token, net::load_token(options.token_file));
  if (options.tls) {
    RESMON_ASSIGN(base.tls, net::make_client_tls({options.tls_ca_file}));
    base.server_name = options.tls_server_name;
  }
  base.software = std::string("resmon-load ") + RESMON_VERSION;
  base.interval = options.interval;
  base.tags = {{"simulated", "true"}};
  base.log_connections = options.clients <= 20;

  asio::io_context io(1);
  metric::SchemaTable schemas;
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
  const auto stop = [&] {
    stopping = true;
    starter.cancel();
    for (const auto& client : clients) client->stop();
    if (running == 0) io.stop();
  };
  const auto start_all = [&]() -> asio::awaitable<void> {
    for (std::int64_t i = 1; i <= options.clients && !stopping; ++i) {
      uplink::Options one = base;
      one.client = options.name_prefix + std::to_string(i);
      const auto seed = static_cast<std::uint64_t>(options.seed) * 1'000'003 + static_cast<std::uint64_t>(i);
      const auto profile = options.profile == "mixed"
                               ? static_cast<simulate::Profile>((i + 1) % 3)
                               : simulate::parse_profile(options.profile).value_or(simulate::Profile::kNormal);
      clients.push_back(std::make_unique<Client>(io, options, std::move(one), seed, profile, schemas));
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
      if (!stopping) report("running", totals_of(clients));
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
  asio::co_spawn(io, start_all(), asio::detached);
  asio::co_spawn(io, report_all(), asio::detached);
  io.run();
  const Totals totals = totals_of(clients);
  report("stopped", totals);
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
                            "  resmon-load --token-file token --clients 10000 --set load.duration=60s"},
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
