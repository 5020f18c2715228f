#pragma once

// The database that `query.backend` names: one that all servers write to and that answers InfluxQL. Queries read their
// rows from there (peer_reader.h), and from the own store only what may not have been delivered yet (undelivered.h).
// One that does not answer is away: then queries read the servers' own stores, and say so.
//
// It is asked every two seconds what other servers say of their hosts (shared_hosts.h), so it is known early that it is
// away.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http_pool.h"
#include "row_sources.h"
#include "shared_hosts.h"
#include "sink/endpoint.h"
#include "sink/options.h"
#include "undelivered.h"

namespace resmon::server {

class App;

class Database final : public RowSources {
 public:
  // kInvalid: the sink's address, secrets or CA file cannot be used. `app` must outlive it. Before the pipeline starts.
  static Result<std::unique_ptr<Database>> make(App& app, const sink::SinkOptions& options,
                                                boost::asio::any_io_executor executor);
  void start();
  void stop();  // questions under way end soon

  // From when on the own store has rows that the database may not have. Any thread.
  UnixNanos bridge_from();
  bool away() const;

  std::vector<std::size_t> present() const override;
  std::string shown(std::size_t) const override { return "the database of " + name_; }
  std::string lacking() const override;
  Result<Catalog> catalog(std::size_t, const std::string& measurement) override;
  Result<peer::Page> rows(std::size_t, const peer::RowsRequest& request, const peer::CatalogAnswer& catalog) override;

 private:
  struct Known {
    Catalog catalog;
    std::chrono::steady_clock::time_point asked;
  };
  Database(App& app, const sink::SinkOptions& options, sink::Endpoint endpoint, boost::asio::any_io_executor executor);
  Result<std::unique_ptr<sink::Transport>> connect() const;
  sink::HttpRequest request_of(const std::string& statement) const;
  Result<std::string> ask(const std::string& statement);
  Result<peer::CatalogAnswer> read_catalog(const std::string& measurement);
  boost::asio::awaitable<void> watch();
  boost::asio::awaitable<void> take(Result<sink::HttpAnswer> answer);
  void note(const Status& answered);

  App& app_;
  const sink::SinkOptions options_;
  const sink::Endpoint endpoint_;
  const std::string name_;  // "sink.NAME"
  const boost::asio::any_io_executor executor_;
  HttpPool pool_;
  std::unique_ptr<sink::Transport> poll_;
  SharedHosts hosts_;
  Undelivered undelivered_;
  mutable Mutex mutex_;
  std::map<std::string, Known> catalogs_ GUARDED_BY(mutex_);
  std::string reason_ GUARDED_BY(mutex_) = "it has not answered yet";
  bool asked_ GUARDED_BY(mutex_) = false;
  int failures_ GUARDED_BY(mutex_);  // in a row
};

}  // namespace resmon::server
