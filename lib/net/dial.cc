#include "net/dial.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>

#include "net/await.h"
#include "net/spawn.h"

namespace resmon::net {

namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr Timeout kHeadStart = std::chrono::milliseconds(250);  // RFC 8305, section 5

// The attempts at several addresses. Handlers hold it, so it outlives whoever gave up waiting.
struct Race : std::enable_shared_from_this<Race> {
  Race(asio::any_io_executor e, std::vector<tcp::endpoint> list, Timeout timeout)
      : executor(e),
        endpoints(std::move(list)),
        head_start(std::min<Timeout>(kHeadStart, timeout / static_cast<Timeout::rep>(endpoints.size() + 1))),
        next_turn(e),
        over_at(e, timeout) {}

  void begin_next() {
    if (over || next == endpoints.size()) return;
    const tcp::endpoint endpoint = endpoints[next++];
    const auto socket = std::make_shared<tcp::socket>(executor);
    sockets.push_back(socket);
    ++under_way;
    socket->async_connect(endpoint, [self = shared_from_this(), socket, endpoint](const error_code& failed) {
      self->ended(*socket, endpoint, failed);
    });
    if (next == endpoints.size()) return;
    next_turn.expires_after(head_start);
    next_turn.async_wait([self = shared_from_this()](const error_code& cancelled) {
      if (!cancelled) self->begin_next();
    });
  }

  void ended(tcp::socket& socket, const tcp::endpoint& endpoint, const error_code& failed) {
    --under_way;
    if (over) return;
    error = failed;
    if (!failed) {
      winner.emplace(std::move(socket));
      winner_endpoint = endpoint;
      finish();
    } else if (next < endpoints.size()) {
      begin_next();
    } else if (under_way == 0) {
      finish();
    }
  }

  void finish() {
    over = true;
    next_turn.cancel();
    error_code ignored;
    for (const auto& socket : sockets) socket->close(ignored);
    over_at.cancel();
  }

  const asio::any_io_executor executor;
  const std::vector<tcp::endpoint> endpoints;
  const Timeout head_start;
  asio::steady_timer next_turn;
  asio::steady_timer over_at;
  std::vector<std::shared_ptr<tcp::socket>> sockets;
  std::size_t next = 0;
  std::size_t under_way = 0;
  bool over = false;
  error_code error = asio::error::host_not_found;
  std::optional<tcp::socket> winner;
  tcp::endpoint winner_endpoint;
};

// By the C library.
asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve_by_system(Address address, Timeout timeout,
                                                                      Dialing& dialing) {
  std::vector<tcp::endpoint> endpoints;
  // Both are shared with the timer's handler, which may run after this coroutine has gone.
  const auto executor = co_await asio::this_coro::executor;
  const auto resolver = std::make_shared<tcp::resolver>(executor);
  const auto timed_out = std::make_shared<bool>(false);
  asio::steady_timer timer(executor, timeout);
  timer.async_wait([resolver, timed_out](const error_code& cancelled) {
    if (cancelled) return;
    *timed_out = true;
    resolver->cancel();
  });
  const Dialing::OnAbandon abandoned(dialing, [resolver] { resolver->cancel(); });
  auto [error, found] = co_await resolver->async_resolve(address.host, std::to_string(address.port), kAwait);
  timer.cancel();
  if (error) co_return fail(ErrorKind::kUnavailable, "resolve: " + (*timed_out ? "timed out" : error.message()));
  for (const auto& entry : found) endpoints.push_back(entry.endpoint());
  co_return endpoints;
}

asio::awaitable<Result<std::vector<tcp::endpoint>>> resolve(Address address, Timeout timeout, Dialing& dialing) {
  error_code not_numeric;
  if (const auto numeric = asio::ip::make_address(address.host, not_numeric); !not_numeric)
    co_return std::vector<tcp::endpoint>{{numeric, address.port}};
  if (dialing.names == Names::kSystem) co_return co_await resolve_by_system(address, timeout, dialing);
  const auto abandon = std::make_shared<ResolveAbandon>();
  const Dialing::OnAbandon abandoned(dialing, [abandon] { (*abandon)(); });
  auto found = co_await resolve_name(address.host, timeout, NameFiles(), abandon);
  if (!found) co_return fail(ErrorKind::kUnavailable, "resolve: " + found.error().message);
  std::vector<tcp::endpoint> endpoints;
  for (const auto& one : *found) endpoints.emplace_back(one, address.port);
  co_return endpoints;
}

}  // namespace

void Dialing::worked() {
  if (!last_) return;
  good_ = last_;
  if (bad_ == last_) bad_.reset();
}

void Dialing::failed() {
  if (!last_) return;
  bad_ = last_;
  if (good_ == last_) good_.reset();
}

std::vector<Dialing::Endpoint> Dialing::in_order(const std::vector<Endpoint>& found) const {
  std::vector<Endpoint> first, second;  // the first address's family, and the other
  for (const Endpoint& one : found) {
    auto& family = one.protocol() == found.front().protocol() ? first : second;
    if (std::find(family.begin(), family.end(), one) == family.end()) family.push_back(one);
  }
  std::vector<Endpoint> order;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) order.push_back(first[i]);
    if (i < second.size()) order.push_back(second[i]);
  }
  if (good_) std::stable_partition(order.begin(), order.end(), [&](const Endpoint& one) { return one == *good_; });
  if (bad_) std::stable_partition(order.begin(), order.end(), [&](const Endpoint& one) { return one != *bad_; });
  return order;
}

asio::awaitable<Result<tcp::socket>> dial(Address address, Timeout timeout, Dialing& dialing) {
  dialing.last_.reset();
  std::vector<tcp::endpoint> found;
  if (dialing.resolver) {
    found = dialing.resolver(address);
  } else {
    auto resolved = co_await resolve(address, timeout, dialing);
    if (!resolved) co_return fail(std::move(resolved).error());
    found = std::move(*resolved);
  }
  const auto executor = co_await asio::this_coro::executor;
  const auto race = std::make_shared<Race>(executor, dialing.in_order(found), timeout);
  {
    const Dialing::OnAbandon abandoned(dialing, [race] {
      race->error = asio::error::operation_aborted;
      race->finish();
    });
    race->begin_next();
    // Cancelled when it is over.
    if (!race->endpoints.empty()) co_await wait(race->over_at);
  }
  if (!race->over && !race->endpoints.empty()) race->error = asio::error::timed_out;
  if (!race->over) race->finish();
  if (race->winner) {
    dialing.last_ = race->winner_endpoint;
    co_return *std::move(race->winner);
  }
  co_return fail(
      ErrorKind::kUnavailable,
      "connect: " + (race->error == asio::error::timed_out ? std::string("timed out") : race->error.message()));
}

}  // namespace resmon::net
