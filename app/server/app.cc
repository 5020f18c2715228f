#include "app.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "access_control.h"
#include "alerts.h"
#include "base/file.h"
#include "base/log.h"
#include "database.h"
#include "fleet/fleet.h"
#include "fleet_memory.h"
#include "host_list.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "listeners.h"
#include "net/runtime.h"
#include "net/spawn.h"
#include "options.h"
#include "peers.h"
#include "pipeline.h"
#include "routes.h"
#include "routes_query.h"
#include "row_intake.h"
#include "self_report.h"
#include "sinks.h"
#include "startup.h"
#include "storage.h"
#include "store/store.h"
#include "upkeep.h"
#include "work_pools.h"

namespace resmon::server {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kSessionPatience = milliseconds(3000);
// A stop takes about ten seconds at most, whatever waits: what is not stored or delivered by then stays in the journal.
constexpr auto kStorePatience = milliseconds(3500);  // for what the journal still holds
constexpr auto kSealPatience = milliseconds(6500);   // since the stop began, as the next
constexpr auto kStopPatience = milliseconds(8500);

// Each connection is a descriptor; the soft limit of 1,024 is for programs that use select.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Null where neither listener has TLS.
Result<net::TlsContext> make_tls(const Options& options) {
  if (!options.listen_tls && !options.http_tls) return net::TlsContext();
  auto made = net::make_server_tls({options.tls_certificate_file, options.tls_key_file});
  if (!made) return configuration_error(std::move(made).error());
  return std::move(*made);
}

// A directory that was there before, and files that an earlier start made in it, may be open to others.
void take_from_others(const Options& options) {
  const auto of_store = [](std::string_view name) {
    return name.starts_with("resmon.") || name.starts_with("alerts.") || name.starts_with("refused-") ||
           name.starts_with("sink-") || name == "database-names";
  };
  const auto of_journal = [](std::string_view name) {
    return name.ends_with(".seg") || name.ends_with(".aside") || name == "cursors" || name == "lock";
  };
  for (const std::string& advice : {make_files_private(options.store_directory, of_store),
                                    make_files_private(options.journal_directory, of_journal)})
    if (!advice.empty()) log::warn("server", "others have access to a directory", {{"advice", advice}});
}

std::string refusal_notice(std::uint64_t samples, const std::string& reason) {
  return std::to_string(samples) + (samples == 1 ? " sample was" : " samples were") +
         " refused and set aside on the server: " + reason;
}

}  // namespace

App::App(const Options& options, std::string version)
    : options_(options),
      version_(std::move(version)),
      storage_(std::make_unique<Storage>(options_)),
      queries_(std::make_unique<Queries>(options_.query_memory_bytes)),
      access_(std::make_unique<AccessControl>(options_)),
      pools_(std::make_unique<WorkPools>(static_cast<std::size_t>(options_.query_threads))) {}

App::~App() {
  if (runtime_) runtime_->drain(milliseconds(0));
}

std::string App::lacking() const {
  return database_ && options_.peers.addresses.empty() ? database_->lacking() : peers_->lacking();
}

asio::any_io_executor App::network() {
  return runtime_->first().get_executor();
}

double App::uptime_seconds() const {
  return std::chrono::duration<double>(steady_clock::now() - started_).count();
}

Status App::start() {
  raise_descriptor_limit();
  RESMON_ASSIGN(const net::TokenSet tokens, access_->open_tokens());
  RESMON_ASSIGN(const net::TlsContext tls, make_tls(options_));
  take_from_others(options_);
  RESMON_TRY(storage_->open_store());
  // Not before the store is open: a start that fails shows no password.
  RESMON_TRY(access_->open_accounts());
  hosts_ = std::make_unique<HostList>(options_, storage_->schemas(), storage_->store());
  RESMON_TRY(storage_->open_journal());
  RESMON_TRY(storage_->open_logs());
  RESMON_ASSIGN(intake_, RowIntake::make(options_, *storage_, hosts_->fleet()));
  runtime_ = std::make_unique<net::Runtime>(options_.threads > 0 ? static_cast<unsigned>(options_.threads)
                                                                 : std::thread::hardware_concurrency());
  sinks_ = std::make_unique<Sinks>(options_, *storage_, network());
  RESMON_TRY(sinks_->make());
  RESMON_TRY(make_alerts());
  sinks_->forget_removed();
  listeners_ = std::make_unique<Listeners>(options_, "resmon-server " + version_, *storage_, *intake_, *hosts_,
                                           *access_, tokens, tls);
  access_->open_provider(network());
  add_routes(*this, listeners_->router());
  RESMON_TRY(listeners_->open(runtime_->all()));
  RESMON_TRY(make_peers());
  RESMON_TRY(listeners_->open_inputs(runtime_->all()));
  begin();
  log::info("server", "started",
            {{"version", version_},
             {"pid", static_cast<std::int64_t>(getpid())},
             {"clients", listeners_->client_address()},
             {"clients_tls", options_.listen_tls},
             {"http", listeners_->http_address()},
             {"http_tls", options_.http_tls},
             {"store", options_.store_directory},
             {"sinks", sinks_->units().size()},
             {"seconds", uptime_seconds()}});
  return {};
}

Status App::make_alerts() {
  if (!options_.alerts_enabled) {
    storage_->journal().forget_others("alerts");  // what nobody reads holds nothing
    return {};
  }
  alerts_ = std::make_unique<Alerts>(options_, *storage_, hosts_->fleet(), network(), pools_->query().get_executor());
  return alerts_->open();
}

Status App::make_peers() {
  auto peers = Peers::make(*this, options_.peers, network());
  if (!peers) return configuration_error(std::move(peers).error().wrap("peers"));
  peers_ = std::move(*peers);
  const sink::SinkOptions* const backend = options_.query_sink();
  if (backend == nullptr) return {};
  auto database = Database::make(*this, *backend, network());
  if (!database) return configuration_error(std::move(database).error().wrap("query.backend"));
  database_ = std::move(*database);
  return {};
}

// All is there: from here on there are threads.
void App::begin() {
  if (options_.report_interval.count() > 0) {
    self_report_ = std::make_unique<SelfReport>(*this, runtime_->first(), options_.report_interval);
    self_report_->start();
  }
  intake_->pipeline().on_refused([this](const std::string& host, std::uint64_t samples, const std::string& reason) {
    hosts_->fleet().refused(host, samples, reason);
    listeners_->clients().notify(host, refusal_notice(samples, reason));
  });
  intake_->pipeline().start();
  sinks_->start();
  net::start(network(), watch_access(*access_, *listeners_, stopping_));
  net::start(network(), watch_hosts(*hosts_, intake_->row_writer(), pools_->query(), stopping_));
  net::post(pools_->query().get_executor(), [this] { remember_values(storage_->store(), hosts_->fleet(), stopping_); });
  net::start(network(), forget_schemas(storage_->schemas(), *sinks_, listeners_->clients(), pools_->write(),
                                       schema_patience(options_.schema_idle, options_.store_retain), stopping_));
  if (alerts_) alerts_->start();
  peers_->start();
  if (database_) database_->start();
  listeners_->start();
  runtime_->start();
}

void App::wait() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int signal = 0;
  sigwait(&signals, &signal);
  log::info("server", "stopping", {{"signal", signal}});
  // From here a second signal ends the process.
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

void App::stop() {
  stopping_ = true;
  if (self_report_) self_report_->stop();
  const auto begin = steady_clock::now();
  storage_->store().finish_by(begin + kSealPatience, begin + kStopPatience);
  peers_->stop();
  if (database_) database_->stop();
  listeners_->stop_accepting();
  {
    const Step step("clients told");
    listeners_->end_sessions(begin + kSessionPatience);
  }
  storage_->journal().stop();
  {
    const Step step("log written to the store");
    intake_->pipeline().stop(begin + kStorePatience);
  }
  if (alerts_) {
    const Step step("alerts kept");
    alerts_->stop();
  }
  if (!sinks_->empty()) sinks_->drain(begin + kSealPatience);
  listeners_->stop_http();
  pools_->join();
  runtime_->drain(milliseconds(1000));
  // Nothing writes any more.
  hosts_->save();
  storage_->close_store();
  intake_->pipeline().release();
  storage_->close_journal();
  storage_->close_logs();
  log::info("server", "stopped", {{"seconds", std::chrono::duration<double>(steady_clock::now() - begin).count()}});
}

}  // namespace resmon::server
