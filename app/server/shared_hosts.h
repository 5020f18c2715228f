#pragma once

// The list of hosts of servers that know of each other only by the database that all write to: each writes what it has
// as measurement `internal_host` (docs/schema.md), and reads what the others wrote. With `[peers]` the servers ask each
// other instead, and none of this happens.

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::server {

class App;

class SharedHosts {
 public:
  // `app` must outlive it.
  explicit SharedHosts(App& app);
  void start();
  void stop();

  // What is asked of the database next, and its answer in JSON. kInvalid: it is none. Not from several threads at once.
  std::string statement() const;
  Status take(const std::string& answer);

 private:
  void arm();
  void write();

  App& app_;
  const bool off_;  // there are peers
  std::unique_ptr<boost::asio::steady_timer> timer_;
  std::uint64_t round_ = 0;
  std::map<std::string, UnixNanos> connected_;                      // by host: since when, as it was written last
  UnixNanos answered_ = 0;                                          // when it was taken last
  std::map<std::string, UnixNanos> servers_;                        // by name: when it last wrote all of its hosts
  std::map<std::pair<std::string, std::string>, UnixNanos> taken_;  // by server and host: the newest row's time
};

}  // namespace resmon::server
