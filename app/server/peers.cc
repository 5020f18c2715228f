#include "peers.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include "app.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "host_list.h"
#include "host_settings.h"
#include "listeners.h"
#include "net/spawn.h"
#include "net/token_set.h"
#include "peer/hosts.h"

namespace resmon::server {

namespace {

namespace asio = boost::asio;

constexpr std::size_t kMostPeerAnswerBytes = 256U << 20U;
constexpr std::size_t kMostCatalogs = 2000;  // that are kept of one server
constexpr int kFailuresToBeAway = 2;

std::string name_of_this_machine() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "resmon";
}

std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0)
    if (getrandom(&number, sizeof number, 0) != sizeof number) number = static_cast<std::uint64_t>(::getpid());
  return number;
}

std::string reason_of(const sink::HttpAnswer& answer) {
  if (answer.status == 401 || answer.status == 403) return "it refuses the token of peers.token_file";
  if (answer.status == 404) return "it has no such path: is it an older version?";
  return "it answers " + std::to_string(answer.status);
}

std::shared_ptr<const fleet::HostSettings> settings_of(const std::string& text) {
  if (text.empty()) return nullptr;
  boost::system::error_code error;
  const boost::json::value root = boost::json::parse(boost::json::string_view(text.data(), text.size()), error);
  fleet::HostSettings read;
  if (error || !root.is_object() || !apply_host_settings(root.as_object(), read) || !fleet::check(read)) return nullptr;
  return std::make_shared<const fleet::HostSettings>(std::move(read));
}

}  // namespace

void log_doubled(const std::vector<fleet::Doubled>& names) {
  for (const fleet::Doubled& one : names) {
    if (one.over)
      log::info("peers", "a name is on one server again", {{"host", one.host}, {"other_server", one.server}});
    else
      log::warn("peers",
                "two clients use the same name, one here and one on another server: their samples mix in one series",
                {{"host", one.host}, {"other_server", one.server}});
  }
}

Peers::Peers(App& app, PeerOptions options, asio::any_io_executor executor)
    : app_(app),
      options_(std::move(options)),
      executor_(std::move(executor)),
      own_name_(options_.name.empty() ? name_of_this_machine() : options_.name),
      instance_(random_number()) {}

Result<std::unique_ptr<Peers>> Peers::make(App& app, const PeerOptions& options, asio::any_io_executor executor) {
  auto out = std::unique_ptr<Peers>(new Peers(app, options, std::move(executor)));
  for (const std::string& address : options.addresses) {
    Link& link = out->links_.emplace_back(address);
    RESMON_ASSIGN(link.url, sink::parse_url(address));
    RESMON_ASSIGN(link.poll, out->connect(link));
    link.pool = std::make_unique<HttpPool>(out->executor_, [peers = out.get(), &link] { return peers->connect(link); });
  }
  return out;
}

Result<std::unique_ptr<sink::Transport>> Peers::connect(const Link& link) const {
  sink::HttpClientOptions options;
  options.timeout = options_.timeout;
  options.answer_bytes = kMostPeerAnswerBytes;
  options.tls_ca_file = options_.tls_ca_file;
  options.tls_verify = options_.tls_verify;
  return sink::make_http_client(executor_, link.url, options);
}

void Peers::start() {
  for (Link& link : links_) net::start(executor_, watch(link));
}

void Peers::stop() {
  for (const Link& link : links_) link.pool->stop();
  net::post(executor_, [this] {
    for (Link& link : links_) link.poll->close();
  });
}

std::string Peers::shown(const Link& link) const {
  const auto same = [&](const Link& other) { return &other != &link && other.name == link.name; };
  const bool unclear = link.name.empty() || link.name == own_name_ || std::any_of(links_.begin(), links_.end(), same);
  return unclear ? link.address : link.name;
}

std::string Peers::shown(std::size_t peer) const {
  const MutexLock lock(mutex_);
  return shown(links_[peer]);
}

std::vector<Peers::View> Peers::views() const {
  const MutexLock lock(mutex_);
  std::vector<View> out;
  for (const Link& link : links_) {
    if (link.self) continue;
    const bool away = link.failures >= kFailuresToBeAway;
    out.push_back({link.address, shown(link), away, away ? link.reason : "", link.answered, link.asked, link.failed});
  }
  return out;
}

std::vector<std::size_t> Peers::present() const {
  const MutexLock lock(mutex_);
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < links_.size(); ++i)
    if (!links_[i].self && links_[i].failures < kFailuresToBeAway) out.push_back(i);
  return out;
}

std::string Peers::lacking() const {
  for (const View& view : views())
    if (view.away) return view.shown + " does not answer: " + view.reason;
  return {};
}

sink::HttpRequest Peers::hosts_request(Link& link) {
  auto token = net::load_token(options_.token_file, "");  // read each time: it may have been changed
  const MutexLock lock(mutex_);
  link.authorization = token ? "Bearer " + *token : "";
  ++link.asked;
  sink::HttpRequest request;
  request.method = sink::Method::kGet;
  request.target = link.url.path + "/api/v1/peer/hosts?after=" + std::to_string(link.version) +
                   "&instance=" + std::to_string(link.instance);
  request.authorization = link.authorization;
  return request;
}

asio::awaitable<void> Peers::watch(Link& link) {
  asio::steady_timer timer(executor_);
  while (!app_.stopping()) {
    const auto next = std::chrono::steady_clock::now() + options_.interval;
    const sink::HttpRequest request = hosts_request(link);
    auto answer = co_await link.poll->send(request);
    if (app_.stopping()) co_return;
    // Ten thousand hosts are megabytes: no thread of the network takes them apart.
    co_await net::run(app_.listeners().http_workers().get_executor(), take(link, std::move(answer)));
    if (link.self) co_return;
    timer.expires_at(next);
    co_await net::wait(timer);
  }
}

asio::awaitable<void> Peers::take(Link& link, Result<sink::HttpAnswer> answer) {
  if (!answer) {
    note_failure(link, answer.error().message);
  } else if (answer->status != 200) {
    note_failure(link, reason_of(*answer));
  } else if (Status taken = take_hosts(link, answer->body); !taken) {
    note_failure(link, taken.error().message);
  }
  co_return;
}

Status Peers::take_hosts(Link& link, const std::string& body) {
  const UnixNanos now = Clock::system().wall();
  RESMON_ASSIGN(peer::HostsAnswer said, peer::read_hosts(body, now));
  fleet::PeerReport report;
  bool back = false;
  {
    const MutexLock lock(mutex_);
    if (said.instance == instance_) {
      link.self = true;
      return {};
    }
    if (link.instance != said.instance) link.catalogs.clear();
    report.whole = said.whole || link.instance != said.instance;
    link.name = said.name;
    link.instance = said.instance;
    link.version = said.version;
    link.answered = now;
    link.reason.clear();
    back = std::exchange(link.failures, 0) >= kFailuresToBeAway;
    report.shown = shown(link);
  }
  if (back) log::info("peers", "another server answers", {{"server", report.shown}, {"address", link.address}});
  report.peer = link.address;
  report.now = now;
  report.removed = std::move(said.removed);
  for (peer::SaidHost& one : said.hosts) {
    one.host.settings = settings_of(one.settings);
    report.hosts.push_back(std::move(one.host));
  }
  log_doubled(app_.hosts().fleet().peer_says(report));
  return {};
}

void Peers::note_failure(Link& link, const std::string& reason) {
  bool now_away = false;
  std::string who;
  {
    const MutexLock lock(mutex_);
    ++link.failed;
    link.reason = reason;
    now_away = ++link.failures == kFailuresToBeAway || (link.answered == 0 && link.failed == 1);
    link.failures = std::min(link.failures, 1000);
    who = shown(link);
  }
  if (!now_away) return;
  log::warn("peers", "another server does not answer: what it has is missing in answers",
            {{"server", who}, {"address", link.address}, {"reason", reason}});
  app_.hosts().fleet().peer_away(link.address, true);
}

Result<std::string> Peers::ask(std::size_t peer, std::string target, std::string body) {
  Link& link = links_[peer];
  sink::HttpRequest request;
  request.target = link.url.path + std::move(target);
  request.body = std::move(body);
  request.content_type = "application/octet-stream";
  {
    const MutexLock lock(mutex_);
    request.authorization = link.authorization;
    ++link.asked;
  }
  Result<sink::HttpAnswer> answer = link.pool->ask(std::move(request));
  if (answer && answer->status == 200) return std::move(answer->body);
  const MutexLock lock(mutex_);
  ++link.failed;
  if (!answer) return fail(std::move(answer).error());
  return fail(ErrorKind::kUnavailable, reason_of(*answer));
}

Result<Peers::Catalog> Peers::catalog(std::size_t peer, const std::string& measurement) {
  Link& link = links_[peer];
  Catalog known;
  {
    const MutexLock lock(mutex_);
    if (const auto found = link.catalogs.find(measurement); found != link.catalogs.end()) known = found->second;
  }
  const peer::CatalogRequest request{measurement, known ? known->version : 0};
  RESMON_ASSIGN(const std::string bytes, ask(peer, "/api/v1/peer/catalog", peer::write_catalog_request(request)));
  RESMON_ASSIGN(peer::CatalogAnswer answer, peer::read_catalog(bytes));
  if (answer.same && known && known->version == answer.version) return known;
  if (answer.same) return fail(ErrorKind::kInvalid, "it says that nothing has changed");
  known = std::make_shared<const peer::CatalogAnswer>(std::move(answer));
  const MutexLock lock(mutex_);
  if (link.catalogs.size() >= kMostCatalogs) link.catalogs.clear();
  link.catalogs[measurement] = known;
  return known;
}

Result<peer::Page> Peers::rows(std::size_t peer, const peer::RowsRequest& request, const peer::CatalogAnswer&) {
  RESMON_ASSIGN(const std::string bytes, ask(peer, "/api/v1/peer/rows", peer::write_rows_request(request)));
  return peer::read_page(bytes);
}

}  // namespace resmon::server
