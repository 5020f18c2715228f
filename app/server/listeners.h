#pragma once

// What listens: the clients' protocol, HTTP, and the configured inputs.

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/router.h"
#include "net/tls.h"
#include "net/token_set.h"
#include "other_doors.h"

namespace resmon::http {
class Server;
}
namespace resmon::ingest {
class Observer;
class Server;
}  // namespace resmon::ingest
namespace resmon::net {
class Listener;
}

namespace resmon::server {

class AccessControl;
class HostList;
class Inputs;
class RowIntake;
class Storage;
struct Options;

class Listeners {
 public:
  // All must outlive it; storage is open. `software`: name and version, for clients.
  Listeners(const Options& options, const std::string& software, Storage& storage, RowIntake& intake, HostList& hosts,
            AccessControl& access, const net::TokenSet& tokens, const net::TlsContext& tls);
  ~Listeners();

  http::Router& router() { return router_; }  // of all routes; until start()
  // Binds the two addresses; the error names the one that is taken. Then the inputs.
  Status open(const std::vector<boost::asio::io_context*>& contexts);
  Status open_inputs(const std::vector<boost::asio::io_context*>& contexts);
  void start();
  // Other tokens of clients from now on.
  void change_tokens(const net::TokenSet& tokens);

  // The stages of a stop, in this order.
  void stop_accepting();
  void end_sessions(std::chrono::steady_clock::time_point until);
  void stop_http();

  ingest::Server& clients() { return *clients_; }
  const ingest::Server& clients() const { return *clients_; }
  http::Server& http() { return *http_; }
  const http::Server& http() const { return *http_; }
  // For answers that take a network thread's milliseconds to put together.
  boost::asio::thread_pool& http_workers();
  const Inputs& inputs() const { return *inputs_; }
  OtherDoors& other_doors() { return other_doors_; }
  const OtherDoors& other_doors() const { return other_doors_; }
  std::uint64_t proxy_headers_refused() const;
  std::string client_address() const;  // with the real port where 0 was asked for, as http_address
  std::string http_address() const;

 private:
  const Options& options_;
  Storage& storage_;
  RowIntake& intake_;
  AccessControl& access_;
  const std::unique_ptr<ingest::Observer> observer_;
  std::unique_ptr<ingest::Server> clients_;
  http::Router router_;
  std::unique_ptr<http::Server> http_;
  std::unique_ptr<Inputs> inputs_;
  OtherDoors other_doors_;
  std::unique_ptr<net::Listener> client_listener_;
  std::unique_ptr<net::Listener> http_listener_;
};

}  // namespace resmon::server
