// The processes of a host, as they are now: its client is asked over the connection that it has here, for each request
// anew, so that nobody who does not look costs anything.

#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "http/server.h"
#include "ingest/server.h"
#include "json.h"
#include "listeners.h"
#include "net/spawn.h"
#include "options.h"
#include "routes.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::string_view kHostsPath = "/api/v1/hosts/";
constexpr std::string_view kProcessesPath = "/processes";
constexpr auto kPatience = std::chrono::seconds(10);

// What one request waits for; on its own executor.
struct Waiting {
  explicit Waiting(const asio::any_io_executor& executor) : timer(executor) {}
  asio::steady_timer timer;
  std::optional<Result<wire::ProcessList>> list;
};

std::string to_json(const wire::ProcessRow& row) {
  JsonObject out;
  out.number("pid", row.id)
      .text("state", std::string_view(&row.state, 1))
      .text("user", row.user)
      .text("name", row.name)
      .text("command_line", row.command_line)
      .text("systemd_unit", row.service)
      .text("container", row.container)
      .decimal("cpu_percent", static_cast<double>(row.cpu_hundredths) / 100, 2)
      .number("memory_bytes", row.resident_bytes)
      .number("threads", row.threads)
      .number("age_seconds", row.age_seconds);
  const auto rate = [&](const char* name, const std::optional<std::uint64_t>& value) {
    out.raw(name, value ? std::to_string(*value) : "null");
  };
  rate("read_bytes_per_second", row.read_bytes_per_second);
  rate("written_bytes_per_second", row.written_bytes_per_second);
  return out.finish();
}

http::Response answer(const std::string& host, const wire::ProcessList& list) {
  if (!list.refusal.empty()) return http::Response::error(409, list.refusal);
  std::string rows = "[";
  for (const wire::ProcessRow& row : list.rows) rows += (rows.size() > 1 ? "," : "") + to_json(row);
  return http::Response::json(JsonObject()
                                  .text("host", host)
                                  .number("time", Clock::system().wall() / 1'000'000)
                                  .number("total", list.total)
                                  .raw("processes", rows + "]")
                                  .finish() +
                              "\n");
}

asio::awaitable<http::Response> processes(const Options& options, Listeners& listeners,
                                          std::shared_ptr<const http::Request> request) {
  std::string name = request->path.substr(kHostsPath.size());
  if (!name.ends_with(kProcessesPath)) {
    if (name.find('/') == std::string::npos) co_return http::Response::error(405, "method not allowed");
    co_return http::Response::error(404, "no such path");
  }
  name.resize(name.size() - kProcessesPath.size());
  const std::string& who = options.processes;
  if (who == "nobody") co_return http::Response::error(403, "http.processes is \"nobody\" on this server");
  if (who != "readers" && !listeners.http().allowed(*request, http::Access::kAdmin))
    co_return http::Response::error(403, "the processes of a host are for administrators: sign in as one");
  const auto waiting = std::make_shared<Waiting>(co_await asio::this_coro::executor);
  listeners.clients().ask_processes(name, [waiting](Result<wire::ProcessList> list) {
    auto shared = std::make_shared<Result<wire::ProcessList>>(std::move(list));
    net::post(waiting->timer.get_executor(), [waiting, shared] {
      waiting->list = std::move(*shared);
      waiting->timer.cancel();
    });
  });
  waiting->timer.expires_after(kPatience);
  while (!waiting->list && waiting->timer.expiry() > std::chrono::steady_clock::now() && !request->gone->load())
    co_await net::wait(waiting->timer);
  if (!waiting->list) co_return http::Response::error(504, "its client did not answer within 10 s");
  if (*waiting->list) co_return answer(name, **waiting->list);
  const Error& error = waiting->list->error();
  co_return http::Response::error(error.kind == ErrorKind::kNotFound ? 404 : 503, error.message);
}

}  // namespace

void add_process_routes(const Options& options, Listeners& listeners, http::Router& router) {
  router.add_under("GET", std::string(kHostsPath), http::Access::kRead,
                   [&options, &listeners](std::shared_ptr<const http::Request> request) {
                     return processes(options, listeners, std::move(request));
                   });
}

}  // namespace resmon::server
