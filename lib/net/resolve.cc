#include "net/resolve.h"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "base/file.h"
#include "net/await.h"
#include "net/dns_message.h"
#include "net/name_files.h"
#include "net/spawn.h"

namespace resmon::net {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Addresses = std::vector<asio::ip::address>;

constexpr auto kOtherFamily = std::chrono::seconds(1);  // once one has addresses
constexpr auto kLeastAttempt = std::chrono::milliseconds(200);
constexpr int kMostStrangeDatagrams = 16;  // that are no answer to what was asked
constexpr std::size_t kMostNameFile = 8U << 20U;

std::uint16_t unguessable_id() {
  std::uint16_t id = 0;
  (void)RAND_bytes(reinterpret_cast<unsigned char*>(&id), sizeof id);
  return id;
}

// A and AAAA of one name, asked of one server. The two askers hold it, so it outlives whoever gave up waiting.
struct Exchange {
  struct Question {
    explicit Question(asio::any_io_executor e) : datagrams(e), stream(e) {}
    std::string text;
    udp::socket datagrams;
    tcp::socket stream;
    std::optional<DnsAnswer> answer;
  };

  Exchange(asio::any_io_executor e, asio::ip::address s, std::uint16_t p, bool tcp_only, Clock::time_point end)
      : executor(e),
        server(s),
        port(p),
        over_tcp(tcp_only),
        until(end),
        timer(e),
        questions{Question(e), Question(e)} {}

  Status prepare(const std::string& name) {
    RESMON_ASSIGN(questions[0].text, encode_dns_question(unguessable_id(), name, DnsType::kAaaa));
    RESMON_ASSIGN(questions[1].text, encode_dns_question(unguessable_id(), name, DnsType::kA));
    return {};
  }
  void one_done(const Question& question) {
    --left;
    if (question.answer && !question.answer->addresses.empty()) until = std::min(until, Clock::now() + kOtherFamily);
    timer.cancel();
  }
  void close() {
    error_code ignored;
    for (Question& question : questions) {
      question.datagrams.close(ignored);
      question.stream.close(ignored);
    }
  }

  const asio::any_io_executor executor;
  const asio::ip::address server;
  const std::uint16_t port;
  const bool over_tcp;
  Clock::time_point until;
  asio::steady_timer timer;
  std::array<Question, 2> questions;
  int left = 2;
};

asio::awaitable<void> ask_over_tcp(Exchange& exchange, Exchange::Question& question) {
  auto [refused] = co_await question.stream.async_connect({exchange.server, exchange.port}, kAwait);
  if (refused) co_return;
  std::string message{static_cast<char>(question.text.size() >> 8U), static_cast<char>(question.text.size() & 0xffU)};
  message += question.text;
  auto [unsent, sent] = co_await asio::async_write(question.stream, asio::buffer(message), kAwait);
  if (unsent) co_return;
  std::array<unsigned char, 2> size{};
  auto [no_size, size_got] = co_await asio::async_read(question.stream, asio::buffer(size), kAwait);
  if (no_size) co_return;
  message.resize(static_cast<std::size_t>(size[0]) << 8U | size[1]);
  auto [no_body, body_got] = co_await asio::async_read(question.stream, asio::buffer(message), kAwait);
  if (no_body) co_return;
  if (auto answer = parse_dns_answer(message, question.text)) question.answer = std::move(*answer);
}

asio::awaitable<void> ask_one(std::shared_ptr<Exchange> exchange, std::size_t which) {
  Exchange::Question& question = exchange->questions[which];
  if (exchange->over_tcp) {
    co_await ask_over_tcp(*exchange, question);
    co_return;
  }
  // Connected: the kernel drops what comes from elsewhere, and tells at once that nobody listens there.
  error_code error;
  const udp::endpoint server(exchange->server, exchange->port);
  question.datagrams.open(server.protocol(), error);
  if (!error) question.datagrams.connect(server, error);
  if (error) co_return;
  auto [unsent, sent] = co_await question.datagrams.async_send(asio::buffer(question.text), kAwait);
  if (unsent) co_return;
  std::array<char, 4096> buffer;
  for (int strange = 0; strange < kMostStrangeDatagrams; ++strange) {
    auto [lost, size] = co_await question.datagrams.async_receive(asio::buffer(buffer), kAwait);
    if (lost) co_return;
    auto answer = parse_dns_answer(std::string_view(buffer.data(), size), question.text);
    if (!answer) continue;
    if (answer->outcome == DnsAnswer::Outcome::kTruncated)
      co_await ask_over_tcp(*exchange, question);
    else
      question.answer = std::move(*answer);
    co_return;
  }
}

// What one server, or all of them, had to say of a name.
enum class Verdict { kFound, kNotThere, kFailed, kSilent };

Verdict verdict_of(const Exchange& exchange, Addresses& found) {
  bool answered = true, no_name = false, said = false;
  for (const Exchange::Question& question : exchange.questions) {
    using Outcome = DnsAnswer::Outcome;
    const bool known = question.answer && question.answer->outcome != Outcome::kTruncated;
    said |= known;
    answered &= known && question.answer->outcome != Outcome::kFailed;
    no_name |= known && question.answer->outcome == Outcome::kNoName;
    if (known) found.insert(found.end(), question.answer->addresses.begin(), question.answer->addresses.end());
  }
  if (!found.empty()) return Verdict::kFound;
  if (answered || no_name) return Verdict::kNotThere;
  return said ? Verdict::kFailed : Verdict::kSilent;
}

// The names to ask for, one after the other, as resolv.conf(5) has it.
std::vector<std::string> names_to_try(const std::string& host, const ResolverConfig& config) {
  if (host.back() == '.') return {host};
  std::vector<std::string> names;
  for (const std::string& domain : config.search) names.push_back(host + "." + domain);
  const auto dots = static_cast<unsigned>(std::count(host.begin(), host.end(), '.'));
  names.insert(dots >= config.dots ? names.begin() : names.end(), host);
  return names;
}

// The source address that this machine would send from; none where it has no route.
std::optional<asio::ip::address> source_for(const asio::any_io_executor& executor, const asio::ip::address& to) {
  error_code error;
  udp::socket probe(executor);
  const udp::endpoint endpoint(to, 53);
  probe.open(endpoint.protocol(), error);
  if (!error) probe.connect(endpoint, error);  // sends nothing
  if (error) return std::nullopt;
  const udp::endpoint local = probe.local_endpoint(error);
  if (error) return std::nullopt;
  return local.address();
}

bool is_unique_local(const asio::ip::address& address) {
  return address.is_v6() && (address.to_v6().to_bytes()[0] & 0xfeU) == 0xfcU;
}

// Lower is tried first: RFC 6724's rules 1, 2 and 6, as far as they concern machines on the internet and behind it.
int rank(const asio::any_io_executor& executor, const asio::ip::address& to) {
  const auto from = source_for(executor, to);
  if (!from) return 3;
  if (to.is_v4()) return 1;
  const auto v6 = to.to_v6(), source = from->to_v6();
  const bool same_kind = v6.is_link_local() == source.is_link_local() && v6.is_loopback() == source.is_loopback() &&
                         is_unique_local(to) == is_unique_local(*from);
  return same_kind ? 0 : 2;
}

void put_in_order(const asio::any_io_executor& executor, Addresses& addresses) {
  std::vector<std::pair<int, asio::ip::address>> ranked;
  for (const auto& address : addresses) {
    const auto same = [&](const auto& one) { return one.second == address; };
    if (std::none_of(ranked.begin(), ranked.end(), same)) ranked.emplace_back(rank(executor, address), address);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  addresses.clear();
  for (auto& [unused, address] : ranked) addresses.push_back(std::move(address));
}

std::string this_host() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0) return {};
  return name;
}

bool is_localhost(std::string name) {
  if (name.back() == '.') name.pop_back();
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return name == "localhost" || name.ends_with(".localhost");
}

}  // namespace

asio::awaitable<Result<Addresses>> resolve_name(std::string host, Clock::duration timeout, NameFiles files,
                                                std::shared_ptr<ResolveAbandon> abandon) {
  const auto executor = co_await asio::this_coro::executor;
  const auto end = Clock::now() + timeout;
  if (host.empty()) co_return fail(ErrorKind::kInvalid, "not a host's name");
  Addresses found;
  if (const auto hosts = read_file(files.hosts, kMostNameFile)) found = find_in_hosts(*hosts, host);
  if (found.empty() && is_localhost(host)) found = {asio::ip::address_v6::loopback(), asio::ip::address_v4::loopback()};
  if (!found.empty()) {
    put_in_order(executor, found);
    co_return found;
  }
  const ResolverConfig config =
      parse_resolv_conf(read_file(files.resolv_conf, kMostNameFile).value_or(""), this_host());
  const auto servers = config.servers.size();
  const auto share =
      std::max<Clock::duration>(timeout / static_cast<Clock::rep>(servers * config.attempts), kLeastAttempt);
  const auto attempt = std::min<Clock::duration>(config.timeout, share);
  std::size_t first = 0;  // the server that answered last
  std::string failure;    // of a server, for want of a better answer
  bool is_name = false;
  for (const std::string& name : names_to_try(host, config)) {
    auto verdict = Verdict::kSilent;
    for (std::size_t i = 0; i < servers * config.attempts; ++i) {
      if (abandon->abandoned || Clock::now() >= end) break;
      const std::size_t server = (first + i) % servers;
      const auto exchange = std::make_shared<Exchange>(executor, config.servers[server], files.port, config.over_tcp,
                                                       std::min(Clock::now() + attempt, end));
      // A search domain can make a name too long; another may not.
      if (!exchange->prepare(name)) {
        verdict = Verdict::kNotThere;
        break;
      }
      is_name = true;
      for (std::size_t which = 0; which < exchange->questions.size(); ++which)
        start(executor, ask_one(exchange, which), [exchange, which](const std::exception_ptr& failed) {
          if (failed) std::rethrow_exception(failed);
          exchange->one_done(exchange->questions[which]);
        });
      abandon->wake = [exchange] { exchange->timer.cancel(); };
      while (exchange->left > 0 && Clock::now() < exchange->until && !abandon->abandoned) {
        exchange->timer.expires_at(exchange->until);
        co_await wait(exchange->timer);
      }
      abandon->wake = nullptr;
      exchange->close();
      verdict = verdict_of(*exchange, found);
      if (verdict == Verdict::kFound || verdict == Verdict::kNotThere) {
        first = server;
        break;
      }
      if (verdict == Verdict::kFailed) failure = "the name server " + config.servers[server].to_string() + " failed";
    }
    if (verdict == Verdict::kFound) break;
    if (abandon->abandoned) co_return fail(ErrorKind::kUnavailable, "Operation canceled");
    if (verdict == Verdict::kSilent && failure.empty()) {
      std::string asked;
      for (const auto& server : config.servers) asked += (asked.empty() ? "" : ", ") + server.to_string();
      co_return fail(ErrorKind::kUnavailable, "no answer from the name server at " + asked);
    }
  }
  if (found.empty()) {
    if (!is_name) co_return fail(ErrorKind::kInvalid, "not a host's name");
    if (!failure.empty()) co_return fail(ErrorKind::kUnavailable, failure);
    co_return fail(ErrorKind::kNotFound, "no such host");
  }
  put_in_order(executor, found);
  co_return found;
}

}  // namespace resmon::net
