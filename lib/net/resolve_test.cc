// The client's own resolver, against a name server in the test.

#include "net/resolve.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <map>
#include <optional>

#include "net/await.h"
#include "net/dns_message.h"
#include "net/name_files.h"

namespace resmon::net {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;
using asio::ip::tcp;
using asio::ip::udp;
using namespace std::chrono_literals;
using Addresses = std::vector<asio::ip::address>;

std::string joined(const Addresses& all) {
  std::string text;
  for (const auto& one : all) text += (text.empty() ? "" : " ") + one.to_string();
  return text;
}

// This machine's own addresses, in their order: IPv6 is the last where the machine has none.
std::string loopbacks(const std::string& v4) {
  boost::system::error_code none;
  asio::io_context io;
  udp::socket probe(io);
  probe.open(udp::v6(), none);
  if (!none) probe.connect({asio::ip::address_v6::loopback(), 53}, none);
  return none ? v4 + " ::1" : "::1 " + v4;
}

std::string wire_name(std::string_view name) {
  const std::string question = encode_dns_question(0, name, DnsType::kA).value();
  return question.substr(12, question.size() - 16);
}

std::string record(const std::string& owner, std::uint16_t type, const std::string& data) {
  std::string out = owner;
  out += {'\0', static_cast<char>(type), '\0', '\1', '\0', '\0', '\0', '\x3c', '\0', static_cast<char>(data.size())};
  return out + data;
}

std::string bytes_of(const std::string& ip) {
  const auto address = make_address(ip);
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

std::string answer_to(std::string_view question, int code, const std::vector<std::string>& records,
                      bool truncated = false) {
  std::string out(question);
  out[2] = static_cast<char>(0x81 | (truncated ? 2 : 0));
  out[3] = static_cast<char>(0x80 | code);
  out[7] = static_cast<char>(records.size());
  for (const std::string& one : records) out += one;
  return out;
}

// What the server knows of a name.
struct Entry {
  int code = 0;
  bool silent = false;
  bool silent_v6 = false;  // only to AAAA
  bool truncated = false;  // over UDP
  bool damaged_first = false;
  std::vector<std::string> ips = {};
  std::string alias = {};
};

// A name server on 127.0.0.N, over UDP and TCP.
class NameServer {
 public:
  NameServer(asio::io_context& io, const char* ip, std::uint16_t port)
      : socket_(io, udp::endpoint(make_address(ip), port)),
        acceptor_(io, tcp::endpoint(make_address(ip), socket_.local_endpoint().port())) {
    asio::co_spawn(io, serve(), asio::detached);
    asio::co_spawn(io, serve_tcp(), asio::detached);
  }
  std::uint16_t port() const { return socket_.local_endpoint().port(); }
  void stop() {
    boost::system::error_code ignored;
    socket_.close(ignored);
    acceptor_.close(ignored);
    if (stream_) stream_->close(ignored);
  }

  std::map<std::string, Entry> names;
  std::vector<std::string> asked;  // "A web.example", and "tcp " in front of those over TCP
  bool silent = false;

 private:
  std::vector<std::string> answers(const std::string& question, bool over_tcp) {
    std::string name;
    for (std::size_t at = 12; question[at] != 0; at += 1U + static_cast<unsigned char>(question[at]))
      name += (name.empty() ? "" : ".") + question.substr(at + 1, static_cast<unsigned char>(question[at]));
    const bool v6 = question[question.size() - 3] == 28;
    asked.push_back((over_tcp ? "tcp " : "") + std::string(v6 ? "AAAA " : "A ") + name);
    if (silent) return {};
    const auto found = names.find(name);
    if (found == names.end()) return {answer_to(question, 3, {})};
    const Entry& entry = found->second;
    if (entry.silent || (v6 && entry.silent_v6)) return {};
    if (entry.truncated && !over_tcp) return {answer_to(question, 0, {}, true)};
    std::vector<std::string> records;
    std::string owner("\xc0\x0c", 2);
    if (!entry.alias.empty()) {
      records.push_back(record(owner, 5, wire_name(entry.alias)));
      owner = wire_name(entry.alias);
    }
    for (const std::string& ip : entry.ips)
      if (make_address(ip).is_v6() == v6) records.push_back(record(owner, v6 ? 28 : 1, bytes_of(ip)));
    std::vector<std::string> all;
    if (entry.damaged_first) {
      all.push_back("?");
      std::string other = answer_to(question, 0, {record(owner, 1, bytes_of("192.0.2.66"))});
      other[0] = static_cast<char>(other[0] ^ 1);  // another's id
      all.push_back(other);
    }
    all.push_back(answer_to(question, entry.code, records));
    return all;
  }
  asio::awaitable<void> serve() {
    std::array<char, 600> buffer;
    while (true) {
      udp::endpoint from;
      auto [error, size] = co_await socket_.async_receive_from(asio::buffer(buffer), from, kAwait);
      if (error) co_return;
      for (const std::string& answer : answers(std::string(buffer.data(), size), false)) {
        boost::system::error_code ignored;
        socket_.send_to(asio::buffer(answer), from, 0, ignored);
      }
    }
  }
  asio::awaitable<void> serve_tcp() {
    while (true) {
      auto [error, stream] = co_await acceptor_.async_accept(kAwait);
      if (error) co_return;
      stream_.emplace(std::move(stream));
      std::array<unsigned char, 2> size{};
      auto [short_read, got] = co_await asio::async_read(*stream_, asio::buffer(size), kAwait);
      if (short_read) continue;
      std::string question(static_cast<std::size_t>(size[0]) << 8U | size[1], '\0');
      auto [no_body, body] = co_await asio::async_read(*stream_, asio::buffer(question), kAwait);
      if (no_body) continue;
      for (const std::string& answer : answers(question, true)) {
        std::string message{static_cast<char>(answer.size() >> 8U), static_cast<char>(answer.size() & 0xffU)};
        message += answer;
        auto [unsent, sent] = co_await asio::async_write(*stream_, asio::buffer(message), kAwait);
        if (unsent) break;
      }
      stream_.reset();
    }
  }

  udp::socket socket_;
  tcp::acceptor acceptor_;
  std::optional<tcp::socket> stream_;
};

class ResolveTest : public ::testing::Test {
 protected:
  ResolveTest() {
    char folder[] = "/tmp/resmon-resolve.XXXXXX";
    folder_ = ::mkdtemp(folder);
    files_ = {folder_ + "/hosts", folder_ + "/resolv.conf", server_.port()};
    write(files_.hosts, "");
    write(files_.resolv_conf, "nameserver 127.0.0.53\n");
  }
  ~ResolveTest() override {
    server_.stop();
    ::unlink(files_.hosts.c_str());
    ::unlink(files_.resolv_conf.c_str());
    ::rmdir(folder_.c_str());
  }
  static void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }
  static asio::awaitable<void> keep(asio::awaitable<Result<Addresses>> work, std::optional<Result<Addresses>>& result,
                                    asio::io_context& io) {
    result.emplace(co_await std::move(work));
    io.stop();
  }
  // The addresses, or the error.
  std::string resolve(const std::string& host, std::chrono::milliseconds timeout = 20s) {
    std::optional<Result<Addresses>> result;
    asio::co_spawn(io_, keep(resolve_name(host, timeout, files_, abandon_), result, io_), asio::detached);
    io_.restart();
    io_.run_for(60s);
    if (!result) return "no end";
    return *result ? joined(**result) : result->error().message;
  }

  asio::io_context io_{1};
  NameServer server_{io_, "127.0.0.53", 0};
  std::string folder_;
  NameFiles files_;
  std::shared_ptr<ResolveAbandon> abandon_ = std::make_shared<ResolveAbandon>();
};

TEST_F(ResolveTest, BothFamiliesOfAName) {
  server_.names["web.example"] = {.ips = {"127.0.0.1", "127.0.0.2", "::1"}};
  EXPECT_EQ(resolve("web.example"), loopbacks("127.0.0.1 127.0.0.2"));
  std::sort(server_.asked.begin(), server_.asked.end());
  EXPECT_EQ(server_.asked, (std::vector<std::string>{"A web.example", "AAAA web.example"}));
  EXPECT_EQ(resolve("web.example."), loopbacks("127.0.0.1 127.0.0.2"));
}

TEST_F(ResolveTest, AnAddressWithoutARouteIsTheLast) {
  server_.names["web.example"] = {.ips = {"255.255.255.255", "127.0.0.1"}};  // no route: broadcasts need a permission
  EXPECT_EQ(resolve("web.example"), "127.0.0.1 255.255.255.255");
}

TEST_F(ResolveTest, TheHostsFileComesFirst) {
  write(files_.hosts, "# a comment\n127.0.0.7\tdb.example\tDB # db2\n::7 other\n127.0.0.8 db\n");
  EXPECT_EQ(resolve("Db"), "127.0.0.7 127.0.0.8");
  EXPECT_EQ(resolve("db.example."), "127.0.0.7");
  EXPECT_EQ(resolve("db2"), "no such host");
  server_.asked.clear();
  EXPECT_EQ(resolve("localhost"), loopbacks("127.0.0.1"));
  EXPECT_EQ(resolve("a.LOCALHOST."), loopbacks("127.0.0.1"));
  EXPECT_TRUE(server_.asked.empty());
}

TEST_F(ResolveTest, SearchDomainsAndDots) {
  write(files_.resolv_conf, "nameserver 127.0.0.53\nsearch one.example two.example\noptions ndots:2\n");
  server_.names["web.two.example"] = {.ips = {"127.0.0.2"}};
  server_.names["a.b.c"] = {.ips = {"127.0.0.3"}};
  EXPECT_EQ(resolve("web"), "127.0.0.2");
  EXPECT_EQ(server_.asked.size(), 4U);
  server_.asked.clear();
  EXPECT_EQ(resolve("a.b.c"), "127.0.0.3");
  EXPECT_EQ(server_.asked.size(), 2U);
  EXPECT_EQ(resolve("web."), "no such host");
  EXPECT_EQ(resolve("a.b"), "no such host");
}

TEST_F(ResolveTest, AliasesAreFollowed) {
  server_.names["www.example"] = {.ips = {"127.0.0.5"}, .alias = "cdn.example"};
  EXPECT_EQ(resolve("www.example"), "127.0.0.5");
}

TEST_F(ResolveTest, WhatIsTruncatedIsAskedOverTcp) {
  server_.names["big.example"] = {.truncated = true, .ips = {"127.0.0.5"}};
  EXPECT_EQ(resolve("big.example"), "127.0.0.5");
  EXPECT_NE(std::find(server_.asked.begin(), server_.asked.end(), "tcp A big.example"), server_.asked.end());
  server_.asked.clear();
  write(files_.resolv_conf, "nameserver 127.0.0.53\noptions use-vc\n");
  EXPECT_EQ(resolve("big.example"), "127.0.0.5");
  for (const std::string& one : server_.asked) EXPECT_TRUE(one.starts_with("tcp ")) << one;
}

TEST_F(ResolveTest, WhatIsNoAnswerIsIgnored) {
  server_.names["web.example"] = {.damaged_first = true, .ips = {"127.0.0.5"}};
  EXPECT_EQ(resolve("web.example"), "127.0.0.5");
}

TEST_F(ResolveTest, OneThatFailsOrIsSilentOrNotThereLeadsToTheNext) {
  NameServer other(io_, "127.0.0.54", server_.port());
  other.names["web.example"] = {.ips = {"127.0.0.5"}};
  write(files_.resolv_conf, "nameserver 127.0.0.52\nnameserver 127.0.0.53\nnameserver 127.0.0.54\n");
  server_.names["web.example"] = {.code = 2};
  EXPECT_EQ(resolve("web.example"), "127.0.0.5");
  server_.names["web.example"] = {.silent = true};
  EXPECT_EQ(resolve("web.example", 3s), "127.0.0.5");
  other.stop();
}

TEST_F(ResolveTest, OneFamilyIsEnough) {
  server_.names["web.example"] = {.silent_v6 = true, .ips = {"127.0.0.5"}};
  EXPECT_EQ(resolve("web.example"), "127.0.0.5");
}

TEST_F(ResolveTest, ErrorsSayWhatFailed) {
  server_.names["down.example"] = {.code = 2};
  server_.names["empty.example"] = {};
  EXPECT_EQ(resolve("down.example"), "the name server 127.0.0.53 failed");
  EXPECT_EQ(resolve("empty.example"), "no such host");
  EXPECT_EQ(resolve("no.example"), "no such host");
  const std::vector<std::string> no_names = {
      "", ".", "a..b", "with blank", "m\xc3\xbcller", std::string(64, 'a'), std::string(300, 'a')};
  for (const std::string& bad : no_names) EXPECT_EQ(resolve(bad), "not a host's name") << bad;
  server_.silent = true;
  EXPECT_EQ(resolve("web.example", 400ms), "no answer from the name server at 127.0.0.53");
  write(files_.resolv_conf, "nameserver 127.0.0.52\n");
  EXPECT_EQ(resolve("web.example", 400ms), "no answer from the name server at 127.0.0.52");
}

TEST_F(ResolveTest, AbandonedItEnds) {
  server_.silent = true;
  asio::steady_timer soon(io_, 20ms);
  soon.async_wait([&](const boost::system::error_code&) { (*abandon_)(); });
  EXPECT_EQ(resolve("web.example", 50s), "Operation canceled");
}

TEST(ResolvConfTest, WhatItSays) {
  const auto config = parse_resolv_conf(
      "; comment\n#nameserver 1.1.1.1\nnameserver 192.0.2.1\nnameserver nonsense\nnameserver 2001:db8::1 # dns\r\n"
      "nameserver fe80::1%lo\nnameserver 192.0.2.4\ndomain first\nsearch a.example. b.example\n"
      "options ndots:99 timeout:0 attempts:x attempts:3 rotate\noptions timeout:999999999999\nsortlist 1.2.3.4\n\n",
      "host.local");
  EXPECT_EQ(config.servers.size(), 3U);
  EXPECT_EQ(config.servers[1].to_string(), "2001:db8::1");
  EXPECT_TRUE(config.servers[2].to_v6().is_link_local());
  EXPECT_EQ(config.search, (std::vector<std::string>{"a.example", "b.example"}));
  EXPECT_EQ(config.dots, 15U);
  EXPECT_EQ(config.attempts, 3U);
  EXPECT_EQ(config.timeout, 30s);
  const auto empty = parse_resolv_conf("", "host.local");
  EXPECT_EQ(joined(empty.servers), "127.0.0.1");
  EXPECT_EQ(empty.search, std::vector<std::string>{"local"});
  EXPECT_TRUE(parse_resolv_conf("search\n", "host.local").search.empty());
}

TEST(DnsMessageTest, DamagedAnswersAreErrors) {
  const std::string question = encode_dns_question(7, "web.example", DnsType::kA).value();
  const std::string owner("\xc0\x0c", 2);
  const std::string good = answer_to(question, 0, {record(owner, 1, bytes_of("192.0.2.1"))});
  EXPECT_EQ(joined(parse_dns_answer(good, question).value().addresses), "192.0.2.1");
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(parse_dns_answer(good.substr(0, size), question)) << size;
  EXPECT_FALSE(parse_dns_answer(question, question));
  EXPECT_FALSE(parse_dns_answer(good, encode_dns_question(7, "web.exampla", DnsType::kA).value()));
  EXPECT_FALSE(parse_dns_answer(good, encode_dns_question(7, "web.example", DnsType::kAaaa).value()));
  // An address of the wrong size, a name that points to itself, aliases in a ring.
  EXPECT_FALSE(parse_dns_answer(answer_to(question, 0, {record(owner, 1, "abc")}), question));
  const char here = static_cast<char>(question.size());
  EXPECT_FALSE(parse_dns_answer(answer_to(question, 0, {record({'\xc0', here}, 1, "abcd")}), question));
  const auto ring = parse_dns_answer(answer_to(question, 0, {record(owner, 5, owner)}), question);
  EXPECT_TRUE(ring && ring->addresses.empty());
  // What another name has is not this one's; a server may write the name in capitals.
  const std::string other = answer_to(question, 0, {record(wire_name("evil.example"), 1, bytes_of("192.0.2.6"))});
  EXPECT_TRUE(parse_dns_answer(other, question).value().addresses.empty());
  std::string capitals = good;
  capitals[13] = 'W';
  EXPECT_EQ(joined(parse_dns_answer(capitals, question).value().addresses), "192.0.2.1");
}

}  // namespace
}  // namespace resmon::net
