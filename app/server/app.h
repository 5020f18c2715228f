#pragma once

// The server, put together: started in order, stopped in reverse, each step timed in the log. Each part owns what it is
// about; this has the order, and who gets which part.

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "base/result.h"

namespace resmon::net {
class Runtime;
}

namespace resmon::server {

class AccessControl;
class Alerts;
class Database;
class HostList;
class Listeners;
class Peers;
class RowIntake;
class SelfReport;
class Sinks;
class Storage;
class WorkPools;
struct Options;
struct Queries;

class App {
 public:
  App(const Options& options, std::string version);  // `options` must outlive it
  ~App();

  // kUnavailable or kDenied: a port that is taken, a store that another process has; the message names it.
  Status start();
  // Until SIGTERM or SIGINT; a second one ends at once.
  void wait();
  // REQUIRES: start() succeeded.
  void stop();

  const Options& options() const { return options_; }
  const std::string& version() const { return version_; }
  double uptime_seconds() const;
  const std::atomic<bool>& stopping() const { return stopping_; }
  // An executor for work of its own.
  boost::asio::any_io_executor network();
  // The first reason, for people, why the list of all servers' hosts lacks something; empty: none.
  std::string lacking() const;

  // The parts. All are there once start() makes the routes, but where it says so.
  Storage& storage() { return *storage_; }
  const Storage& storage() const { return *storage_; }
  Queries& queries() { return *queries_; }
  const Queries& queries() const { return *queries_; }
  HostList& hosts() { return *hosts_; }
  const HostList& hosts() const { return *hosts_; }
  RowIntake& intake() { return *intake_; }
  const RowIntake& intake() const { return *intake_; }
  AccessControl& access() { return *access_; }
  const AccessControl& access() const { return *access_; }
  Listeners& listeners() { return *listeners_; }
  const Listeners& listeners() const { return *listeners_; }
  const Sinks& sinks() const { return *sinks_; }
  // REQUIRES: alerts.enabled
  Alerts& alerts() const { return *alerts_; }
  // These two after the listeners' addresses are bound.
  Peers& peers() { return *peers_; }
  const Peers& peers() const { return *peers_; }
  Database* database() { return database_.get(); }  // of query.backend; null: there is none
  WorkPools& pools() { return *pools_; }

 private:
  // Stages of start().
  Status make_alerts();
  Status make_peers();
  void begin();

  const Options& options_;
  const std::string version_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::atomic<bool> stopping_{false};
  // First: sockets and timers of all that follows live in its contexts. Its threads end before, in ~App.
  std::unique_ptr<net::Runtime> runtime_;
  // Each uses those above it.
  const std::unique_ptr<Storage> storage_;
  const std::unique_ptr<Queries> queries_;
  std::unique_ptr<HostList> hosts_;
  std::unique_ptr<RowIntake> intake_;
  const std::unique_ptr<AccessControl> access_;
  std::unique_ptr<Listeners> listeners_;
  std::unique_ptr<Sinks> sinks_;
  std::unique_ptr<Alerts> alerts_;  // none when they are off
  std::unique_ptr<Peers> peers_;
  std::unique_ptr<Database> database_;
  // After those that its threads work for: it ends before them.
  const std::unique_ptr<WorkPools> pools_;
  std::unique_ptr<SelfReport> self_report_;  // none when it is off
};

}  // namespace resmon::server
