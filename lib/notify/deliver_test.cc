// Deliveries over a real connection: answers, errors without secrets, an attempt that breaks off in the middle.

#include "notify/deliver.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include "sink/test_support.h"

namespace resmon::notify {
namespace {

namespace asio = boost::asio;
using sink::testing::FakeServer;
using sink::testing::reply;

alert::Message message_about(std::vector<std::string> keys) {
  alert::Message out;
  out.rule = "disk-full";
  out.title = "disk-full";
  out.time = 1'780'000'000'000'000'000;
  for (std::string& key : keys) {
    alert::MessageItem item;
    item.key = std::move(key);
    item.host = "web1";
    item.since = out.time;
    out.items.push_back(std::move(item));
  }
  out.alerts = out.items.size();
  return out;
}

Status delivered(const alert::Channel& channel, const alert::Message& message) {
  asio::io_context context;
  auto done = asio::co_spawn(context, deliver(context.get_executor(), context.get_executor(), channel, message),
                             asio::use_future);
  context.run();
  return done.get();
}

alert::Channel pager(const std::string& url) {
  alert::Channel out;
  out.kind = alert::ChannelKind::kPagerduty;
  out.url = url;
  out.token = "routing-key-1";
  out.timeout = std::chrono::seconds(5);
  return out;
}

TEST(Deliver, AnswersDecideWhetherItIsTriedForLong) {
  for (const auto& [status, kind] : {std::pair{500, ErrorKind::kUnavailable},
                                     {503, ErrorKind::kUnavailable},
                                     {429, ErrorKind::kUnavailable},
                                     {401, ErrorKind::kDenied},
                                     {404, ErrorKind::kDenied}}) {
    FakeServer server([status = status](const auto&) { return reply(status, R"({"message":"no: routing-key-1"})"); });
    const Status done = delivered(pager(server.url()), message_about({"a"}));
    ASSERT_FALSE(done) << status;
    EXPECT_EQ(done.error().kind, kind) << status;
    EXPECT_NE(done.error().message.find(std::to_string(status)), std::string::npos) << done.error().message;
    EXPECT_EQ(done.error().message.find("routing-key-1"), std::string::npos) << done.error().message;
  }
  FakeServer good([](const auto&) { return reply(202, "{}"); });
  EXPECT_TRUE(delivered(pager(good.url()), message_about({"a"})));
}

TEST(Deliver, SeveralRequestsEndWithTheFirstThatFails) {
  int refused_after = 1;
  FakeServer server([&](const auto& request) {
    return request.body.find("\"dedup_key\":\"resmon/b\"") != std::string::npos && refused_after-- > 0
               ? reply(503, "later")
               : reply(202, "{}");
  });
  const alert::Message message = message_about({"a", "b", "c"});
  EXPECT_FALSE(delivered(pager(server.url()), message));
  EXPECT_EQ(server.requests().size(), 2U);
  EXPECT_TRUE(delivered(pager(server.url()), message));
  EXPECT_EQ(server.requests().size(), 5U);
}

TEST(Deliver, NobodyThereIsAnErrorWithoutTheAddress) {
  alert::Channel channel;
  channel.kind = alert::ChannelKind::kSlack;
  {
    FakeServer gone([](const auto&) { return reply(200, ""); });
    channel.url = gone.url("/services/T1/B2/very-secret");
  }
  channel.timeout = std::chrono::seconds(2);
  const Status done = delivered(channel, message_about({"a"}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, ErrorKind::kUnavailable);
  EXPECT_EQ(done.error().message.find("very-secret"), std::string::npos) << done.error().message;
}

TEST(Deliver, AProgramGetsTheMessageAndTooLongOnesEnd) {
  alert::Channel channel;
  channel.kind = alert::ChannelKind::kExec;
  channel.command = {"/bin/sh", "-c", R"(grep -q '"rule":"disk-full"' && [ "$RESMON_TITLE" = disk-full ])"};
  EXPECT_TRUE(delivered(channel, message_about({"a"})));
  channel.command = {"/bin/sh", "-c", "echo broken; exit 3"};
  const Status failed = delivered(channel, message_about({"a"}));
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message.find("broken"), std::string::npos) << failed.error().message;
  channel.command = {"/bin/sh", "-c", "sleep 60"};
  channel.timeout = std::chrono::milliseconds(200);
  EXPECT_FALSE(delivered(channel, message_about({"a"})));
}

}  // namespace
}  // namespace resmon::notify
