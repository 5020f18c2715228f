#include "http/router.h"

#include "base/json_text.h"

namespace resmon::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

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

Response Response::error(unsigned status, std::string_view message) {
  return json("{\"error\":" + json_string(message) + "}\n", status);
}

void Router::add(std::string method, std::string path, Access access, Handler handler, std::size_t body_limit_bytes) {
  routes_[std::move(path)][std::move(method)] = Route{access, std::move(handler), {}, body_limit_bytes};
}

void Router::add_socket(std::string path, Access access, SocketHandler handler) {
  routes_[std::move(path)]["GET"] = Route{access, {}, std::move(handler), 0};
}

void Router::set_fallback(Handler handler) {
  fallback_ = Route{Access::kOpen, std::move(handler), {}, 0};
}

const Route* Router::find(std::string_view method, std::string_view path, bool& method_not_allowed) const {
  method_not_allowed = false;
  if (const auto it = routes_.find(path); it != routes_.end()) {
    if (const auto route = it->second.find(method); route != it->second.end()) return &route->second;
    method_not_allowed = true;
    return nullptr;
  }
  if (method == "GET" && fallback_.handler) return &fallback_;
  method_not_allowed = method != "GET" && fallback_.handler != nullptr && path == "/";
  return nullptr;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

namespace {

// The value of a parameter of a header: `boundary` of `multipart/form-data; boundary="x"`. Names count in any case.
std::string_view header_parameter(std::string_view header, std::string_view name) {
  std::size_t at = header.find(';');
  while (at != std::string_view::npos) {
    std::string_view rest = header.substr(at + 1);
    while (rest.starts_with(' ') || rest.starts_with('\t')) rest.remove_prefix(1);
    const bool mine = rest.size() > name.size() && rest[name.size()] == '=' &&
                      std::equal(name.begin(), name.end(), rest.begin(), [](char a, char b) {
                        return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
                      });
    // A quoted value may have a semicolon in it.
    const std::size_t quote = rest.find('"');
    std::size_t end = rest.find(';');
    if (quote != std::string_view::npos && quote < end) {
      const std::size_t close = rest.find('"', quote + 1);
      if (close == std::string_view::npos) return {};
      if (mine && quote == name.size() + 1) return rest.substr(quote + 1, close - quote - 1);
      end = rest.find(';', close);
    }
    if (mine) {
      std::string_view value =
          rest.substr(name.size() + 1, end == std::string_view::npos ? end : end - name.size() - 1);
      while (value.ends_with(' ')) value.remove_suffix(1);
      return value;
    }
    at = end == std::string_view::npos ? end : end + static_cast<std::size_t>(rest.data() - header.data());
  }
  return {};
}

bool starts_with_any_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

}  // namespace

Parameters parse_multipart(std::string_view content_type, std::string_view body) {
  Parameters out;
  if (!starts_with_any_case(content_type, "multipart/form-data")) return out;
  const std::string_view boundary = header_parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70) return out;
  const std::string delimiter = "\r\n--" + std::string(boundary);
  // The first delimiter may begin the body.
  std::size_t at =
      body.starts_with(std::string_view(delimiter).substr(2)) ? delimiter.size() - 2 : body.find(delimiter);
  if (at == std::string_view::npos) return out;
  if (at != delimiter.size() - 2) at += delimiter.size();
  while (true) {
    std::string_view part = body.substr(at);
    if (part.starts_with("--")) return out;  // the last delimiter
    const std::size_t end = part.find(delimiter);
    if (end == std::string_view::npos || !part.starts_with("\r\n")) return out;
    const std::string_view whole = part.substr(0, end);
    at += end + delimiter.size();
    const std::size_t blank = whole.find("\r\n\r\n");
    if (blank == std::string_view::npos) continue;
    std::string_view head = whole.substr(2, blank - (blank < 2 ? blank : 2));
    while (!head.empty()) {
      const std::size_t line_end = head.find("\r\n");
      const std::string_view line = head.substr(0, line_end);
      head = line_end == std::string_view::npos ? std::string_view() : head.substr(line_end + 2);
      if (!starts_with_any_case(line, "content-disposition:")) continue;
      const std::string_view name = header_parameter(line, "name");
      if (!name.empty()) out.emplace_back(std::string(name), std::string(whole.substr(blank + 4)));
    }
  }
}

Parameters parse_form(std::string_view text) {
  Parameters out;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    out.emplace_back(percent_decode(pair.substr(0, equals), true),
                     equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1), true));
  }
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out += '"';
}

}  // namespace resmon::http
