#pragma once

// What is done again and again while the server runs. Each of these is a coroutine that ends when `stopping`; all that
// is given must outlive its executor's threads.

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace resmon::ingest {
class Server;
}
namespace resmon::metric {
class SchemaTable;
}

namespace resmon::server {

class AccessControl;
class HostList;
class Listeners;
class RowWriter;
class Sinks;

// What changes in the accounts file or in the token file counts a second later: nothing has to be restarted for a
// client to come or to go.
boost::asio::awaitable<void> watch_access(AccessControl& access, Listeners& listeners,
                                          const std::atomic<bool>& stopping);

// What changes in the list of hosts is on disk two seconds later; once a minute what is not used any more is forgotten.
boost::asio::awaitable<void> watch_hosts(HostList& hosts, RowWriter& writer, boost::asio::thread_pool& pool,
                                         const std::atomic<bool>& stopping);

// Schemas that no row has used for `idle` are forgotten; the sooner, the fuller their table is, so that a flood of new
// ones does not keep others out.
boost::asio::awaitable<void> forget_schemas(metric::SchemaTable& schemas, Sinks& sinks, ingest::Server& clients,
                                            boost::asio::thread_pool& pool, std::chrono::nanoseconds idle,
                                            const std::atomic<bool>& stopping);

// The decisions of forget_schemas.

inline constexpr std::uint32_t kSchemaSteps = 600;  // of the idle time
// How long a schema may be idle: limits.schema_idle, but rows that are older than the retention (0: none) are deleted,
// too.
std::chrono::nanoseconds schema_patience(std::chrono::nanoseconds idle, std::chrono::nanoseconds retain);
// After `step`, which counts from 1: for how many sweeps a schema may be idle that stays; none: no sweep now.
std::optional<std::uint32_t> epochs_to_keep(std::size_t schemas, std::size_t limit, std::uint32_t step);

}  // namespace resmon::server
