// Deliveries over a real connection: answers, errors without secrets, an attempt that breaks off in the middle.

#include "notify/deliver.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <map>

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

alert::Message message_with_picture(std::size_t error_bytes = 10) {
  alert::Message out = message_about({"a"});
  out.items[0].points = {1, 5, 3};
  out.items[0].errors = {std::string(error_bytes, 'e')};
  return out;
}

// The parts of multipart/form-data by name; empty where it is none.
std::map<std::string, std::string> form_of(const sink::testing::Request& request) {
  std::map<std::string, std::string> out;
  const std::string& type = request.headers.at("content-type");
  const std::size_t at = type.find("boundary=");
  if (!type.starts_with("multipart/form-data;") || at == std::string::npos) return out;
  const std::string mark = "--" + type.substr(at + 9);
  for (std::size_t begin = request.body.find(mark); begin != std::string::npos;) {
    begin += mark.size() + 2;
    const std::size_t end = request.body.find("\r\n" + mark, begin);
    if (end == std::string::npos) break;
    const std::string part = request.body.substr(begin, end - begin);
    const std::size_t name = part.find("name=\"") + 6;
    const std::size_t content = part.find("\r\n\r\n");
    if (content != std::string::npos) out[part.substr(name, part.find('"', name) - name)] = part.substr(content + 4);
    begin = end + 2;
  }
  return out;
}

// As the Bot API answers: a photo without a chat or with a long caption is refused, and in some chats every photo.
struct Telegram {
  bool takes_photos = true;
  std::vector<std::string> said;  // "text …" and "photo …"

  std::string operator()(const sink::testing::Request& request) {
    const auto refuse = [](const std::string& why) {
      return reply(400, R"({"ok":false,"error_code":400,"description":"Bad Request: )" + why + "\"}");
    };
    if (request.target == "/bot1:x/sendMessage") {
      const boost::json::value body = boost::json::parse(request.body);
      if (body.at("chat_id").as_string() != "-100") return refuse("chat not found");
      said.push_back("text " + std::string(body.at("text").as_string()));
    } else {
      if (request.target != "/bot1:x/sendPhoto") return reply(404, R"({"ok":false,"description":"Not Found"})");
      const auto form = form_of(request);
      if (!form.contains("chat_id") || form.at("chat_id") != "-100") return refuse("chat not found");
      if (!form.contains("photo") || !form.at("photo").starts_with("\x89PNG")) return refuse("there is no photo");
      if (form.at("caption").size() > 1024) return refuse("message caption is too long");
      if (!takes_photos) return refuse("not enough rights to send photos to the chat");
      said.push_back("photo " + form.at("caption"));
    }
    return reply(200, R"({"ok":true,"result":{"message_id":7}})");
  }
};

TEST(Deliver, TelegramShowsAPictureAndAGroupThatForbidsThemGetsTheText) {
  Telegram telegram;
  FakeServer server([&](const auto& request) { return telegram(request); });
  alert::Channel channel = pager(server.url());
  channel.kind = alert::ChannelKind::kTelegram;
  channel.token = "1:x";
  channel.chat = "-100";
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  ASSERT_EQ(telegram.said.size(), 1U);
  EXPECT_TRUE(telegram.said[0].starts_with("photo disk-full\n")) << telegram.said[0];
  EXPECT_TRUE(delivered(channel, message_with_picture(2000)));
  ASSERT_EQ(telegram.said.size(), 3U);
  EXPECT_NE(telegram.said[1].find(std::string(2000, 'e')), std::string::npos) << telegram.said[1];
  EXPECT_EQ(telegram.said[2], "photo disk-full");
  telegram.takes_photos = false;
  telegram.said.clear();
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  EXPECT_TRUE(delivered(channel, message_with_picture(2000)));
  ASSERT_EQ(telegram.said.size(), 2U);
  EXPECT_TRUE(telegram.said[0].starts_with("text disk-full\n")) << telegram.said[0];
  channel.chat = "-1";
  EXPECT_FALSE(delivered(channel, message_with_picture()));
}

TEST(Deliver, MatrixGetsTextUploadAndPictureAndTheTextAloneWithoutAMediaStore) {
  std::vector<std::string> said;
  bool takes_media = true;
  FakeServer server([&](const auto& request) {
    if (request.headers.at("authorization") != "Bearer syt")
      return reply(401, R"({"errcode":"M_UNKNOWN_TOKEN","error":"Invalid access token passed."})");
    if (request.target == "/_matrix/media/v3/upload?filename=chart.png") {
      EXPECT_EQ(request.method, "POST");
      EXPECT_EQ(request.headers.at("content-type"), "image/png");
      if (!takes_media) return reply(403, R"({"errcode":"M_FORBIDDEN"})");
      said.emplace_back(request.body.starts_with("\x89PNG") ? "upload" : "no picture");
      return reply(200, R"({"content_uri":"mxc://example.com/AQwafuaFswefuhsfAFAgsw"})");
    }
    EXPECT_EQ(request.method, "PUT");
    EXPECT_TRUE(request.target.starts_with("/_matrix/client/v3/rooms/%21a%3Ab/send/m.room.message/")) << request.target;
    const boost::json::value event = boost::json::parse(request.body);
    std::string kind(event.at("msgtype").as_string());
    if (kind == "m.image") kind += " " + std::string(event.at("url").as_string());
    said.push_back(kind);
    return reply(200, R"({"event_id":"$YUwRidLecu:example.com"})");
  });
  alert::Channel channel = pager(server.url());
  channel.kind = alert::ChannelKind::kMatrix;
  channel.token = "syt";
  channel.chat = "!a:b";
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  EXPECT_EQ(said, (std::vector<std::string>{"m.text", "upload", "m.image mxc://example.com/AQwafuaFswefuhsfAFAgsw"}));
  said.clear();
  takes_media = false;
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  EXPECT_EQ(said, std::vector<std::string>{"m.text"});
}

TEST(Deliver, NtfyWithoutAttachmentsGetsTheText) {
  bool takes_files = true;
  std::vector<std::string> said;
  FakeServer server([&](const auto& request) {
    const bool file = request.headers.contains("filename");
    if (file && !takes_files)
      return reply(400, R"({"code":40014,"http":400,"error":"invalid request: attachments not allowed"})");
    said.push_back(file ? "file " + request.headers.at("message") : "text " + request.body);
    return reply(200, R"({"id":"xE73Iyuabi","event":"message"})");
  });
  alert::Channel channel = pager(server.url());
  channel.kind = alert::ChannelKind::kNtfy;
  channel.topic = "t";
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  takes_files = false;
  EXPECT_TRUE(delivered(channel, message_with_picture()));
  ASSERT_EQ(said.size(), 2U);
  EXPECT_TRUE(said[0].starts_with("file =?UTF-8?B?")) << said[0];
  EXPECT_TRUE(said[1].starts_with("text web1")) << said[1];
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
  std::signal(SIGPIPE, SIG_IGN);  // as in the server: a program may end without reading its message
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
