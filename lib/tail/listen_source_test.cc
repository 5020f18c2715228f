#include "tail/listen_source.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>

#include "tail/shaper.h"
#include "tail/syslog_framing.h"

namespace resmon::tail {
namespace {

using std::chrono::steady_clock;

// All messages of a stream that comes in pieces of `step` bytes.
std::vector<std::string> messages(std::string_view stream, std::size_t step, std::size_t most = 100) {
  std::vector<std::string> out;
  SplitOptions options;
  options.max_bytes = most;
  FrameState state;
  std::string buffer;
  for (std::size_t at = 0; at <= stream.size(); at += step) {
    buffer += stream.substr(std::min(at, stream.size()), step);
    const bool end = at + step >= stream.size();
    std::string_view rest = buffer;
    while (!rest.empty()) {
      const auto event = next_message(rest, end, options, state);
      if (!event) break;
      out.push_back(std::string(event->text) + (event->cut ? "~" : ""));
    }
    buffer.erase(0, buffer.size() - rest.size());
    if (end) break;
  }
  return out;
}

TEST(SyslogFraming, CountedAndByLineInPiecesOfAnySize) {
  using namespace std::string_view_literals;
  const std::string_view stream =
      "11 <1>a\nb c d.4 <2>x<3>with a NUL\0<4>and a line\n7 lines\n{\"a\":1}\r\n99 <5>too short"sv;
  const std::vector<std::string> expected{"<1>a\nb c d.", "<2>x",      "<3>with a NUL", "<4>and a line",
                                          "7 lines",      "{\"a\":1}", "<5>too short"};
  for (const std::size_t step : {1U, 2U, 3U, 7U, 200U}) EXPECT_EQ(messages(stream, step), expected) << step;
}

TEST(SyslogFraming, ALongMessageIsCutAndItsRestIsSkipped) {
  const std::string long_one = "<1>" + std::string(300, 'x');
  const std::string stream = "303 " + long_one + "4 <2>y" + long_one + "\nend\n";
  for (const std::size_t step : {1U, 50U, 1000U})
    EXPECT_EQ(messages(stream, step),
              (std::vector<std::string>{long_one.substr(0, 100) + "~", "<2>y", long_one.substr(0, 100) + "~", "end"}))
        << step;
}

TEST(ListenAddress, IsParsedAndKnowsWhoReachesIt) {
  EXPECT_EQ(parse_listen_address("tcp:localhost:514")->host, "127.0.0.1");
  EXPECT_TRUE(parse_listen_address("udp:[::1]:514")->local());
  EXPECT_FALSE(parse_listen_address("udp:0.0.0.0:514")->local());
  EXPECT_FALSE(parse_listen_address("tcp:[::]:514")->local());
  EXPECT_TRUE(parse_listen_address("unixgram:/run/log")->local());
  for (const char* bad : {"", "unix:", "unix:log", "tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:70000",
                          "udp:example.org:514", "http:127.0.0.1:514", "tcp::514"})
    EXPECT_FALSE(parse_listen_address(bad)) << bad;
  EXPECT_FALSE(parse_listen_address("unix:/" + std::string(200, 'a')));
}

class ListenSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/resmon-listen-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override {
    source_.reset();
    ::rmdir(folder_.c_str());
  }

  ListenOptions options(const std::string& address) {
    ListenOptions out;
    out.address = parse_listen_address(address).value();
    return out;
  }
  void open(ListenOptions options) {
    source_ = std::make_unique<ListenSource>(std::move(options));
    poll();
  }
  bool poll(bool pause = false) { return source_->poll(steady_clock::now(), pause, *shaper_); }
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < shaper_->lines().size(); ++i) out.emplace_back(shaper_->lines()[i].message);
    return out;
  }
  Fd dial(int type) {
    Fd socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path().c_str(), sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return socket;
  }
  static void send(const Fd& socket, std::string_view text) {
    EXPECT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string path() const { return folder_ + "/log"; }

  std::string folder_;
  std::unique_ptr<Shaper> shaper_ = Shaper::make("socket", {}).value();
  std::unique_ptr<ListenSource> source_;
};

TEST_F(ListenSourceTest, TakesMessagesOfSeveralConnectionsAndTheEndOfOne) {
  open(options("unix:" + path()));
  const Fd one = dial(SOCK_STREAM);
  Fd two = dial(SOCK_STREAM);
  send(one, "<13>1 - - app 7 - - first");
  send(two, "half a ");
  poll();
  poll();
  EXPECT_FALSE(poll()) << "a half message is no reason to look again at once";
  EXPECT_FALSE(poll(true)) << "nor is a pause";
  EXPECT_TRUE(lines().empty());
  send(one, "\n{\"level\":\"error\",\"msg\":\"json\"}\n");
  send(two, "line");
  two.reset();
  for (int i = 0; i < 4; ++i) poll();
  EXPECT_EQ(lines(), (std::vector<std::string>{"first", "json", "half a line"}));
  EXPECT_EQ(shaper_->lines()[0].pid, 7U);
  EXPECT_EQ(source_->stats().connections, 1U);
}

TEST_F(ListenSourceTest, DatagramsKeepTheirNewlinesAndWaitWhileThereIsNoRoom) {
  open(options("unixgram:" + path()));
  const Fd socket = dial(SOCK_DGRAM);
  send(socket, "19 <11>app[3]: one\ntwo");
  send(socket, "three\nfour\n");
  poll(true);
  EXPECT_TRUE(lines().empty());
  poll();
  EXPECT_EQ(lines(), (std::vector<std::string>{"one\ntwo", "three", "four"}));
  EXPECT_EQ(shaper_->lines()[0].level, logline::Level::kError);
  EXPECT_FALSE(shaper_->lines()[0].cut);
  EXPECT_FALSE(poll()) << "nothing is left";
}

TEST_F(ListenSourceTest, ALongDatagramIsCutAndMarked) {
  ListenOptions small = options("unixgram:" + path());
  small.split.max_bytes = 300;
  open(std::move(small));
  const Fd socket = dial(SOCK_DGRAM);
  send(socket, std::string(400, 'x'));
  send(socket, std::string(100'000, 'y'));
  poll();
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_EQ(lines()[0].size(), 300U);
  EXPECT_TRUE(shaper_->lines()[0].cut);
  EXPECT_TRUE(shaper_->lines()[1].cut);
  EXPECT_GE(source_->stats().skipped_bytes, 100U);
}

TEST_F(ListenSourceTest, OneConnectionTooManyEndsTheSilentOne) {
  ListenOptions few = options("unix:" + path());
  few.max_connections = 2;
  open(std::move(few));
  const Fd one = dial(SOCK_STREAM);
  poll();
  const Fd two = dial(SOCK_STREAM);
  poll();
  send(one, "one\n");
  poll();
  const Fd three = dial(SOCK_STREAM);
  send(three, "three\n");
  poll();
  poll();
  EXPECT_EQ(lines(), (std::vector<std::string>{"one", "three"}));
  EXPECT_EQ(source_->stats().ended_connections, 1U);
  char byte = 0;
  EXPECT_EQ(::recv(two.get(), &byte, 1, 0), 0);
}

TEST_F(ListenSourceTest, UnfinishedMessagesOfAllConnectionsHaveABound) {
  ListenOptions small = options("unix:" + path());
  small.max_buffered_bytes = 1000;
  open(std::move(small));
  const Fd one = dial(SOCK_STREAM);
  send(one, std::string(1500, 'x'));
  poll();
  poll();
  send(one, "rest\nnext\n");
  poll();
  ASSERT_EQ(lines().size(), 2U);
  EXPECT_TRUE(shaper_->lines()[0].cut);
  EXPECT_EQ(lines()[1], "next");
}

TEST_F(ListenSourceTest, ASocketThatWasLeftBehindIsReplacedAndOneInUseIsNot) {
  open(options("unix:" + path()));
  ListenSource other(options("unix:" + path()));
  EXPECT_FALSE(other.poll(steady_clock::now(), false, *shaper_));
  EXPECT_EQ(other.take_findings().size(), 1U);
  EXPECT_EQ(other.ready_descriptor(), -1);
  source_.reset();
  // Bound, and nobody there any more.
  {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::strncpy(name.sun_path, path().c_str(), sizeof name.sun_path - 1);
    const Fd left(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(left.get(), reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  }
  open(options("unix:" + path()));
  EXPECT_GE(source_->ready_descriptor(), 0);
  send(dial(SOCK_STREAM), "here\n");
  poll();
  poll();
  EXPECT_EQ(lines(), std::vector<std::string>{"here"});
}

}  // namespace
}  // namespace resmon::tail
