#pragma once

// What a session does with samples: decodes them, leaves out what it has seen and what is not to be taken, and appends
// the rest to the log. On the session's executor.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace resmon::metric {
class Batch;
class SchemaTable;
}  // namespace resmon::metric

namespace resmon::ingest {

class Log;
class Observer;
struct Pending;
struct ServerOptions;
struct ServerStats;
struct Session;

class SampleIntake {
 public:
  // Tells a client's user of its samples.
  using Notify = std::function<void(const std::string& host, const std::string& text)>;
  // All must outlive it. While there is no room, sessions wait, until `stopping`.
  SampleIntake(const ServerOptions& options, metric::SchemaTable& schemas, Log& log, Observer& observer,
               ServerStats& stats, const std::atomic<bool>& stopping, Notify notify)
      : options_(options),
        schemas_(schemas),
        log_(log),
        observer_(observer),
        stats_(stats),
        stopping_(stopping),
        notify_(std::move(notify)) {}

  // Into the session's `pending`, also what came before an error.
  Status decode(Session& session, std::string_view payload);
  // What is pending, to the log.
  boost::asio::awaitable<Status> append(std::shared_ptr<Session> session);

 private:
  Result<bool> append_once(Session& session, Pending& pending);
  void set_aside(Session& session, const metric::Batch& rows, const std::string& reason);
  bool skip_taken(Session& session, Pending& pending);
  void drop_strays(Session& session, Pending& pending, UnixNanos received);
  void drop_what_has_no_room(Session& session, Pending& pending);
  // `rows` of it, ascending, go no further: they are set aside and counted.
  void refuse_rows(Session& session, Pending& pending, const std::vector<std::size_t>& rows, const std::string& reason);

  const ServerOptions& options_;
  metric::SchemaTable& schemas_;
  Log& log_;
  Observer& observer_;
  ServerStats& stats_;
  const std::atomic<bool>& stopping_;
  const Notify notify_;
};

}  // namespace resmon::ingest
