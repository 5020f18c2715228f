#pragma once

// HELLO: who may come in, and whose stream it is.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string_view>

#include "base/result.h"
#include "net/token_set.h"
#include "wire/samples.h"

namespace resmon::metric {
class SchemaTable;
}

namespace resmon::ingest {

class Crowd;
class Log;
class SessionTable;
struct ServerOptions;
struct ServerStats;
struct Session;

class Greeter {
 public:
  // All must outlive it.
  Greeter(const ServerOptions& options, net::TokenSet tokens, metric::SchemaTable& schemas, Log& log,
          SessionTable& table, Crowd& crowd, ServerStats& stats, const std::atomic<bool>& stopping)
      : options_(options),
        tokens_(std::move(tokens)),
        schemas_(schemas),
        log_(log),
        table_(table),
        crowd_(crowd),
        stats_(stats),
        stopping_(stopping) {}

  // Until the client has WELCOME. Where it fails the session may have a code to refuse it with.
  boost::asio::awaitable<Status> greet(std::shared_ptr<Session> session);
  // Any thread.
  net::Admission admission(const net::TokenSet::Digest& token, std::string_view host) const;
  void change_tokens(net::TokenSet tokens) { tokens_.replace(std::move(tokens)); }

 private:
  boost::asio::awaitable<Result<wire::Hello>> read_hello(std::shared_ptr<Session> session);
  Status admit(Session& session, const wire::Hello& hello);
  void note_clock(Session& session, const wire::Hello& hello);
  void make_decoder(Session& session, const wire::Hello& hello);
  boost::asio::awaitable<Status> greet_lines(std::shared_ptr<Session> session, const wire::Hello& hello);
  wire::Welcome welcome(std::uint64_t acknowledged) const;

  const ServerOptions& options_;
  net::LiveTokens tokens_;
  metric::SchemaTable& schemas_;
  Log& log_;
  SessionTable& table_;
  Crowd& crowd_;
  ServerStats& stats_;
  const std::atomic<bool>& stopping_;
};

}  // namespace resmon::ingest
