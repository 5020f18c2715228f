// The server on a real socket, with requests written by hand: what a well-behaved library would never send is the
// point.

#include "http/server.h"

#include <gtest/gtest.h>

#include "http/test_server.h"

namespace resmon::http {
namespace {

TEST_F(HttpTest, AnswersAndProtectsThePage) {
  const std::string answer = get("/open");
  EXPECT_EQ(status(answer), "HTTP/1.1 200 OK");
  EXPECT_EQ(body(answer), "open\n");
  EXPECT_NE(answer.find("Content-Security-Policy: default-src 'none'"), std::string::npos);
  EXPECT_NE(answer.find("X-Frame-Options: DENY"), std::string::npos);
  EXPECT_EQ(status(get("/unknown")), "HTTP/1.1 404 Not Found");
  EXPECT_EQ(status(get("/form")), "HTTP/1.1 405 Method Not Allowed");
  EXPECT_EQ(status(get("/socket")), "HTTP/1.1 426 Upgrade Required");
}

TEST_F(HttpTest, AnAnswerMaySetSeveralCookies) {
  stop();
  router_.add(
      "GET", "/cookies", Access::kOpen, [](std::shared_ptr<const Request> request) -> asio::awaitable<Response> {
        Response response = Response::text(std::string(request->cookie("b")) + std::string(request->cookie("none")));
        response.headers.emplace_back("Set-Cookie", "one=1");
        response.headers.emplace_back("Set-Cookie", "two=2");
        co_return response;
      });
  start(ServerOptions());
  const std::string answer = get("/cookies", "Cookie: ab=1; b=2; c=3\r\n");
  EXPECT_EQ(body(answer), "2");
  EXPECT_NE(answer.find("Set-Cookie: one=1\r\n"), std::string::npos);
  EXPECT_NE(answer.find("Set-Cookie: two=2\r\n"), std::string::npos);
}

TEST_F(HttpTest, WhomATrustedProxyNamesIsTheClient) {
  stop();
  router_.add("GET", "/who", Access::kOpen, [](std::shared_ptr<const Request> request) -> asio::awaitable<Response> {
    co_return Response::text(request->client);
  });
  ServerOptions options;
  start(options);
  EXPECT_EQ(body(get("/who", "X-Forwarded-For: 203.0.113.5\r\n")), "127.0.0.1");
  options.trusted_proxies = TrustedProxies::parse({"127.0.0.0/8"}).value();
  start(options);
  EXPECT_EQ(body(get("/who")), "127.0.0.1");
  EXPECT_EQ(body(get("/who", "X-Forwarded-For: 203.0.113.5\r\n")), "203.0.113.5");
  // Some proxies add a line of their own; it is the last.
  EXPECT_EQ(body(get("/who", "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 203.0.113.5\r\n")), "203.0.113.5");
  // Whatever it says, the request is not local.
  EXPECT_EQ(status(get("/read", "X-Forwarded-For: 127.0.0.1\r\n")), "HTTP/1.1 401 Unauthorized");
}

TEST_F(HttpTest, AConnectionServesRequestAfterRequest) {
  tcp::socket socket = connect();
  for (int i = 0; i < 50; ++i) {
    asio::write(socket, asio::buffer(std::string("GET /open HTTP/1.1\r\nHost: localhost\r\n\r\n")));
    ASSERT_EQ(body(read(socket, "open\n")), "open\n");
  }
  // Pipelined, the last one closing.
  asio::write(socket,
              asio::buffer(std::string(
                  "GET /open HTTP/1.1\r\nHost: a\r\n\r\nGET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
  const std::string both = read(socket);
  EXPECT_NE(both.find("open\nHTTP/1.1 200 OK"), std::string::npos);
  EXPECT_TRUE(both.ends_with(std::string(10'000, 'x')));
  EXPECT_EQ(server_->stats().requests, 52U);
  EXPECT_EQ(server_->stats().connections, 1U);
}

TEST_F(HttpTest, HeadHasTheHeaderOfGetAndNoBody) {
  const std::string answer = get("/large", "", "HEAD");
  EXPECT_EQ(status(answer), "HTTP/1.1 200 OK");
  EXPECT_NE(answer.find("Content-Length: 10000\r\n"), std::string::npos);
  EXPECT_EQ(body(answer), "");
  // And the connection goes on.
  tcp::socket socket = connect();
  asio::write(socket,
              asio::buffer(std::string(
                  "HEAD /open HTTP/1.1\r\nHost: a\r\n\r\nGET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
  const std::string both = read(socket);
  EXPECT_NE(both.find("\r\n\r\nHTTP/1.1 200 OK"), std::string::npos) << both;
  EXPECT_TRUE(both.ends_with("\r\n\r\nopen\n"));
}

TEST_F(HttpTest, NoContentHasNone) {
  const std::string answer = get("/nothing");
  EXPECT_EQ(status(answer), "HTTP/1.1 204 No Content");
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos);
  EXPECT_EQ(body(answer), "");
}

TEST_F(HttpTest, AHandlerThatThrowsCostsItsRequestOnly) {
  tcp::socket socket = connect();
  asio::write(
      socket,
      asio::buffer(std::string(
          "GET /throws HTTP/1.1\r\nHost: a\r\n\r\nGET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")));
  const std::string both = read(socket);
  EXPECT_TRUE(both.starts_with("HTTP/1.1 500 ")) << both;
  EXPECT_EQ(both.find("a handler's bug"), std::string::npos);
  EXPECT_TRUE(both.ends_with("open\n"));
  EXPECT_EQ(server_->stats().failures, 1U);
}

TEST_F(HttpTest, GzipWhereItIsTakenAndPays) {
  const std::string packed = get("/large", "Accept-Encoding: br, gzip\r\n");
  EXPECT_NE(packed.find("Content-Encoding: gzip\r\n"), std::string::npos);
  EXPECT_EQ(gunzip(body(packed), 10'000).value(), std::string(10'000, 'x'));
  EXPECT_EQ(get("/large").find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(get("/open", "Accept-Encoding: gzip\r\n").find("Content-Encoding"), std::string::npos);
  EXPECT_EQ(body(get("/packed")), "packed");
  EXPECT_EQ(gunzip(body(get("/packed", "Accept-Encoding: gzip\r\n")), 100).value(), "packed");
}

TEST_F(HttpTest, FormsAndBodies) {
  const std::string form = "a=1%2B2&b=3";
  EXPECT_EQ(body(post("Content-Type: application/x-www-form-urlencoded\r\n" + sized(form), form)), "1+2|11");
  EXPECT_EQ(body(post(sized(form), form)), "|11");
  const std::string packed = gzip(form);
  EXPECT_EQ(body(post("Content-Encoding: gzip\r\nContent-Type: application/x-www-form-urlencoded\r\n" + sized(packed),
                      packed)),
            "1+2|11");
  EXPECT_EQ(status(post("Content-Encoding: gzip\r\n" + sized(form), form)), "HTTP/1.1 400 Bad Request");
  // Snappy's block of the same form, as one literal.
  const std::string snappy =
      std::string(1, static_cast<char>(form.size())) + std::string(1, static_cast<char>((form.size() - 1) << 2)) + form;
  ASSERT_LT(form.size(), 60U);
  EXPECT_EQ(body(post("Content-Encoding: snappy\r\nContent-Type: application/x-www-form-urlencoded\r\n" + sized(snappy),
                      snappy)),
            body(post("Content-Encoding: gzip\r\nContent-Type: application/x-www-form-urlencoded\r\n" + sized(packed),
                      packed)));
  EXPECT_EQ(status(post("Content-Encoding: snappy\r\n" + sized(form), form)), "HTTP/1.1 400 Bad Request");
  EXPECT_EQ(body(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")), "|3");
}

TEST_F(HttpTest, BodiesOverTheRoutesBoundAreRefusedHoweverTheyCome) {
  const std::string large(1001, 'x');
  const char* const kTooLarge = "HTTP/1.1 413 Payload Too Large";
  EXPECT_EQ(status(post(sized(large.substr(1)), large.substr(1))), "HTTP/1.1 200 OK");
  EXPECT_EQ(status(post(sized(large), large)), kTooLarge);
  EXPECT_EQ(status(post("Transfer-Encoding: chunked\r\n", "3e9\r\n" + large + "\r\n0\r\n\r\n")), kTooLarge);
  const std::string bomb = gzip(std::string(10'000'000, 'x'));
  EXPECT_EQ(status(post("Content-Encoding: gzip\r\n" + sized(bomb.substr(0, 900)), bomb.substr(0, 900))), kTooLarge);
  // What is only announced is neither waited for nor set aside.
  tcp::socket socket = connect();
  asio::write(socket,
              asio::buffer(std::string("POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999\r\n\r\n")));
  EXPECT_EQ(status(read(socket, "\r\n\r\n")), kTooLarge);
  // A megabyte on its way does not keep the answer from arriving.
  const std::string megabyte(1U << 20U, 'x');
  EXPECT_EQ(status(post(sized(megabyte), megabyte)), kTooLarge);
  EXPECT_EQ(status(post("Expect: 100-continue\r\n" + sized(megabyte), "")), kTooLarge);
}

TEST_F(HttpTest, MalformedRequestsGetAFourHundred) {
  for (const std::string& raw :
       {std::string("\x16\x03\x01\x02\x00\x01\x00", 7) + "\r\n\r\n", std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nno colon\r\n\r\n"), std::string("GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
        "GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n\r\n"})
    EXPECT_EQ(status(exchange(raw)), "HTTP/1.1 400 Bad Request") << raw.substr(0, 40);
  EXPECT_EQ(body(get("/open")), "open\n");
}

TEST_F(HttpTest, ConnectionsHaveABound) {
  ServerOptions options;
  options.max_connections = 3;
  start(options);
  std::vector<tcp::socket> held;
  for (int i = 0; i < 3; ++i) held.push_back(connect());
  ASSERT_TRUE(eventually([&] { return server_->stats().open == 3; }));
  EXPECT_EQ(body(get("/open")), "open\n") << "who comes gets its turn";
  EXPECT_EQ(read(held[0]), "") << "the one that waited the longest has ended";
  EXPECT_EQ(server_->stats().ended, 1U);
  EXPECT_EQ(server_->stats().refused, 0U);
}

TEST_F(HttpTest, ConnectionsThatAreSlowToAskEnd) {
  ServerOptions options;
  options.header_timeout = 1s;
  start(options);
  tcp::socket socket = connect();
  asio::write(socket, asio::buffer(std::string("GET /op")));
  EXPECT_EQ(read(socket), "");
  EXPECT_TRUE(eventually([&] { return server_->stats().open == 0; }));
  EXPECT_EQ(server_->stats().late, 1U);
  // Between requests it is another bound.
  options.header_timeout = 20s;
  options.idle_timeout = 100ms;
  start(options);
  tcp::socket idle = connect();
  asio::write(idle, asio::buffer(std::string("GET /open HTTP/1.1\r\nHost: a\r\n\r\n")));
  EXPECT_TRUE(read(idle).ends_with("open\n"));
  EXPECT_EQ(server_->stats().late, 0U);
}

TEST_F(HttpTest, StopClosesEveryConnection) {
  std::vector<tcp::socket> held;
  for (int i = 0; i < 10; ++i) held.push_back(connect());
  ASSERT_TRUE(eventually([&] { return server_->stats().open == 10; }));
  server_->stop();
  EXPECT_TRUE(eventually([&] { return server_->stats().open == 0; }));
  for (tcp::socket& socket : held) EXPECT_EQ(read(socket), "");
}

struct Case {
  const char* peer = "127.0.0.1:5000";
  std::map<std::string, std::string, std::less<>> headers;
  std::string query;
  bool read = false;
  bool write = false;
};

TEST_F(HttpTest, WhoMayDoWhat) {
  const std::string token = kToken;
  const std::string local = "localhost:7412";
  const Case cases[] = {
      // From this machine, by a name of this machine: reading is free, writing is not.
      {"127.0.0.1:5000", {{"host", local}}, "", true, false},
      {"[::1]:5000", {{"host", "[::1]:7412"}}, "", true, false},
      {"[::ffff:127.0.0.1]:5000", {{"host", "127.0.0.1"}}, "", true, false},
      // A page elsewhere that has its name resolve to this machine.
      {"127.0.0.1:5000", {{"host", "evil.example:7412"}}, "", false, false},
      {"127.0.0.1:5000", {{"host", "localhost.evil.example"}}, "", false, false},
      {"127.0.0.1:5000", {}, "", false, false},
      // A page elsewhere that asks openly.
      {"127.0.0.1:5000", {{"host", local}, {"origin", "http://evil.example"}}, "", false, false},
      {"127.0.0.1:5000", {{"host", local}, {"origin", "null"}}, "", false, false},
      {"127.0.0.1:5000", {{"host", local}, {"origin", "http://localhost:7413"}}, "", false, false},
      {"127.0.0.1:5000", {{"host", local}, {"origin", "http://localhost:7412"}}, "", true, false},
      // From elsewhere.
      {"10.0.0.5:5000", {{"host", local}}, "", false, false},
      {"[2001:db8::1]:5000", {{"host", local}}, "", false, false},
      // With the token, in each of the forms that InfluxDB's clients use.
      {"10.0.0.5:5000", {{"authorization", "Bearer " + token}}, "", true, true},
      {"10.0.0.5:5000", {{"authorization", "bearer " + token}}, "", true, true},
      {"10.0.0.5:5000", {{"authorization", "Token " + token}}, "", true, true},
      {"10.0.0.5:5000", {{"authorization", "Token user:" + token}}, "", true, true},
      {"10.0.0.5:5000", {{"authorization", "Basic dTp0ZXN0LXRva2VuLTAxMjM0NTY3ODk="}}, "", true, true},  // u:token
      {"10.0.0.5:5000", {}, "u=x&p=" + token, true, true},
      // With something that is no token.
      {"10.0.0.5:5000", {{"authorization", "Bearer wrong"}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", "Bearer " + token + "x"}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", "Bearer"}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", token}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", "Basic " + token}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", "Basic !!!!"}}, "", false, false},
      {"10.0.0.5:5000", {{"authorization", "Basic ===="}}, "", false, false},
      {"10.0.0.5:5000", {}, "u=" + token, false, false},
      {"10.0.0.5:5000", {}, "p=", false, false},
  };
  for (const Case& one : cases) {
    Request request;
    request.peer = one.peer;
    request.headers = one.headers;
    ASSERT_TRUE(add_form(one.query, request.query));
    const std::string what = std::string(one.peer) + " host=" + std::string(request.header("host")) +
                             " origin=" + std::string(request.header("origin")) + " " +
                             std::string(request.header("authorization")) + one.query;
    EXPECT_TRUE(server_->allowed(request, Access::kOpen)) << what;
    EXPECT_EQ(server_->allowed(request, Access::kRead), one.read) << what;
    EXPECT_EQ(server_->allowed(request, Access::kWrite), one.write) << what;
    EXPECT_EQ(server_->allowed(request, Access::kHost), one.write) << what;
  }
  ServerOptions strict;
  strict.local_read_without_token = false;
  start(strict);
  Request request;
  request.peer = "127.0.0.1:1";
  request.headers = {{"host", "localhost"}};
  EXPECT_FALSE(server_->allowed(request, Access::kRead));
}

TEST_F(HttpTest, AClientsTokenIsNoneHere) {
  Request request;
  request.peer = "10.0.0.5:5000";
  for (const std::string scheme : {"Bearer ", "Token ", "Token web1:"}) {
    request.headers = {{"authorization", scheme + kBoundToken}};
    EXPECT_EQ(server_->judge(request, Access::kHost), Server::Verdict::kYes) << scheme;  // what is for clients
    for (const Access access : {Access::kRead, Access::kWrite, Access::kAdmin})
      EXPECT_EQ(server_->judge(request, access), Server::Verdict::kOnlyClient) << scheme;
  }
  // Where no token is needed it does no harm.
  request.peer = "127.0.0.1:5000";
  request.headers.insert_or_assign("host", "localhost");
  EXPECT_EQ(server_->judge(request, Access::kRead), Server::Verdict::kYes);
  const std::string head = std::string("GET /read HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n");
  const std::string answer = exchange(head + "Authorization: Bearer " + kBoundToken + "\r\n\r\n");
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 403") << answer;
  EXPECT_NE(answer.find("only for the connection of the client"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("web1"), std::string::npos) << answer;
}

TEST_F(HttpTest, DeniedSaysHowToDoBetter) {
  const std::string answer = exchange("GET /read HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(status(answer), "HTTP/1.1 401 Unauthorized");
  EXPECT_NE(answer.find("WWW-Authenticate: Bearer"), std::string::npos);
  EXPECT_EQ(server_->stats().denied, 1U);
  EXPECT_EQ(body(get("/read")), "read\n");
}

class SocketTest : public HttpTest {
 protected:
  tcp::socket upgrade(const std::string& headers = "") {
    tcp::socket socket = connect();
    asio::write(socket,
                asio::buffer("GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
                             headers + "\r\n"));
    const std::string answer = read(socket, "\r\n\r\n");
    EXPECT_EQ(status(answer), "HTTP/1.1 101 Switching Protocols");
    EXPECT_NE(answer.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), std::string::npos);  // RFC 6455's example
    return socket;
  }
  static void send(tcp::socket& socket, const std::string& text) {
    std::string frame = {
        static_cast<char>(0x81), static_cast<char>(0x80 | text.size()), 0, 0, 0, 0};  // a mask of zeros
    asio::write(socket, asio::buffer(frame + text));
  }
};

TEST_F(SocketTest, Echoes) {
  tcp::socket socket = upgrade();
  for (const char* text : {"one", "two"}) {
    send(socket, text);
    const std::string wanted = std::string("echo ") + text;
    EXPECT_TRUE(read(socket, wanted).ends_with(wanted));
  }
}

TEST_F(SocketTest, ATokenInTheFirstMessageWillDo) {
  tcp::socket socket = upgrade("Origin: http://evil.example\r\n");
  send(socket, std::string(R"({"token": ")") + kToken + "\"}");
  send(socket, "one");
  EXPECT_TRUE(read(socket, "echo one").ends_with("echo one"));
}

TEST_F(SocketTest, AnythingElseInTheFirstMessageWillNot) {
  for (const char* first :
       {"", "hello", "{}", R"({"token": "wrong"})", R"({"token": 1})", R"(["token"])", R"({"token": )"}) {
    tcp::socket socket = upgrade("Origin: http://evil.example\r\n");
    send(socket, first);
    const std::string answer = read(socket, "a token is needed");
    EXPECT_TRUE(answer.starts_with("\x88")) << first;
    EXPECT_EQ(answer.substr(2, 2), "\x03\xf0") << first;  // 1008, policy
  }
  EXPECT_EQ(server_->stats().denied, 7U);
}

TEST_F(SocketTest, AMessageOverTheBoundEndsIt) {
  tcp::socket socket = upgrade();
  const std::string head = {
      static_cast<char>(0x81), static_cast<char>(0xff), 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0};  // 128 KiB
  boost::system::error_code ignored;
  asio::write(socket, asio::buffer(head + std::string(128U << 10U, 'x')), ignored);
  read(socket);
  EXPECT_TRUE(eventually([&] { return server_->stats().open == 0; }));
}

TEST_F(SocketTest, StopEndsIt) {
  tcp::socket socket = upgrade();
  send(socket, "one");
  read(socket, "echo one");
  server_->stop();
  EXPECT_TRUE(eventually([&] { return server_->stats().open == 0; }));
}

}  // namespace
}  // namespace resmon::http
