// Requests that are made to be understood in two ways, to take more than they are worth, or to keep others out.

#include <gtest/gtest.h>
#include <poll.h>

#include <boost/asio/post.hpp>
#include <future>

#include "http/test_server.h"

namespace resmon::http {
namespace {

class HostileTest : public HttpTest {
 protected:
  void SetUp() override {
    const Handler count = [](std::shared_ptr<const Request> request) -> asio::awaitable<Response> {
      co_return Response::text(std::to_string(request->query.size()) + " " + std::to_string(request->body.size()));
    };
    router_.add("POST", "/forms", Access::kRead, count, 1U << 20U, Body::kForm);
    router_.add("POST", "/data", Access::kRead, count, 32U << 20U);
    router_.add("GET", "/huge", Access::kOpen,
                [](auto) -> asio::awaitable<Response> { co_return Response::text(std::string(8U << 20U, 'x')); });
    HttpTest::SetUp();
  }

  // A body that is a request itself, for whoever misses where the first one ends.
  static constexpr const char* kSecond = "GET /open HTTP/1.1\r\nHost: a\r\nX: second\r\n\r\n";
  std::string framed(const std::string& headers, const std::string& version = "1.1") {
    return exchange("POST /form HTTP/" + version + "\r\nHost: a\r\n" + headers + "\r\n" + kSecond);
  }
  void expect_refused(const std::string& answer, const std::string& code, const std::string& what) {
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + code)) << what << ": " << answer;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << what;
    EXPECT_EQ(answer.find("HTTP/1.1", 1), std::string::npos) << what << ": answered twice";
  }
};

TEST_F(HostileTest, UnknownTransferCodingsAreNotGuessed) {
  for (const char* coding : {"xchunked", "identity", "\"chunked\"", "chunked, identity", "identity, chunked",
                             "gzip, chunked", "chunked;q=1", "chunkedx", "x chunked", "chunked chunked", "IDENTITY"})
    expect_refused(framed(std::string("Transfer-Encoding: ") + coding + "\r\n"), "501", coding);
  expect_refused(framed("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"), "501", "two lines");
  expect_refused(framed("transfer-encoding: xchunked\r\n"), "501", "lower case");
}

TEST_F(HostileTest, ABodyEndsInOneWay) {
  for (const char* headers :
       {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 3\r\n", "Content-Length: 3\r\nTransfer-Encoding:\r\n",
        "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n", "Transfer-Encoding: ,\r\n", "Transfer-Encoding : chunked\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3, 4\r\n", "Content-Length: +3\r\n",
        "Content-Length: -3\r\n", "Content-Length: 0x3\r\n", "Content-Length:\r\n"})
    expect_refused(framed(headers), "400", headers);
  expect_refused(framed("Transfer-Encoding: chunked\r\n", "1.0"), "400", "HTTP/1.0");
  // The one way there is, in any case and with blanks.
  for (const char* coding : {"chunked", "Chunked", "CHUNKED", " chunked ", ", chunked,"})
    EXPECT_EQ(body(post(std::string("Transfer-Encoding:") + coding + "\r\n", "3\r\nabc\r\n0\r\n\r\n")), "|3") << coding;
}

TEST_F(HostileTest, OneHost) {
  expect_refused(exchange("GET /open HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"), "400", "two");
  expect_refused(exchange("GET /open HTTP/1.1\r\nHost: localhost\r\nhost: localhost\r\n\r\n"), "400", "twice the same");
}

TEST_F(HostileTest, EveryRequestOfThisVersionHasAHost) {
  expect_refused(exchange("GET /open HTTP/1.1\r\n\r\n"), "400", "none");
  expect_refused(exchange("GET http://localhost/open HTTP/1.1\r\n\r\n"), "400", "none beside a whole address");
  EXPECT_EQ(body(exchange("GET /open HTTP/1.0\r\n\r\n")), "open\n");
  EXPECT_EQ(body(exchange("GET /open HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n")), "open\n");
  for (const char* host :
       {"a b", "a/b", "a@b", "[::1].evil.example", "[::1", "::1", "a:b", "a:99999", "a,b", "[]", "a?b"})
    expect_refused(exchange(std::string("GET /open HTTP/1.1\r\nHost: ") + host + "\r\n\r\n"), "400", host);
  for (const char* host :
       {"LOCALHOST", "LocalHost:7412", "127.0.0.1", "127.0.0.1:7412", "[::1]", "[::1]:7412", "localhost:"})
    EXPECT_EQ(body(exchange(std::string("GET /read HTTP/1.1\r\nConnection: close\r\nHost: ") + host + "\r\n\r\n")),
              "read\n")
        << host;
}

TEST_F(HostileTest, ATargetMayBeAWholeAddress) {
  const auto ask = [&](const std::string& target, const std::string& host = "localhost") {
    return exchange("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  };
  for (const char* target : {"http://localhost/open", "http://localhost:7412/open?a=1", "HTTPS://monitor.example/open"})
    EXPECT_EQ(body(ask(target)), "open\n") << target;
  // Its authority is what counts, and Host does not.
  EXPECT_EQ(body(ask("http://127.0.0.1:7412/read", "evil.example")), "read\n");
  EXPECT_EQ(status(ask("http://evil.example/read", "localhost")), "HTTP/1.1 401 Unauthorized");
  EXPECT_EQ(status(ask("http://localhost")), "HTTP/1.1 404 Not Found") << "the path is /";
  EXPECT_EQ(status(ask("http://localhost?a=1")), "HTTP/1.1 404 Not Found");
  for (const char* target : {"http://", "http:///open", "http://a@localhost/open", "http://localhost:x/open",
                             "ftp://localhost/open", "localhost/open", "open", "http:/open"})
    EXPECT_EQ(status(ask(target)), "HTTP/1.1 400 Bad Request") << target;
  EXPECT_NE(exchange("GET http://localhost/socket HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").find(" 426 "),
            std::string::npos);
}

TEST_F(HostileTest, ChunksThatAreNoneAreAnswered) {
  for (const char* chunks : {"x\r\nabc\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n", "-1\r\nabc\r\n", "+3\r\nabc\r\n0\r\n\r\n",
                             "0x3\r\nabc\r\n0\r\n\r\n", "fffffffffffffffff\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n",
                             "3\r\nabc0\r\n\r\n", "3 3\r\nabc\r\n0\r\n\r\n"})
    expect_refused(post("Transfer-Encoding: chunked\r\n", chunks), "400", chunks);
  // What follows the last chunk adds nothing to the head.
  const std::string gzip_after = "3\r\nabc\r\n0\r\nContent-Encoding: gzip\r\nContent-Type: multipart/x\r\n\r\n";
  EXPECT_EQ(body(post("Transfer-Encoding: chunked\r\n", gzip_after)), "|3");
}

TEST_F(HostileTest, WhatAProxyPassesOnIsNotLocal) {
  EXPECT_EQ(body(get("/read")), "read\n");
  for (const char* name : {"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
                           "X-Forwarded-Anything", "X-Real-IP", "x-real-ip", "X-FORWARDED-FOR"})
    for (const std::string& value : {std::string(), std::string(" "), std::string(" 10.0.0.1")}) {
      const std::string line = name + (":" + value) + "\r\n";
      EXPECT_EQ(status(get("/read", line)), "HTTP/1.1 401 Unauthorized") << line;
      EXPECT_EQ(status(get("/read", std::string(name) + ":\r\n" + line)), "HTTP/1.1 401 Unauthorized") << line;
    }
}

TEST_F(HostileTest, ParametersHaveABound) {
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "b&";
  const std::string form = "Content-Type: application/x-www-form-urlencoded\r\n";
  ServerOptions options;
  start(options);
  EXPECT_EQ(status(exchange("GET /open?" + many + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")),
            "HTTP/1.1 400 Bad Request");
  const std::string answer = post(form + sized(many), many, "/forms");
  EXPECT_EQ(status(answer), "HTTP/1.1 400 Bad Request");
  EXPECT_NE(answer.find("1000 parameters"), std::string::npos);
  // A body that is not for forms is not looked at, whatever it says it is.
  EXPECT_EQ(body(post(form + sized(many), many, "/data")), "0 2002");
  EXPECT_EQ(body(post("Content-Type: Application/X-WWW-Form-Urlencoded; charset=utf-8\r\n" + sized("b=1&b=2"),
                      "b=1&b=2", "/forms")),
            "2 7");
}

TEST_F(HostileTest, FieldsOfAHeadHaveABound) {
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a:\r\n";
  EXPECT_EQ(status(get("/open", many)), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(status(get("/open", many.substr(0, 4 * 90))), "HTTP/1.1 200 OK");
}

TEST_F(HostileTest, AnswersThatNobodyTakesHaveABoundTogether) {
  ServerOptions options;
  options.body_memory_bytes = 32U << 20U;
  start(options);
  // Each is 8 MiB and more than the kernel takes off the server.
  const std::string ask = "GET /huge HTTP/1.1\r\nHost: a\r\n\r\n";
  std::vector<tcp::socket> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(connect());
    asio::write(readers.back(), asio::buffer(ask));
  }
  ASSERT_TRUE(eventually([&] { return server_->stats().bodies_refused > 0; }));
  EXPECT_LE(server_->memory_bytes(), options.body_memory_bytes);
  EXPECT_EQ(body(get("/open")), "open\n") << "small ones go on";
  readers.clear();
  EXPECT_TRUE(eventually([&] { return server_->memory_bytes() == 0; }));
  EXPECT_EQ(status(get("/huge")), "HTTP/1.1 200 OK");
}

TEST_F(HostileTest, WhoTricklesKeepsNobodyOut) {
  ServerOptions options;
  options.max_connections = 20;
  start(options);
  std::vector<tcp::socket> trickling;
  for (int i = 0; i < 100; ++i) {
    trickling.push_back(connect());
    // Of the head, or of a body that is not much.
    const std::string begin =
        i % 2 == 0 ? "GET /op" : "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nabc";
    boost::system::error_code ignored;
    asio::write(trickling.back(), asio::buffer(begin), ignored);
    EXPECT_EQ(body(get("/open")), "open\n") << i;
  }
  EXPECT_GE(server_->stats().ended, 80U);
  EXPECT_EQ(server_->stats().refused, 0U);
}

// The network's thread answers others while the workers unpack, read forms and pack.
TEST_F(HostileTest, LargeWorkIsDoneElsewhere) {
  ServerOptions options;
  options.workers = 1;
  start(options);
  const std::string token = std::string("Authorization: Token ") + kToken + "\r\n";
  const std::string packed = gzip(std::string(20'000'000, 'x'));
  const std::string form = "a=" + std::string(200'000, 'x');
  const std::string part =
      "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + std::string(200'000, 'x') + "\r\n--b--";
  const std::string close = "Host: localhost\r\nConnection: close\r\n";
  const std::pair<std::string, std::string> cases[] = {
      {"POST /data HTTP/1.1\r\n" + close + token + "Content-Encoding: gzip\r\n" + sized(packed) + "\r\n" + packed,
       "0 20000000"},
      {"POST /forms HTTP/1.1\r\n" + close + token + "Content-Type: application/x-www-form-urlencoded\r\n" +
           sized(form) + "\r\n" + form,
       "1 200002"},
      {"POST /forms HTTP/1.1\r\n" + close + token + "Content-Type: multipart/form-data; boundary=b\r\n" + sized(part) +
           "\r\n" + part,
       "1 200054"},
      {"GET /huge HTTP/1.1\r\n" + close + "Accept-Encoding: gzip\r\n\r\n", ""}};
  for (const auto& [request, answer] : cases) {
    std::promise<void> busy;
    asio::post(server_->workers(), [wait = busy.get_future().share()] { wait.wait(); });
    tcp::socket socket = connect();
    asio::write(socket, asio::buffer(request));
    // It has been read: its memory is held. And others have their answers.
    ASSERT_TRUE(eventually([&] { return server_->memory_bytes() > 50'000; }));
    EXPECT_EQ(body(get("/open")), "open\n");
    pollfd readable{socket.native_handle(), POLLIN, 0};
    EXPECT_EQ(::poll(&readable, 1, 0), 0) << "answered without a worker: " << request.substr(0, 20);
    busy.set_value();
    const std::string got = read(socket);
    EXPECT_EQ(status(got), "HTTP/1.1 200 OK");
    EXPECT_TRUE(answer.empty() || body(got) == answer) << body(got).substr(0, 100);
    ASSERT_TRUE(eventually([&] { return server_->memory_bytes() == 0; }));
  }
}

}  // namespace
}  // namespace resmon::http
