#include "durable.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>

#include "ingest/log.h"
#include "logs/store.h"
#include "net/spawn.h"
#include "row_writer.h"

namespace resmon::server {

namespace asio = boost::asio;

namespace {

constexpr auto kDurablePatience = std::chrono::seconds(10);

struct DurableWaiter {
  explicit DurableWaiter(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  bool durable = false;
};

}  // namespace

asio::awaitable<bool> wait_until_durable(ingest::Log& journal, RowWriter& writer, std::uint64_t position) {
  const auto waiter = std::make_shared<DurableWaiter>(co_await asio::this_coro::executor);
  waiter->timer.expires_after(kDurablePatience);
  journal.lane(waiter->timer.get_executor())->wait(position, [waiter] {
    waiter->durable = true;
    waiter->timer.cancel();
  });
  if (!waiter->durable) co_await net::wait(waiter->timer);
  if (waiter->durable) writer.acknowledged(position);
  co_return waiter->durable;
}

asio::awaitable<bool> wait_until_lines_durable(logs::Store& logs, std::uint64_t position) {
  const auto executor = co_await asio::this_coro::executor;
  const auto waiter = std::make_shared<DurableWaiter>(executor);
  waiter->timer.expires_after(kDurablePatience);
  logs.when_durable(position, [waiter, executor] {
    net::post(executor, [waiter] {
      waiter->durable = true;
      waiter->timer.cancel();
    });
  });
  co_await net::wait(waiter->timer);
  co_return waiter->durable;
}

}  // namespace resmon::server
