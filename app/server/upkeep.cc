#include "upkeep.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "access_control.h"
#include "base/clock.h"
#include "host_list.h"
#include "ingest/server.h"
#include "listeners.h"
#include "metric/schema.h"
#include "net/spawn.h"
#include "row_writer.h"
#include "sinks.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr auto kAccessEvery = std::chrono::seconds(1);
constexpr auto kFleetEvery = std::chrono::seconds(2);
constexpr std::uint64_t kFleetForgetsEvery = 30;
constexpr std::chrono::nanoseconds kLeastSchemaIdle = std::chrono::minutes(1);
constexpr std::uint32_t kQuietSteps = 10;

}  // namespace

asio::awaitable<void> watch_access(AccessControl& access, Listeners& listeners, const std::atomic<bool>& stopping) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!stopping) {
    timer.expires_after(kAccessEvery);
    co_await net::wait(timer);
    listeners.clients().report_repeats();
    listeners.clients().end_aged();
    const AccessControl::Changes changes = access.read_changes();
    if (changes.accounts) listeners.clients().check_tokens();
    if (changes.tokens) listeners.change_tokens(*changes.tokens);
  }
}

asio::awaitable<void> watch_hosts(HostList& hosts, RowWriter& writer, asio::thread_pool& pool,
                                  const std::atomic<bool>& stopping) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::uint64_t round = 1; !stopping; ++round) {
    timer.expires_after(kFleetEvery);
    co_await net::wait(timer);
    const bool forget = round % kFleetForgetsEvery == 0;
    if (stopping || !hosts.begin_keeping(forget)) continue;
    net::post(pool.get_executor(), [&hosts, &writer, forget] {
      if (forget) {
        hosts.forget_unused(Clock::system().wall());
        writer.forget_types();  // a measurement that was forgotten may come again with other types
      }
      hosts.keep();
    });
  }
}

asio::awaitable<void> forget_schemas(metric::SchemaTable& schemas, Sinks& sinks, ingest::Server& clients,
                                     asio::thread_pool& pool, std::chrono::nanoseconds idle,
                                     const std::atomic<bool>& stopping) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::uint32_t step = 1; !stopping; ++step) {
    timer.expires_after(idle / kSchemaSteps);
    co_await net::wait(timer);
    sinks.renew_pins();
    const auto epochs = epochs_to_keep(schemas.size(), schemas.limit(), step);
    if (!epochs) continue;
    // Three steps are shorter than many a client's interval: what the connected ones declared counts as used. They have
    // until the next step's sweep to say so.
    clients.keep_schemas();
    // Not on a thread of the network: a million schemas take a while.
    net::post(pool.get_executor(), [&schemas, keep = *epochs] { schemas.sweep(keep); });
  }
}

std::chrono::nanoseconds schema_patience(std::chrono::nanoseconds idle, std::chrono::nanoseconds retain) {
  return retain.count() > 0 ? std::min(idle, std::max(retain, kLeastSchemaIdle)) : idle;
}

std::optional<std::uint32_t> epochs_to_keep(std::size_t schemas, std::size_t limit, std::uint32_t step) {
  if (schemas > limit / 4 * 3) return 3;
  if (schemas > limit / 2) return 20;
  if (step % kQuietSteps != 0) return std::nullopt;
  return kSchemaSteps / kQuietSteps;
}

}  // namespace resmon::server
