// GET /status/NAME: what anyone may see. It is made once in kStatusFor, however many ask.

#include <map>

#include "base/mutex.h"
#include "fleet/fleet.h"
#include "host_list.h"
#include "listeners.h"
#include "net/spawn.h"
#include "options.h"
#include "routes.h"
#include "status_page.h"

namespace resmon::server {

namespace {

constexpr std::string_view kStatus = "/status/";
constexpr auto kStatusFor = std::chrono::seconds(5);

struct StatusCache {
  Mutex mutex;
  struct Made {
    std::string body;
    std::chrono::steady_clock::time_point at;
  };
  std::map<std::string, Made, std::less<>> made GUARDED_BY(mutex);  // by name, of those that are configured
};

boost::asio::awaitable<http::Response> status_page(const Options& options, const fleet::Fleet& hosts,
                                                   std::shared_ptr<StatusCache> cache,
                                                   std::shared_ptr<const http::Request> request) {
  const std::string_view name = std::string_view(request->path).substr(kStatus.size());
  const StatusPage* page = nullptr;
  for (const StatusPage& one : options.status_pages)
    if (one.name == name) page = &one;
  if (page == nullptr) co_return http::Response::error(404, "there is no page of this name");
  http::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "public, max-age=5");
  response.frame_ancestors = page->frame_ancestors;
  const MutexLock lock(cache->mutex);
  const auto now = std::chrono::steady_clock::now();
  auto at = cache->made.find(name);
  if (at == cache->made.end() || now - at->second.at >= kStatusFor)
    at = cache->made
             .insert_or_assign(page->name, StatusCache::Made{render_status_page(*page, hosts.hosts(fleet::Scope::kAll),
                                                                                Clock::system().wall()),
                                                             now})
             .first;
  response.body = at->second.body;
  co_return response;
}

}  // namespace

void add_status_routes(const Options& options, const HostList& hosts, Listeners& listeners, http::Router& router) {
  const auto cache = std::make_shared<StatusCache>();
  router.add_under("GET", std::string(kStatus), http::Access::kOpen,
                   [&options, &hosts = hosts.fleet(), &listeners, cache](std::shared_ptr<const http::Request> request) {
                     return net::run(listeners.http_workers().get_executor(),
                                     status_page(options, hosts, cache, std::move(request)));
                   });
}

}  // namespace resmon::server
