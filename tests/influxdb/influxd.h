#pragma once

#include <sys/types.h>

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <utility>

namespace resmon::tests {

// A real influxd 1.x in a scratch folder on free ports of the loopback.
class Influxd {
 public:
  // `auth`: requests need a user; the first one made is the administrator.
  explicit Influxd(bool auth = false);
  ~Influxd();
  Influxd(const Influxd&) = delete;
  Influxd& operator=(const Influxd&) = delete;

  static bool installed();

  // Starts it and waits until it answers; false when it does not. Stopped with SIGKILL; data stays for the next start.
  bool start();
  void kill();

  std::string url() const { return "http://127.0.0.1:" + std::to_string(http_port_); }
  // Status and body of an answer; status 0: no connection.
  std::pair<int, std::string> request(const std::string& method, const std::string& target,
                                      const std::string& body = "");
  // The answer's JSON, times in nanoseconds.
  boost::json::value query(const std::string& database, const std::string& statement, const std::string& user = "");
  // The first series' rows; empty where there are none.
  boost::json::array rows(const std::string& database, const std::string& statement);

 private:
  const bool auth_;
  std::string folder_;
  std::uint16_t http_port_ = 0;
  std::uint16_t rpc_port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace resmon::tests
