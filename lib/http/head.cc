// The heads of requests and answers: which requests are accepted, and which are refused with which status.

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "http/content_policy.h"
#include "http/server_internal.h"
#include "net/address.h"
#include "net/spawn.h"

namespace resmon::http {

namespace {

constexpr std::size_t kMostFields = 100;
constexpr std::size_t kFieldBytes = 250;  // of one in Beast's list and in a map, beside its text

// Response headers for everything: the page runs only its own scripts. What frames it, head_of says.
constexpr std::pair<const char*, const char*> kSecurityHeaders[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
};
constexpr const char* kContentPolicy = "Content-Security-Policy";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// The codings of all Transfer-Encoding lines, in lower case. Empty elements of the list do not count (RFC 9110, 5.6.1).
std::vector<std::string> codings_of(const bhttp::fields& fields) {
  std::vector<std::string> out;
  const auto range = fields.equal_range(bhttp::field::transfer_encoding);
  for (auto at = range.first; at != range.second; ++at) {
    std::string_view rest(at->value().data(), at->value().size());
    while (!rest.empty()) {
      const std::size_t end = rest.find(',');
      std::string_view one = rest.substr(0, end);
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
      while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
      while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
      if (!one.empty()) out.push_back(lower(one));
    }
  }
  return out;
}

// Lines of one name are one list (RFC 9110, 5.3).
void add_header(Request& request, std::string name, std::string_view value) {
  const std::string_view separator = name == "cookie" ? "; " : ", ";
  const auto [at, fresh] = request.headers.try_emplace(std::move(name), value);
  if (!fresh) at->second.append(separator).append(value);
}

asio::awaitable<void> call(std::function<void()> work) {
  work();
  co_return;
}

// RFC 9112, 3.2: a Host that is none is refused, so that nobody behind this server reads another one out of it. It may
// be empty, and so may its port.
bool is_authority(std::string_view text) {
  if (text.ends_with(':')) text.remove_suffix(1);
  return net::parse_address(text, 80).has_value();
}

// Without "http://" or "https://"; nothing: `target` does not begin with one.
std::optional<std::string_view> after_scheme(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (beast::iequals(target.substr(0, scheme.size()), scheme)) return target.substr(scheme.size());
  return std::nullopt;
}

}  // namespace

std::string content_policy(std::string_view script, std::string_view style, std::string_view frame_ancestors) {
  std::string out = "default-src 'none'; script-src 'self'";
  if (!script.empty()) out.append(" ").append(script);
  out.append("; style-src 'self'");
  if (!style.empty()) out.append(" ").append(style);
  out.append(
      "; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action "
      "'self'; frame-ancestors ");
  return out.append(frame_ancestors.empty() ? "'none'" : frame_ancestors);
}

void HeadParser::on_field_impl(bhttp::field name, beast::string_view text, beast::string_view value,
                               error_code& error) {
  if (++fields_ > kMostFields)
    error = bhttp::error::header_limit;
  else if (!is_header_done())  // what follows a body in chunks says nothing about the request (RFC 9110, 6.5.1)
    get().insert(name, text, value);
}

std::optional<HeadProblem> take_target(bhttp::request_header<>& head) {
  const std::string target(head.target());
  if (target.starts_with('/') || target == "*") return std::nullopt;
  const auto rest = after_scheme(target);
  if (!rest) return HeadProblem{400, "the target of a request is a path or begins with http:// or https://"};
  const std::string_view authority = rest->substr(0, rest->find_first_of("/?#"));
  if (authority.empty() || !is_authority(authority)) return HeadProblem{400, "the target of a request has a bad host"};
  const std::string_view path = rest->substr(authority.size());
  head.target(path.starts_with('/') ? std::string(path) : "/" + std::string(path));
  head.set(bhttp::field::host, authority);
  return std::nullopt;
}

std::optional<HeadProblem> problem_of(const HeadParser& parser) {
  const auto& head = parser.get();
  if (head.count(bhttp::field::host) > 1) return HeadProblem{400, "more than one Host"};
  if (head.version() >= 11 && head.count(bhttp::field::host) == 0) return HeadProblem{400, "no Host"};
  if (const std::string_view host = head[bhttp::field::host]; !host.empty() && !is_authority(host))
    return HeadProblem{400, "Host is not a host with or without a port"};
  if (head.count(bhttp::field::transfer_encoding) == 0) return std::nullopt;
  // RFC 9112, 6: what one side takes for the end of a body and another does not is how a second request is smuggled
  // in.
  if (head.count(bhttp::field::content_length) > 0)
    return HeadProblem{400, "both Transfer-Encoding and Content-Length"};
  if (head.version() < 11) return HeadProblem{400, "Transfer-Encoding is not of this version of HTTP"};
  const std::vector<std::string> codings = codings_of(head);
  for (const std::string& coding : codings)
    if (coding != "chunked") return HeadProblem{501, "unknown transfer coding: only chunked is"};
  if (codings.size() != 1 || !parser.chunked()) return HeadProblem{400, "Transfer-Encoding must be chunked, once"};
  return std::nullopt;
}

std::size_t memory_of(const bhttp::request_header<>& head) {
  std::size_t bytes = head.target().size();
  for (const auto& field : head) bytes += field.name_string().size() + field.value().size() + kFieldBytes / 2;
  return 2 * bytes;
}

Status make_request(bhttp::request<bhttp::string_body>&& raw, const std::string& peer, Request& out) {
  out.method = std::string(raw.method_string());
  out.head = out.method == "HEAD";
  if (out.head) out.method = "GET";
  for (const auto& field : raw) add_header(out, lower(field.name_string()), field.value());
  out.body = std::move(raw.body());
  out.peer = peer;
  const std::string_view target(raw.target().data(), raw.target().size());
  const std::size_t question = target.find('?');
  out.path = percent_decode(target.substr(0, question), false);
  return question == std::string_view::npos ? Status() : add_form(target.substr(question + 1), out.query);
}

std::string head_text(const bhttp::response<bhttp::string_body>& response) {
  std::string out = "HTTP/1.1 " + std::to_string(response.result_int()) + " " + std::string(response.reason()) + "\r\n";
  for (const auto& field : response) out.append(field.name_string()).append(": ").append(field.value()).append("\r\n");
  return out + "\r\n";
}

std::string chunk_of(std::string_view data) {
  char size[20];
  const int n = std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  std::string out(size, static_cast<std::size_t>(n));
  out.append(data).append("\r\n");
  return out;
}

bhttp::response<bhttp::string_body> head_of(const Response& response) {
  bhttp::response<bhttp::string_body> out(static_cast<bhttp::status>(response.status), 11);
  if (response.status != 204) out.set(bhttp::field::content_type, response.content_type);
  for (const auto& [name, value] : response.headers) out.insert(name, value);  // Set-Cookie may be there twice
  for (const auto& [name, value] : kSecurityHeaders) out.set(name, value);
  if (response.frame_ancestors.empty()) out.set("X-Frame-Options", "DENY");
  if (out.count(kContentPolicy) == 0) out.set(kContentPolicy, content_policy({}, {}, response.frame_ancestors));
  out.set(bhttp::field::vary, "Accept-Encoding");
  return out;
}

asio::awaitable<void> run_on(asio::thread_pool& pool, std::function<void()> work) {
  co_await net::run(pool.get_executor(), call(std::move(work)));
}

}  // namespace resmon::http
