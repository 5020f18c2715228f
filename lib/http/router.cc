#include "http/router.h"

#include <algorithm>

#include "base/json_text.h"

namespace resmon::http {

std::string_view Request::parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return {};
}

bool Request::has_parameter(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return true;
  return false;
}

std::string_view Request::peer_address() const {
  std::string_view address = std::string_view(peer).substr(0, peer.rfind(':'));
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  return address;
}

std::string_view Request::header(std::string_view lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? std::string_view() : std::string_view(it->second);
}

std::string_view Request::cookie(std::string_view name) const {
  for (std::string_view rest = header("cookie"); !rest.empty();) {
    const std::size_t end = rest.find(';');
    std::string_view one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=')
      return one.substr(name.size() + 1);
  }
  return {};
}

Response Response::error(unsigned status, std::string_view message) {
  return json("{\"error\":" + json_string(message) + "}\n", status);
}

void Router::add(std::string method, std::string path, Access access, Handler handler, std::size_t body_limit_bytes,
                 Body body) {
  routes_[std::move(path)][std::move(method)] = Route{access, std::move(handler), {}, body_limit_bytes, body};
}

void Router::add_under(std::string method, std::string prefix, Access access, Handler handler) {
  under_[std::move(prefix)][std::move(method)] = Route{access, std::move(handler), {}};
}

void Router::add_socket(std::string path, Access access, SocketHandler handler) {
  routes_[std::move(path)]["GET"] = Route{access, {}, std::move(handler), 0, Body::kData};
}

void Router::set_fallback(Handler handler) {
  fallback_ = Route{Access::kOpen, std::move(handler), {}, 0, Body::kData};
}

const Route* Router::find(std::string_view method, std::string_view path, bool& method_not_allowed) const {
  method_not_allowed = false;
  auto it = routes_.find(path);
  if (it == routes_.end()) {
    it = std::find_if(under_.begin(), under_.end(), [&](const auto& under) {
      return path.size() > under.first.size() && path.starts_with(under.first);
    });
    if (it == under_.end()) it = routes_.end();
  }
  if (it != routes_.end()) {
    if (const auto route = it->second.find(method); route != it->second.end()) return &route->second;
    method_not_allowed = true;
    return nullptr;
  }
  if (method == "GET" && fallback_.handler) return &fallback_;
  method_not_allowed = method != "GET" && fallback_.handler != nullptr && path == "/";
  return nullptr;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out += '"';
}

}  // namespace resmon::http
