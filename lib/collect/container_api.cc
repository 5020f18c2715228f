#include "collect/container_api.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "procfs/scan.h"

namespace resmon::collect {

namespace {

namespace json = boost::json;

constexpr std::size_t kListBytes = 8U << 20U;
constexpr std::size_t kDetailsBytes = 1U << 20U;
constexpr std::size_t kMostEventBytes = 1U << 20U;  // of one look
constexpr std::size_t kHeadBytes = 64U << 10U;
constexpr std::size_t kIdLength = 64;
constexpr std::size_t kMostPorts = 16;
constexpr ::timeval kCallPatience{5, 0};
constexpr std::chrono::seconds kAnswerPatience{10};
constexpr std::chrono::hours kAskAllAgain{1};  // should an event have been missed
// {"type":["container"],"event":[…]}: without those of each health check (exec_create …).
constexpr const char* kEventsTarget =
    "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22start%22%2C%22die%22%2C"
    "%22stop%22%2C%22pause%22%2C%22unpause%22%2C%22rename%22%2C%22destroy%22%2C%22oom%22%2C%22update%22%2C"
    "%22health_status%22%5D%7D";

bool is_hexadecimal(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool is_container_id(std::string_view text) {
  return text.size() == kIdLength && std::all_of(text.begin(), text.end(), is_hexadecimal);
}

const json::value* member(const json::value& object, std::string_view name) {
  const json::object* const members = object.if_object();
  return members == nullptr ? nullptr : members->if_contains(name);
}
std::string text_of(const json::value& object, std::string_view name) {
  const json::value* const found = member(object, name);
  const json::string* const text = found == nullptr ? nullptr : found->if_string();
  return text != nullptr && procfs::is_name(std::string_view(*text)) ? std::string(*text) : std::string();
}
std::int64_t number_of(const json::value& object, std::string_view name) {
  const json::value* const found = member(object, name);
  const std::int64_t* const number = found == nullptr ? nullptr : found->if_int64();
  return number == nullptr ? 0 : *number;
}

// "2024-05-01T08:00:00.123456789Z"; the year 1 is never.
std::int64_t time_of(const std::string& text) {
  std::tm parts{};
  const char* const rest = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr || parts.tm_year < 70 || parts.tm_year > 300) return 0;
  std::int64_t nanoseconds = 0;
  if (*rest == '.') {
    std::int64_t unit = 100'000'000;
    for (const char* digit = rest + 1; *digit >= '0' && *digit <= '9'; ++digit, unit /= 10)
      nanoseconds += (*digit - '0') * unit;
  }
  return static_cast<std::int64_t>(::timegm(&parts)) * 1'000'000'000 + nanoseconds;
}

// "registry.example.org:5000/shop/web:1.4@sha256:…" as its name and its version.
void split_image(std::string text, ContainerStatus& out) {
  text = text.substr(0, text.find('@'));
  const std::size_t colon = text.rfind(':');
  const bool tagged = colon != std::string::npos && text.find('/', colon) == std::string::npos;
  out.image = text.substr(0, tagged ? colon : text.size());
  out.version = tagged ? text.substr(colon + 1) : std::string("unknown");
}

// [{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"}]
std::string ports_of(const json::value& container) {
  const json::value* const found = member(container, "Ports");
  const json::array* const list = found == nullptr ? nullptr : found->if_array();
  std::vector<std::string> all;
  for (std::size_t i = 0; list != nullptr && i < std::min(list->size(), kMostPorts); ++i) {
    const json::value& one = (*list)[i];
    const std::int64_t published = number_of(one, "PublicPort");
    std::string text;
    if (published != 0) {
      const std::string address = text_of(one, "IP");
      text = (address.find(':') == std::string::npos ? address : "[" + address + "]") + ":" +
             std::to_string(published) + "->";
    }
    all.push_back(text + std::to_string(number_of(one, "PrivatePort")) + "/" + text_of(one, "Type"));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::string out;
  for (const std::string& one : all) out += (out.empty() ? "" : ",") + one;
  return out;
}

Result<json::value> parse_answer(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 32;
  json::value value = json::parse(text, error, {}, options);
  if (error) return fail(ErrorKind::kInvalid, "the answer is not JSON: " + error.message());
  return value;
}

Error socket_error(const std::string& path, int error_number) {
  const bool denied = error_number == EACCES || error_number == EPERM;
  const bool late = error_number == EAGAIN || error_number == ETIMEDOUT;
  return Error{ErrorKind::kUnavailable,
               path + ": " +
                   (denied ? "permission denied: give the client's user the socket's group, or empty containers.socket"
                    : late ? "no answer within 5 s"
                           : std::strerror(error_number))};
}

}  // namespace

Status ContainerApi::parse_list(std::string_view text, std::vector<ContainerStatus>& out) {
  RESMON_ASSIGN(const json::value value, parse_answer(text));
  const json::array* const list = value.if_array();
  if (list == nullptr) return fail(ErrorKind::kInvalid, "the answer is not a list of containers");
  out.clear();
  for (const json::value& one : *list) {
    ContainerStatus container;
    container.id = text_of(one, "Id");
    const json::value* const names = member(one, "Names");
    if (!is_container_id(container.id) || names == nullptr || !names->is_array() || names->get_array().empty())
      continue;
    // Links give it further names, with a slash inside.
    for (const json::value& name : names->get_array()) {
      const json::string* const word = name.if_string();
      if (word == nullptr) continue;
      std::string_view bare(*word);
      if (bare.starts_with('/')) bare.remove_prefix(1);
      if (procfs::is_name(bare) && bare.find('/') == std::string_view::npos) container.name = bare;
    }
    if (container.name.empty() || out.size() >= kMostContainers) continue;
    split_image(text_of(one, "Image"), container);
    container.state = text_of(one, "State");
    container.ports = ports_of(one);
    out.push_back(std::move(container));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return {};
}

Status ContainerApi::parse_details(std::string_view text, ContainerStatus& out) {
  RESMON_ASSIGN(const json::value value, parse_answer(text));
  const json::value* const state = member(value, "State");
  if (state == nullptr) return fail(ErrorKind::kInvalid, "the answer does not describe a container");
  if (std::string word = text_of(*state, "Status"); !word.empty()) out.state = std::move(word);
  out.process = number_of(*state, "Pid");
  out.exit_code = number_of(*state, "ExitCode");
  const json::value* const killed = member(*state, "OOMKilled");
  out.out_of_memory = killed != nullptr && killed->is_bool() && killed->get_bool();
  out.started_at = time_of(text_of(*state, "StartedAt"));
  out.finished_at = time_of(text_of(*state, "FinishedAt"));
  out.restarts = number_of(value, "RestartCount");
  out.health.clear();
  out.failing_streak = 0;
  // Podman calls it Healthcheck in some versions.
  for (const char* name : {"Health", "Healthcheck"})
    if (const json::value* const health = member(*state, name); health != nullptr && health->is_object()) {
      out.health = text_of(*health, "Status");
      out.failing_streak = number_of(*health, "FailingStreak");
    }
  if (out.health == "none") out.health.clear();
  return {};
}

std::vector<std::string> ContainerApi::ids_in(std::string_view events) {
  std::vector<std::string> ids;
  std::size_t run = 0;
  for (std::size_t i = 0; i <= events.size(); ++i) {
    if (i < events.size() && is_hexadecimal(events[i])) {
      ++run;
      continue;
    }
    if (run == kIdLength) ids.emplace_back(events.substr(i - run, run));
    run = 0;
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

void ContainerApi::run() {
  status_ = refresh();
  if (status_) return;
  events_.reset();
  containers_.clear();
}

Status ContainerApi::refresh() {
  const auto now = std::chrono::steady_clock::now();
  std::string events;
  const bool connected = events_.valid() && read_events(events);
  const bool all = !connected || !asked_all_ || now - *asked_all_ >= kAskAllAgain;
  const std::vector<std::string> changed = ids_in(events);  // none in the head of the answer, which comes first
  if (!all && changed.empty()) return {};
  // Before the list, so that what changes in between is heard.
  if (!connected) {
    RESMON_ASSIGN(events_, request(kEventsTarget));
  }
  RESMON_ASSIGN(const std::string list, get("/containers/json?all=1", kListBytes));
  std::vector<ContainerStatus> next;
  if (Status parsed = parse_list(list, next); !parsed) return fail(std::move(parsed).error().wrap(path_));
  for (ContainerStatus& container : next) {
    const auto known = std::find_if(containers_.begin(), containers_.end(),
                                    [&](const ContainerStatus& one) { return one.id == container.id; });
    const bool named = std::binary_search(changed.begin(), changed.end(), container.id);
    if (!all && !named && known != containers_.end() && known->state == container.state) {
      const ContainerStatus now_listed = container;
      container = *known;
      container.name = now_listed.name;
      container.ports = now_listed.ports;
      continue;
    }
    const auto details = get("/containers/" + container.id + "/json", kDetailsBytes);
    if (!details && details.error().kind == ErrorKind::kNotFound) continue;  // it was removed meanwhile
    if (!details) return fail(Error(details.error()));
    if (Status parsed = parse_details(*details, container); !parsed) return fail(std::move(parsed).error().wrap(path_));
  }
  containers_ = std::move(next);
  if (all) asked_all_ = now;
  return {};
}

// A socket on which the request was sent. As HTTP/1.0, so that the answer comes in one piece up to the end of the
// connection.
Result<Fd> ContainerApi::request(const std::string& target) {
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path)
    return fail(ErrorKind::kInvalid, "containers.socket: longer than 107 bytes");
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  Fd made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made.valid()) return fail(socket_error(path_, errno));
  ::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &kCallPatience, sizeof kCallPatience);
  ::setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &kCallPatience, sizeof kCallPatience);
  if (::connect(made.get(), reinterpret_cast<const ::sockaddr*>(&address), sizeof address) != 0)
    return fail(socket_error(path_, errno));
  const std::string text = "GET " + target + " HTTP/1.0\r\nHost: localhost\r\nUser-Agent: resmon-client\r\n\r\n";
  if (::send(made.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return fail(socket_error(path_, errno));
  return made;
}

Result<std::string> ContainerApi::get(const std::string& target, std::size_t limit_bytes) {
  RESMON_ASSIGN(const Fd socket, request(target));
  const auto deadline = std::chrono::steady_clock::now() + kAnswerPatience;
  std::string answer;
  char part[16384];
  while (true) {
    const ssize_t got = ::recv(socket.get(), part, sizeof part, 0);
    if (got < 0) return fail(socket_error(path_, errno));
    if (got == 0) break;
    answer.append(part, static_cast<std::size_t>(got));
    if (answer.size() > limit_bytes + kHeadBytes) return fail(ErrorKind::kLimit, path_ + target + ": answer too long");
    if (std::chrono::steady_clock::now() > deadline) return fail(socket_error(path_, ETIMEDOUT));
  }
  const std::size_t head = answer.find("\r\n\r\n");
  const std::size_t blank = answer.find(' ');
  if (head == std::string::npos || !answer.starts_with("HTTP/1.") || blank > head)
    return fail(ErrorKind::kUnavailable, path_ + ": the program at this socket is not a container engine");
  const std::string_view code = std::string_view(answer).substr(blank + 1, 3);
  if (code == "404") return fail(ErrorKind::kNotFound, path_ + target + ": not found");
  if (code != "200") return fail(ErrorKind::kUnavailable, path_ + target + ": answered with " + std::string(code));
  return answer.substr(head + 4);
}

// What has come on the stream since the last look, without waiting. False when it has ended.
bool ContainerApi::read_events(std::string& events) {
  char part[16384];
  while (events.size() < kMostEventBytes) {
    const ssize_t got = ::recv(events_.get(), part, sizeof part, MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    events.append(part, static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace resmon::collect
