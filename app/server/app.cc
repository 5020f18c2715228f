#include "app.h"

#include <pthread.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "alerts.h"
#include "backup_command.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "database.h"
#include "database_names.h"
#include "fleet/fleet.h"
#include "fleet_memory.h"
#include "http/server.h"
#include "ingest/log.h"
#include "ingest/server.h"
#include "inputs.h"
#include "line_source.h"
#include "log_source.h"
#include "logs/store.h"
#include "net/listener.h"
#include "net/runtime.h"
#include "net/spawn.h"
#include "oidc/provider.h"
#include "peers.h"
#include "pipeline.h"
#include "routes.h"
#include "row_writer.h"
#include "rule_source.h"
#include "rules.h"
#include "self_report.h"
#include "series_room.h"
#include "set_aside.h"
#include "sink/sink.h"
#include "store/store.h"

namespace resmon::server {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr auto kSessionPatience = milliseconds(3000);
const std::string kSinkPrefix = "sink.";  // of the names of sinks' cursors
constexpr auto kSinkPatience = milliseconds(5000);
constexpr auto kFleetEvery = std::chrono::seconds(2);
constexpr std::uint64_t kFleetForgetsEvery = 30;
constexpr std::chrono::nanoseconds kLeastSchemaIdle = std::chrono::minutes(1);
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

// Files that the configuration names are part of it, whatever is wrong with them.
Unexpected<Error> configuration_error(Error error) {
  return fail(ErrorKind::kInvalid, std::move(error.message));
}

// Makes the token file with one random token when there is none, so that nothing is ever open by default.
Status ensure_token(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) return {};
  unsigned char random[24];
  if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random))
    return fail(ErrorKind::kInternal, "the kernel returned no random bytes for a token");
  const std::string token = hex_text(random);
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code ignored;
  if (!folder.empty() && std::filesystem::create_directories(folder, ignored))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
  if (Status written = write_file_atomically(path, token + "\n", 0600); !written)
    return fail(std::move(written).error().wrap("token file"));
  log::info("server", "made a token", {{"file", path}});
  return {};
}

// Passes the clients' events to the fleet, and their refused samples to a file.
class Witness final : public ingest::Observer {
 public:
  Witness(fleet::Fleet& fleet, SetAside& refused) : fleet_(fleet), refused_(refused) {}
  void connected(const ingest::ClientInfo& client) override { fleet_.connected(client); }
  void heard_from(const std::string& host) override { fleet_.heard_from(host); }
  void disconnected(const std::string& host) override { fleet_.disconnected(host); }
  void set_aside(const std::string& host, const metric::Batch& rows, const std::string& reason) override {
    refused_.add(rows, reason);
    fleet_.refused(host, rows.samples(), reason);
  }

 private:
  fleet::Fleet& fleet_;
  SetAside& refused_;
};

// The first administrator, if there is none yet. Only the hash of the password is kept.
Status ensure_administrator(const std::string& accounts_file) {
  RESMON_ASSIGN(const auto made, auth::ensure_administrator(accounts_file));
  if (made)
    log::tell("auth",
              "made the first administrator; the password is not shown again, 'resmon-server passwd' sets another",
              {{"user", made->name}, {"password", made->password}});
  return {};
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

// Says how long a step of starting or stopping took.
class Step {
 public:
  explicit Step(std::string what) : what_(std::move(what)) {}
  ~Step() {
    const auto took = std::chrono::duration<double>(steady_clock::now() - begin_).count();
    log::info("server", what_, {{"seconds", took}});
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  std::string what_;
  steady_clock::time_point begin_ = steady_clock::now();
};

}  // namespace

App::App(const Options& options, std::string version)
    : options_(options),
      version_(std::move(version)),
      schemas_(static_cast<std::size_t>(options.max_schemas)),
      queries_(options.query_memory_bytes),
      guard_(options.guard_options()),
      token_file_(options.token_file),
      query_pool_(static_cast<std::size_t>(options.query_threads)),
      query_helpers_(query_pool_, static_cast<std::size_t>(options.query_threads)) {}

App::~App() {
  if (runtime_) runtime_->drain(milliseconds(0));
}

std::string App::lacking() const {
  return database_ && options_.peers.addresses.empty() ? database_->lacking() : peers_->lacking();
}

std::uint64_t App::proxy_headers_refused() const {
  return client_listener_->refused() + http_listener_->refused();
}

asio::any_io_executor App::network() {
  return runtime_->first().get_executor();
}

asio::thread_pool& App::http_workers() {
  return http_->workers();
}

double App::uptime_seconds() const {
  return std::chrono::duration<double>(steady_clock::now() - started_).count();
}

Status App::start() {
  raise_descriptor_limit();
  RESMON_TRY(ensure_token(options_.token_file));
  const auto tokens = token_file_.load();
  if (!tokens) return configuration_error(Error(tokens.error()));
  RESMON_ASSIGN(const net::TlsContext tls, make_tls(options_));
  take_from_others(options_);
  RESMON_TRY(open_store());
  // Not before the store is open: a start that fails shows no password.
  if (Status made = ensure_administrator(options_.accounts_file); !made)
    return configuration_error(std::move(made).error());
  if (Status loaded = guard_.load(); !loaded) return configuration_error(std::move(loaded).error());
  open_fleet();
  RESMON_TRY(open_logs());
  RESMON_TRY(make_writers());
  const unsigned threads =
      options_.threads > 0 ? static_cast<unsigned>(options_.threads) : std::thread::hardware_concurrency();
  runtime_ = std::make_unique<net::Runtime>(threads);
  RESMON_TRY(make_sinks());
  RESMON_TRY(make_line_sinks());
  RESMON_TRY(make_alerts());
  forget_removed_sinks();
  make_servers(*tokens, tls);
  RESMON_TRY(open_listeners());
  begin();
  log::info("server", "started",
            {{"version", version_},
             {"pid", static_cast<std::int64_t>(getpid())},
             {"clients", net::to_string(client_listener_->address())},
             {"clients_tls", options_.listen_tls},
             {"http", net::to_string(http_listener_->address())},
             {"http_tls", options_.http_tls},
             {"store", options_.store_directory},
             {"sinks", sinks_.size()},
             {"seconds", uptime_seconds()}});
  return {};
}

Status App::open_store() {
  Step step("store open");
  RESMON_TRY(check_restored(options_.store_directory));
  auto opened = store::Store::open(options_.store_options(), schemas_);
  if (!opened) return fail(std::move(opened).error().wrap("store " + options_.store_directory));
  store_ = std::move(*opened);
  database_names_ = std::make_unique<DatabaseNames>(options_.store_directory + "/database-names");
  return {};
}

void App::open_fleet() {
  fleet::FleetLimits fleet_limits;
  fleet_limits.hosts = static_cast<std::size_t>(options_.max_hosts);
  fleet_ = std::make_unique<fleet::Fleet>(schemas_, Clock::system(), fleet_limits);
  fleet_memory_ = std::make_unique<FleetMemory>(options_.store_directory + "/hosts.json", *fleet_);
  fleet_memory_->load();
  remember_hosts(*store_, *fleet_);
}

// The journal, and the log lines.
Status App::open_logs() {
  {
    Step step("journal open");
    auto opened = ingest::Log::open(options_.log_options(), schemas_);
    if (!opened) return fail(std::move(opened).error());
    log_ = std::move(*opened);
  }
  if (options_.logs_enabled) {
    Step step("lines open");
    auto opened = logs::Store::open(options_.logs_options());
    if (!opened) return fail(std::move(opened).error().wrap("logs"));
    logs_ = std::move(*opened);
  }
  return {};
}

// What takes rows from sessions and from the journal.
Status App::make_writers() {
  const auto aside = [&](const std::string& what) {
    return std::make_unique<SetAside>(what, options_.store_directory + "/refused-" + what + ".txt",
                                      options_.set_aside_bytes(), schemas_);
  };
  ingest_refused_ = aside("ingest");
  store_refused_ = aside("store");
  RESMON_ASSIGN(ingest::LogReader * store_reader, log_->add_reader("store", ingest::LogReader::Loss::kNever));
  pipeline_ =
      std::make_unique<Pipeline>(*log_, *store_reader, *store_, *fleet_, *store_refused_, options_.store_directory);
  series_room_ = std::make_unique<SeriesRoom>(schemas_, *store_);
  rules_ = Rules::make(options_, schemas_);
  warn_of_hidden_inputs(options_);
  row_writer_ = std::make_unique<RowWriter>(options_, schemas_, *log_, *store_, *series_room_, rules_.get());
  observer_ = std::make_unique<Witness>(*fleet_, *ingest_refused_);
  return {};
}

Status App::make_sinks() {
  for (const sink::SinkOptions& options : options_.sinks) {
    if (options.kind == "loki") continue;
    SinkUnit unit;
    RESMON_ASSIGN(unit.reader, log_->add_reader(kSinkPrefix + options.name, ingest::LogReader::Loss::kOldest));
    unit.source = std::make_unique<LogSource>(runtime_->first().get_executor(), *unit.reader);
    sink::Source* source = unit.source.get();
    if (const rule::Config& rules = options_.sink_rules[options.name]; !rules.empty()) {
      unit.rules = std::make_unique<RuleSource>(
          *unit.source, rules, schemas_, options_.store_directory + "/sink-" + options.name + ".windows", log_->id());
      source = unit.rules.get();
    }
    auto made = sink::Sink::make(runtime_->first().get_executor(), options, schemas_, *source);
    if (!made) return fail(std::move(made).error().wrap("sink." + options.name));
    unit.sink = std::move(*made);
    sinks_.push_back(std::move(unit));
  }
  return {};
}

Status App::make_alerts() {
  if (options_.alerts_enabled) {
    alerts_ = std::make_unique<Alerts>(*this);
    if (Status opened = alerts_->open(); !opened) return fail(std::move(opened).error());
  } else {
    log_->forget_others("alerts");  // what nobody reads holds nothing
  }
  return {};
}

// A sink that is no longer configured no longer holds the journal.
void App::forget_removed_sinks() {
  for (const journal::ReaderStats& gone : log_->forget_others(kSinkPrefix)) {
    removed_sinks_.push_back({gone.name.substr(kSinkPrefix.size()), gone.backlog_records});
    log::warn("sink", "no longer configured; its backlog in the journal is dropped",
              {{"name", removed_sinks_.back().name}, {"entries", gone.backlog_records}});
  }
}

void App::make_servers(const net::TokenSet& tokens, const net::TlsContext& tls) {
  const std::string software = "resmon-server " + version_;
  ingest::ServerOptions ingest_options = options_.ingest_options(software, options_.listen_tls ? tls : nullptr);
  ingest_options.also_lets_in = [this](const net::TokenSet::Digest& token) {
    return guard_.token(token) == auth::TokenAccess::kWrite;
  };
  ingest_options.find_no_room = [this](const metric::Batch& batch, std::vector<std::size_t>& no_room) {
    return series_room_->find(batch, no_room);
  };
  if (rules_)
    ingest_options.rules = [this](metric::Batch& batch, std::vector<std::size_t>& row_ends) {
      rules_->apply(batch, &row_ends);
    };
  ingest_options.lines = logs_.get();
  input_tokens_ = std::make_unique<net::LiveTokens>(tokens);
  ingest_ = std::make_unique<ingest::Server>(std::move(ingest_options), tokens, schemas_, *log_, *observer_);
  http::ServerOptions http_options = options_.http_options(options_.http_tls ? tls : nullptr);
  http_options.guard = &guard_;
  http_ = std::make_unique<http::Server>(std::move(http_options), tokens, router_);
  if (options_.oidc.on()) oidc_ = std::make_shared<oidc::Provider>(network(), options_.oidc, options_.http_public_url);
  add_routes(*this, router_);
}

Status App::open_listeners() {
  RESMON_ASSIGN(const net::Address client_address, net::parse_address(options_.listen_address));
  RESMON_ASSIGN(client_listener_,
                net::Listener::open(client_address, runtime_->all(), "clients", options_.proxying("listen.proxies")));
  RESMON_ASSIGN(const net::Address http_address, net::parse_address(options_.http_address));
  RESMON_ASSIGN(http_listener_,
                net::Listener::open(http_address, runtime_->all(), "http", options_.proxying("http.proxies")));

  auto peers = Peers::make(*this, options_.peers, runtime_->first().get_executor());
  if (!peers) return configuration_error(std::move(peers).error().wrap("peers"));
  peers_ = std::move(*peers);
  if (const sink::SinkOptions* const backend = options_.query_sink()) {
    auto database = Database::make(*this, *backend, runtime_->first().get_executor());
    if (!database) return configuration_error(std::move(database).error().wrap("query.backend"));
    database_ = std::move(*database);
  }
  inputs_ = std::make_unique<Inputs>(*this);
  std::vector<asio::any_io_executor> executors;
  for (asio::io_context* const context : runtime_->all()) executors.emplace_back(context->get_executor());
  RESMON_TRY(inputs_->open(executors, [this](std::string_view token) { return input_access(token); }));
  return {};
}

// All is there: from here on there are threads.
void App::begin() {
  if (options_.report_interval.count() > 0) {
    self_report_ = std::make_unique<SelfReport>(*this, runtime_->first(), options_.report_interval);
    self_report_->start();
  }
  pipeline_->on_refused([this](const std::string& host, std::uint64_t samples, const std::string& reason) {
    fleet_->refused(host, samples, reason);
    ingest_->notify(host, refusal_notice(samples, reason));
  });
  pipeline_->start();
  for (const SinkUnit& unit : sinks_) net::start(unit.sink->executor(), unit.sink->run());
  for (const LineSinkUnit& unit : line_sinks_) net::start(unit.sink->executor(), unit.sink->run());
  net::start(network(), watch_access());
  net::start(network(), watch_fleet());
  net::post(query_pool_.get_executor(), [this] { remember_values(*store_, *fleet_, stopping_); });
  net::start(network(), forget_schemas());
  if (alerts_) alerts_->start();
  peers_->start();
  if (database_) database_->start();
  client_listener_->start([this](asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
    ingest_->accept(std::move(socket), from);
  });
  http_listener_->start([this](asio::ip::tcp::socket socket, const asio::ip::tcp::endpoint& from) {
    // A long answer goes out piece by piece: none of them is to wait for the acknowledgement of the one before.
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    http_->accept(std::move(socket), from);
  });
  inputs_->start();
  runtime_->start();
}

// What changes in the accounts file or in the token file counts a second later: nothing has to be restarted for a
// client to come or to go.
asio::awaitable<void> App::watch_access() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  std::uint64_t accounts = guard_.version();
  while (!stopping_) {
    timer.expires_after(std::chrono::seconds(1));
    co_await net::wait(timer);
    ingest_->report_repeats();
    ingest_->end_aged();
    sign_in_refusals_.report();
    if (Status read = guard_.reload_if_changed(); !read)
      log::error("auth", "the accounts file cannot be read; the previous accounts stay in force",
                 {{"reason", read.error().message}});
    if (const std::uint64_t now = guard_.version(); std::exchange(accounts, now) != now) ingest_->check_tokens();
    auto tokens = token_file_.load_if_changed();
    if (!tokens)
      log::error("auth", "the token file cannot be read; the previous tokens stay in force",
                 {{"reason", tokens.error().message}});
    else if (*tokens) {
      log::info("auth", "the token file has changed", {{"tokens", (*tokens)->size()}});
      http_->change_tokens(**tokens);
      input_tokens_->replace(**tokens);
      ingest_->change_tokens(std::move(**tokens));
    }
  }
}

std::optional<std::string> App::input_access(std::string_view token) const {
  const net::TokenSet::Digest digest = net::TokenSet::digest(token);
  const auto tokens = input_tokens_->get();
  if (tokens->contains(digest) || guard_.token(digest) == auth::TokenAccess::kWrite) return std::string();
  std::string name = tokens->name_of(digest);
  if (name.empty()) return std::nullopt;
  return name;
}

// What changes in the list of hosts is on disk two seconds later; once a minute what is not used any more is forgotten.
asio::awaitable<void> App::watch_fleet() {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::uint64_t round = 1; !stopping_; ++round) {
    timer.expires_after(kFleetEvery);
    co_await net::wait(timer);
    const bool forget = round % kFleetForgetsEvery == 0;
    if (stopping_ || (!forget && !fleet_memory_->changed()) || fleet_kept_.exchange(true)) continue;
    net::post(query_pool_.get_executor(), [this, forget] { keep_fleet(forget); });
  }
}

void App::keep_fleet(bool forget) {
  if (forget && options_.store_retain.count() > 0)
    fleet_->forget_unused(Clock::system().wall() - std::chrono::nanoseconds(options_.store_retain).count());
  else if (forget)
    fleet_->forget_unused(INT64_MIN);
  // A measurement that was forgotten may come again with other types.
  if (forget) row_writer_->forget_types();
  fleet_memory_->save_if_changed();
  fleet_kept_ = false;
}

// Those of kind loki, and those of databases that get chosen lines, too.
Status App::make_line_sinks() {
  for (const sink::SinkOptions& given : options_.sinks) {
    const auto found = options_.sink_lines.find(given.name);
    std::string lines = found == options_.sink_lines.end() ? std::string() : found->second;
    if (lines.empty() && given.kind != "loki") continue;
    if (!logs_) {
      log::warn("sink", "no log lines are sent: logs.enabled is false, so the server stores none",
                {{"name", given.name}});
      continue;
    }
    sink::SinkOptions options = given;
    options.resend_window = {};  // lines that come twice are two lines in some databases
    if (options.kind != "loki") {
      options.name += " lines";
      options.refused_file.insert(std::min(options.refused_file.rfind('.'), options.refused_file.size()), "-lines");
    }
    LineSinkUnit unit;
    auto query = logs::Query::parse(lines == "*" ? "" : lines);
    if (!query) return fail(std::move(query).error().wrap("sink." + given.name + ".lines"));
    RESMON_ASSIGN(unit.reader, logs_->add_reader(kSinkPrefix + given.name));
    const auto executor = runtime_->first().get_executor();
    unit.source =
        std::make_unique<LineSource>(executor, *unit.reader, schemas_, std::move(*query), options.kind == "loki");
    auto made = sink::Sink::make(executor, options, schemas_, *unit.source);
    if (!made) return fail(std::move(made).error().wrap("sink." + given.name));
    unit.sink = std::move(*made);
    line_sinks_.push_back(std::move(unit));
  }
  if (!logs_) return {};
  for (const journal::ReaderStats& gone : logs_->forget_others(kSinkPrefix))
    log::warn("sink", "gets no more log lines: its backlog is dropped",
              {{"name", gone.name.substr(kSinkPrefix.size())}, {"records", gone.backlog_records}});
  return {};
}

// Schemas that no row has used for limits.schema_idle are forgotten; the sooner, the fuller their table is, so that a
// flood of new ones does not keep others out.
asio::awaitable<void> App::forget_schemas() {
  constexpr std::uint32_t kSteps = 600;  // of limits.schema_idle
  constexpr std::uint32_t kQuietSteps = 10;
  // Rows with a schema that is older than the retention are deleted, too.
  std::chrono::nanoseconds idle = options_.schema_idle;
  if (options_.store_retain.count() > 0)
    idle = std::min(idle, std::max(std::chrono::nanoseconds(options_.store_retain), kLeastSchemaIdle));
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::uint32_t step = 1; !stopping_; ++step) {
    timer.expires_after(idle / kSteps);
    co_await net::wait(timer);
    for (const SinkUnit& unit : sinks_) {
      unit.source->renew_pin();
      if (unit.rules) unit.rules->renew_pin();
    }
    for (const LineSinkUnit& unit : line_sinks_) unit.source->renew_pin();
    const bool half_full = schemas_.size() > schemas_.limit() / 2;
    const bool nearly_full = schemas_.size() > schemas_.limit() / 4 * 3;
    if (!half_full && step % kQuietSteps != 0) continue;
    const std::uint32_t idle_epochs = nearly_full ? 3 : half_full ? 20 : kSteps / kQuietSteps;
    // Three steps are shorter than many a client's interval: what the connected ones declared counts as used. They have
    // until the next step's sweep to say so.
    ingest_->keep_schemas();
    // Not on a thread of the network: a million schemas take a while.
    net::post(write_pool_.get_executor(), [this, idle_epochs] { schemas_.sweep(idle_epochs); });
  }
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
  if (store_) store_->finish_by(begin + kSealPatience, begin + kStopPatience);
  if (peers_) peers_->stop();
  if (database_) database_->stop();
  if (client_listener_) client_listener_->stop();
  if (http_listener_) http_listener_->stop();
  if (inputs_) inputs_->stop();
  if (ingest_) {
    Step step("clients told");
    ingest_->stop();
    const auto waiting = [this] { return ingest_->sessions() > 0 || (inputs_ && !inputs_->stopped()); };
    while (waiting() && steady_clock::now() - begin < kSessionPatience) std::this_thread::sleep_for(milliseconds(5));
  }
  if (log_) log_->stop();
  if (pipeline_) {
    Step step("log written to the store");
    pipeline_->stop(begin + kStorePatience);
  }
  if (alerts_) {
    Step step("alerts kept");
    alerts_->stop();
  }
  if (!sinks_.empty() || !line_sinks_.empty()) drain_sinks(begin + kSealPatience);
  if (http_) http_->stop();
  peer_pool_.join();
  query_pool_.join();  // queries see stopping_ and end
  write_pool_.join();
  password_pool_.join();
  if (runtime_) runtime_->drain(milliseconds(1000));
  close_files();
  log::info("server", "stopped", {{"seconds", std::chrono::duration<double>(steady_clock::now() - begin).count()}});
}

void App::drain_sinks(steady_clock::time_point latest) {
  Step step("sinks drained");
  for (const SinkUnit& unit : sinks_) unit.sink->stop(kSinkPatience);
  for (const LineSinkUnit& unit : line_sinks_) unit.sink->stop(kSinkPatience);
  const auto until = std::min(steady_clock::now() + kSinkPatience + milliseconds(500), latest);
  for (const SinkUnit& unit : sinks_)
    while (unit.sink->stats().state != sink::State::kStopped && steady_clock::now() < until)
      std::this_thread::sleep_for(milliseconds(5));
  for (const LineSinkUnit& unit : line_sinks_)
    while (unit.sink->stats().state != sink::State::kStopped && steady_clock::now() < until)
      std::this_thread::sleep_for(milliseconds(5));
  for (const SinkUnit& unit : sinks_)
    if (const auto left = unit.reader->stats(); left.backlog_entries > 0)
      log::info("sink", "stopped; undelivered samples stay in the journal",
                {{"sink", unit.sink->stats().name}, {"samples", left.backlog_samples}});
}

// Nothing writes any more.
void App::close_files() {
  if (fleet_memory_)
    if (Status saved = fleet_memory_->save(); !saved)
      log::error("server", "the list of hosts was not saved", {{"reason", saved.error().message}});
  if (store_) {
    Step step("store closed");
    if (Status closed = store_->close(); !closed)
      log::error("store", "did not close cleanly; the journal keeps what is not stored",
                 {{"reason", closed.error().message}});
  }
  if (log_ && pipeline_) {
    Step step("journal closed");
    pipeline_->release();
    if (Status closed = log_->close(); !closed)
      log::error("journal", "did not close cleanly", {{"reason", closed.error().message}});
  }
  if (logs_) {
    Step step("lines closed");
    if (Status closed = logs_->close(); !closed)
      log::error("logs", "did not close cleanly", {{"reason", closed.error().message}});
  }
}

}  // namespace resmon::server
