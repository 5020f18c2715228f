#pragma once

// The server, put together: started in order, stopped in reverse, each step timed in the log.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/fair_queue.h"
#include "auth/guard.h"
#include "base/refusal_log.h"
#include "base/result.h"
#include "http/router.h"
#include "metric/schema.h"
#include "net/tls.h"
#include "net/token_set.h"
#include "options.h"
#include "other_doors.h"
#include "query_helpers.h"
#include "routes_query.h"

namespace resmon::fleet {
class Fleet;
}
namespace resmon::http {
class Server;
}
namespace resmon::ingest {
class Log;
class LogReader;
class Observer;
class Server;
}  // namespace resmon::ingest
namespace resmon::journal {
class Reader;
}
namespace resmon::logs {
class Store;
}
namespace resmon::net {
class Listener;
class Runtime;
}  // namespace resmon::net
namespace resmon::oidc {
class Provider;
}
namespace resmon::sink {
class Sink;
}
namespace resmon::store {
class Store;
}

namespace resmon::server {

class Alerts;
class Database;
class DatabaseNames;
class FleetMemory;
class Inputs;
class LineSource;
class LogSource;
class Peers;
class Pipeline;
class RowWriter;
class RuleSource;
class Rules;
class SelfReport;
class SeriesRoom;
class SetAside;

struct SinkUnit {
  ingest::LogReader* reader = nullptr;
  std::unique_ptr<LogSource> source;
  std::unique_ptr<RuleSource> rules;  // null: it has none
  std::unique_ptr<sink::Sink> sink;
};

// Of log lines.
struct LineSinkUnit {
  journal::Reader* reader = nullptr;
  std::unique_ptr<LineSource> source;
  std::unique_ptr<sink::Sink> sink;
};

// One that was configured before this start: what the journal kept for it is given up.
struct RemovedSink {
  std::string name;
  std::uint64_t backlog_entries = 0;
};

class App {
 public:
  App(const Options& options, std::string version);
  ~App();

  // kUnavailable or kDenied: a port that is taken, a store that another process has; the message names it.
  Status start();
  // Until SIGTERM or SIGINT; a second one ends at once.
  void wait();
  void stop();

  // Read by the routes.
  const Options& options() const { return options_; }
  const std::string& version() const { return version_; }
  double uptime_seconds() const;
  const store::Store& store() const { return *store_; }
  const fleet::Fleet& fleet() const { return *fleet_; }
  fleet::Fleet& mutable_fleet() { return *fleet_; }
  FleetMemory& fleet_memory() { return *fleet_memory_; }
  const ingest::Log& log() const { return *log_; }
  const ingest::Server& ingest() const { return *ingest_; }
  ingest::Server& ingest() { return *ingest_; }
  const http::Server& http() const { return *http_; }
  std::uint64_t proxy_headers_refused() const;
  // REQUIRES: alerts.enabled
  Alerts& alerts() const { return *alerts_; }
  // An executor for work of its own.
  boost::asio::any_io_executor network();
  const Pipeline& pipeline() const { return *pipeline_; }
  Pipeline& pipeline() { return *pipeline_; }
  logs::Store* logs() { return logs_.get(); }  // null: lines are not kept
  const logs::Store* logs() const { return logs_.get(); }
  RowWriter& row_writer() { return *row_writer_; }
  const Inputs& inputs() const { return *inputs_; }
  const std::vector<SinkUnit>& sinks() const { return sinks_; }
  const Rules* rules() const { return rules_.get(); }  // null: there are none
  const std::vector<LineSinkUnit>& line_sinks() const { return line_sinks_; }
  const std::vector<RemovedSink>& removed_sinks() const { return removed_sinks_; }
  metric::SchemaTable& schemas() { return schemas_; }
  const metric::SchemaTable& schemas() const { return schemas_; }
  ingest::Log& mutable_log() { return *log_; }
  SetAside& set_aside() { return *ingest_refused_; }
  const DatabaseNames& database_names() const { return *database_names_; }
  const net::TokenFile& token_file() const { return token_file_; }
  Queries& queries() { return queries_; }
  const Queries& queries() const { return queries_; }
  Peers& peers() { return *peers_; }
  const Peers& peers() const { return *peers_; }
  // Of query.backend; null: there is none.
  Database* database() { return database_.get(); }
  // The first reason, for people, why the list of all servers' hosts lacks something; empty: none.
  std::string lacking() const;
  // For other servers' questions about rows, which wait for no other server.
  boost::asio::thread_pool& peer_pool() { return peer_pool_; }
  boost::asio::thread_pool& query_pool() { return query_pool_; }
  const QueryHelpers& query_helpers() const { return query_helpers_; }
  // For answers that take a network thread's milliseconds to put together.
  boost::asio::thread_pool& http_workers();
  boost::asio::thread_pool& write_pool() { return write_pool_; }
  boost::asio::thread_pool& password_pool() { return password_pool_; }
  auth::FairQueue& password_queue() { return password_queue_; }
  RefusalLog& sign_in_refusals() { return sign_in_refusals_; }
  auth::Guard& guard() { return guard_; }
  const auth::Guard& guard() const { return guard_; }
  const std::shared_ptr<oidc::Provider>& oidc() const { return oidc_; }  // null: only local users
  const std::atomic<bool>& stopping() const { return stopping_; }
  OtherDoors& other_doors() { return other_doors_; }
  const OtherDoors& other_doors() const { return other_doors_; }

 private:
  // The stages of start(), in its order.
  Status open_store();
  void open_fleet();
  Status open_logs();
  Status make_writers();
  Status make_sinks();
  Status make_line_sinks();
  Status make_alerts();
  void forget_removed_sinks();
  void make_servers(const net::TokenSet& tokens, const net::TlsContext& tls);
  Status open_listeners();
  void begin();
  // The last stages of stop().
  void drain_sinks(std::chrono::steady_clock::time_point latest);
  void close_files();

  boost::asio::awaitable<void> watch_access();
  std::optional<std::string> input_access(std::string_view token) const;
  boost::asio::awaitable<void> watch_fleet();
  void keep_fleet(bool forget);
  boost::asio::awaitable<void> forget_schemas();

  Options options_;
  const std::string version_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  // First: sockets and timers of all that follows live in its contexts. Its threads end before, in ~App.
  std::unique_ptr<net::Runtime> runtime_;
  metric::SchemaTable schemas_;
  std::unique_ptr<ingest::Log> log_;
  std::unique_ptr<SetAside> ingest_refused_;
  std::unique_ptr<SetAside> store_refused_;
  Queries queries_;
  std::unique_ptr<DatabaseNames> database_names_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<SeriesRoom> series_room_;
  std::unique_ptr<logs::Store> logs_;
  std::unique_ptr<Rules> rules_;  // null: there are none
  std::unique_ptr<RowWriter> row_writer_;
  std::unique_ptr<Inputs> inputs_;
  std::unique_ptr<net::LiveTokens> input_tokens_;
  std::unique_ptr<fleet::Fleet> fleet_;
  std::unique_ptr<FleetMemory> fleet_memory_;
  std::atomic<bool> fleet_kept_{false};  // keep_fleet is under way
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<ingest::Observer> observer_;
  std::unique_ptr<ingest::Server> ingest_;
  auth::Guard guard_;
  std::shared_ptr<oidc::Provider> oidc_;
  net::TokenFile token_file_;
  http::Router router_;
  std::unique_ptr<http::Server> http_;
  std::vector<SinkUnit> sinks_;
  std::vector<LineSinkUnit> line_sinks_;
  std::vector<RemovedSink> removed_sinks_;
  std::unique_ptr<Alerts> alerts_;  // none when they are off
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<Database> database_;
  boost::asio::thread_pool peer_pool_{2};
  boost::asio::thread_pool query_pool_;
  const QueryHelpers query_helpers_;
  boost::asio::thread_pool write_pool_{1};     // line protocol, KILL QUERY: never waits behind a query
  boost::asio::thread_pool password_pool_{1};  // hashing is slow on purpose; one at a time bounds its memory
  RefusalLog sign_in_refusals_{"auth"};
  auth::FairQueue password_queue_{128, 2};  // what waits for it
  std::atomic<bool> stopping_{false};
  OtherDoors other_doors_;
  std::unique_ptr<SelfReport> self_report_;  // none when it is off
  std::unique_ptr<net::Listener> client_listener_;
  std::unique_ptr<net::Listener> http_listener_;
};

}  // namespace resmon::server
