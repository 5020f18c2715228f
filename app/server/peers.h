#pragma once

// Other resmon servers beside this one (`[peers]`). Each is asked every peers.interval what it says of its hosts, which
// the fleet shows beside its own; queries ask for stored rows (peer_reader.h). A server answers from what it has
// itself, so no question goes further than one hop. One that does not answer is away: then nothing waits for it, and
// what it has is missing in answers, which say so.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "fleet/fleet.h"
#include "http_pool.h"
#include "row_sources.h"
#include "sink/endpoint.h"
#include "sink/http_client.h"

namespace resmon::server {

class App;

// Logs which names are at work on two servers now, or no longer.
void log_doubled(const std::vector<fleet::Doubled>& names);

struct PeerOptions {
  std::string name;
  std::vector<std::string> addresses;
  std::string token_file;
  std::string tls_ca_file;
  bool tls_verify = true;
  std::chrono::nanoseconds interval{std::chrono::seconds(2)};
  std::chrono::nanoseconds timeout{std::chrono::seconds(5)};
};

class Peers final : public RowSources {
 public:
  struct View {
    std::string address;
    std::string shown;       // its name, or else its address
    bool away = true;        // it does not answer
    std::string reason;      // why; empty: it is there
    UnixNanos answered = 0;  // its last answer; 0: none yet
    std::uint64_t asked = 0;
    std::uint64_t failed = 0;
  };

  // kInvalid: an address or the CA file cannot be used. `app` must outlive it.
  static Result<std::unique_ptr<Peers>> make(App& app, const PeerOptions& options,
                                             boost::asio::any_io_executor executor);
  void start();
  void stop();  // questions under way end soon

  const std::string& own_name() const { return own_name_; }
  std::uint64_t instance() const { return instance_; }
  // But this server itself, which may be among the addresses. Any thread, as all that follows.
  std::vector<View> views() const;
  std::vector<std::size_t> present() const override;
  std::string shown(std::size_t peer) const override;
  std::string lacking() const override;
  // These block for twice peers.timeout at most.
  Result<Catalog> catalog(std::size_t peer, const std::string& measurement) override;
  Result<peer::Page> rows(std::size_t peer, const peer::RowsRequest& request,
                          const peer::CatalogAnswer& catalog) override;

 private:
  struct Link {
    explicit Link(std::string given) : address(std::move(given)) {}
    const std::string address;
    sink::Url url;
    std::unique_ptr<sink::Transport> poll;
    std::unique_ptr<HttpPool> pool;
    // Guarded by mutex_.
    std::map<std::string, Catalog> catalogs;
    std::string name;
    std::string authorization;
    std::string reason = "it has not answered yet";
    bool self = false;
    int failures = 2;  // in a row; two are enough
    UnixNanos answered = 0;
    std::uint64_t instance = 0;
    std::uint64_t version = 0;
    std::uint64_t asked = 0;
    std::uint64_t failed = 0;
  };
  Peers(App& app, PeerOptions options, boost::asio::any_io_executor executor);
  Result<std::unique_ptr<sink::Transport>> connect(const Link& link) const;
  Result<std::string> ask(std::size_t peer, std::string target, std::string body);
  boost::asio::awaitable<void> watch(Link& link);
  sink::HttpRequest hosts_request(Link& link);
  boost::asio::awaitable<void> take(Link& link, Result<sink::HttpAnswer> answer);
  Status take_hosts(Link& link, const std::string& body);
  void note_failure(Link& link, const std::string& reason);
  std::string shown(const Link& link) const REQUIRES(mutex_);

  App& app_;
  const PeerOptions options_;
  const boost::asio::any_io_executor executor_;
  const std::string own_name_;
  const std::uint64_t instance_;
  std::deque<Link> links_;
  mutable Mutex mutex_;
};

}  // namespace resmon::server
