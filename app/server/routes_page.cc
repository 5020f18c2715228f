#include <algorithm>

#include "http/content_policy.h"
#include "routes.h"
#include "web/assets.h"

namespace resmon::server {

namespace {

boost::asio::awaitable<http::Response> page(std::shared_ptr<const http::Request> request) {
  const auto assets = web::assets();
  const auto it =
      std::find_if(assets.begin(), assets.end(), [&](const web::Asset& a) { return a.path == request->path; });
  if (it == assets.end()) co_return http::Response::error(404, "not found: " + request->path);
  http::Response response;
  response.content_type = it->content_type;
  response.headers.emplace_back("ETag", it->etag);
  response.headers.emplace_back("Cache-Control",
                                it->immutable ? web::kImmutableCacheControl : web::kRevalidateCacheControl);
  if (!it->inline_script.empty() || !it->inline_style.empty())
    response.headers.emplace_back("Content-Security-Policy",
                                  http::content_policy(it->inline_script, it->inline_style, {}));
  if (request->header("if-none-match") == it->etag) {
    response.status = 304;
    co_return response;
  }
  response.body.assign(reinterpret_cast<const char*>(it->gzip_body.data()), it->gzip_body.size());
  response.already_gzip = true;
  co_return response;
}

}  // namespace

void add_page_routes(http::Router& router) {
  router.set_fallback(page);
}

}  // namespace resmon::server
