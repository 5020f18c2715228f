// What each kind of channel sends, field by field as its service documents it.

#include "notify/request.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/json.hpp>
#include <cstdio>

#include "notify/mail.h"
#include "notify/png.h"
#include "sink/endpoint.h"

namespace resmon::notify {
namespace {

namespace json = boost::json;
using alert::Channel;
using alert::ChannelKind;
using alert::Message;
using alert::MessageItem;
using alert::MessageKind;
using alert::Severity;

constexpr UnixNanos kAt = 1'780'000'000'000'000'000;  // 2026-05-28T20:26:40Z

MessageItem item_of(const std::string& host, const std::string& key) {
  MessageItem item;
  item.key = key;
  item.host = host;
  item.tags = {{"path", "/var"}};
  item.text = "disk.used_percent is 95.2 % (>= 95 %)";
  item.value = "95.2 %";
  item.limit = ">= 95 %";
  item.since = kAt - 60'000'000'000;
  item.link = "https://resmon.example/#/host/" + host;
  return item;
}

Message firing() {
  Message out;
  out.rule = "disk-full";
  out.severity = Severity::kCritical;
  out.title = "critical: disk-full on wéb1 path=/var: 95.2 %";
  out.help = "Delete or move files.";
  out.time = kAt;
  out.alerts = 1;
  out.items = {item_of("wéb1", "0123456789abcdef")};
  out.link = out.items[0].link;
  return out;
}

Message with_points(Message message) {
  message.items[0].points = {1, 2, 3};
  return message;
}

Message resolved() {
  Message out = firing();
  out.kind = MessageKind::kResolved;
  out.title = "Resolved: disk-full on wéb1 after 1 min";
  out.items[0].ended = kAt;
  return out;
}

Channel channel_of(ChannelKind kind, const std::string& url) {
  Channel out;
  out.name = "it";
  out.kind = kind;
  out.url = url;
  return out;
}

std::vector<Prepared> all_of(const Channel& channel, const Message& message, const Secrets& secrets = {}) {
  auto made = prepare(channel, secrets, message);
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return made ? *std::move(made) : std::vector<Prepared>(1);
}
Prepared one_of(const Channel& channel, const Message& message, const Secrets& secrets = {}) {
  auto all = all_of(channel, message, secrets);
  EXPECT_EQ(all.size(), 1U);
  return all[0];
}
json::object body_of(const Prepared& prepared) {
  EXPECT_EQ(prepared.request.content_type, "application/json");
  return json::parse(prepared.request.body).as_object();
}
std::string header_of(const Prepared& prepared, const std::string& name) {
  for (const auto& [key, value] : prepared.request.headers)
    if (key == name) return value;
  return {};
}
std::string text(const json::object& object, const char* key) {
  return std::string(object.at(key).as_string());
}

TEST(Request, Ntfy) {
  Channel channel = channel_of(ChannelKind::kNtfy, "https://ntfy.example/base/");
  channel.topic = "a topic";
  const Prepared made = one_of(channel, firing(), {"tk_1", "", ""});
  EXPECT_EQ(made.origin, "https://ntfy.example:443");
  EXPECT_EQ(made.request.method, sink::Method::kPost);
  EXPECT_EQ(made.request.target, "/base/a%20topic");
  EXPECT_EQ(made.request.authorization, "Bearer tk_1");
  EXPECT_EQ(header_of(made, "Priority"), "5");
  EXPECT_EQ(header_of(made, "Tags"), "rotating_light");
  EXPECT_EQ(header_of(made, "Click"), "https://resmon.example/#/host/wéb1");
  // RFC 2047: a header is ASCII.
  EXPECT_EQ(header_of(made, "Title"), "=?UTF-8?B?" + sink::base64(firing().title) + "?=");
  EXPECT_TRUE(made.request.body.starts_with("wéb1 path=/var: disk.used_percent is 95.2 %")) << made.request.body;
  channel.username = "mia";
  EXPECT_EQ(one_of(channel, firing(), {"", "", "pw"}).request.authorization, "Basic bWlhOnB3");
  const Prepared over = one_of(channel, resolved());
  EXPECT_EQ(header_of(over, "Priority"), "2");
  EXPECT_EQ(header_of(over, "Tags"), "white_check_mark");
}

TEST(Request, NtfyAttachesThePictureAndTheTextIsAHeader) {
  Channel channel = channel_of(ChannelKind::kNtfy, "https://ntfy.example?auth=x");
  channel.topic = "topic";
  const Prepared made = one_of(channel, with_points(firing()), {"tk_1", "", ""});
  EXPECT_EQ(made.request.target, "/topic?auth=x");
  EXPECT_TRUE(made.request.body.starts_with("\x89PNG"));
  EXPECT_EQ(header_of(made, "Filename"), "chart.png");
  EXPECT_EQ(made.request.authorization, "Bearer tk_1");
  ASSERT_NE(made.otherwise, nullptr);
  EXPECT_EQ(made.otherwise->request.target, made.request.target);
  EXPECT_EQ(header_of(made, "Message"), "=?UTF-8?B?" + sink::base64(made.otherwise->request.body) + "?=");
  EXPECT_EQ(header_of(*made.otherwise, "Filename"), "");
}

TEST(Request, Gotify) {
  const Prepared made =
      one_of(channel_of(ChannelKind::kGotify, "http://gotify.example:8080"), firing(), {"A.b", "", ""});
  EXPECT_EQ(made.origin + made.request.target, "http://gotify.example:8080/message");
  EXPECT_EQ(header_of(made, "X-Gotify-Key"), "A.b");
  const json::object body = body_of(made);
  EXPECT_EQ(text(body, "title"), firing().title);
  EXPECT_EQ(body.at("priority").as_int64(), 8);
  EXPECT_EQ(body.at("extras").at("client::notification").at("click").at("url").as_string(), firing().link);
  EXPECT_EQ(made.request.target.find("A.b"), std::string::npos) << "an address ends up in logs";
}

TEST(Request, SlackAndMattermost) {
  for (const ChannelKind kind : {ChannelKind::kSlack, ChannelKind::kMattermost}) {
    const Prepared made = one_of(channel_of(kind, "https://hooks.slack.com/services/T/B/X"), firing());
    EXPECT_EQ(made.request.target, "/services/T/B/X");
    const json::object body = body_of(made);
    EXPECT_EQ(text(body, "text"), firing().title);
    const json::object& attachment = body.at("attachments").as_array().at(0).as_object();
    EXPECT_EQ(text(attachment, "color"), "#c62828");
    EXPECT_EQ(text(attachment, "title_link"), firing().link);
    EXPECT_EQ(attachment.at("ts").as_int64(), kAt / 1'000'000'000);
  }
  EXPECT_EQ(text(body_of(one_of(channel_of(ChannelKind::kSlack, "https://h/x"), resolved()))
                     .at("attachments")
                     .as_array()
                     .at(0)
                     .as_object(),
                 "color"),
            "#2e7d32");
}

TEST(Request, DiscordWithAndWithoutAPicture) {
  const Channel channel = channel_of(ChannelKind::kDiscord, "https://discord.com/api/webhooks/1/t?wait=true");
  const Prepared plain = one_of(channel, firing());
  EXPECT_EQ(plain.request.target, "/api/webhooks/1/t?wait=true");
  const json::object body = body_of(plain);
  const json::object& embed = body.at("embeds").as_array().at(0).as_object();
  EXPECT_EQ(embed.at("color").as_int64(), 0xc62828);
  EXPECT_EQ(text(embed, "timestamp"), alert::time_text(kAt));
  EXPECT_FALSE(embed.contains("image"));
  // A host named @everyone calls nobody.
  EXPECT_TRUE(body.at("allowed_mentions").at("parse").as_array().empty());
  Message message = firing();
  message.items[0].points = {1, 2, 3};
  const Prepared with = one_of(channel, message);
  const std::string mark = "multipart/form-data; boundary=";
  ASSERT_TRUE(with.request.content_type.starts_with(mark)) << with.request.content_type;
  const std::string boundary = "--" + with.request.content_type.substr(mark.size());
  EXPECT_TRUE(with.request.body.starts_with(boundary + "\r\n"));
  EXPECT_TRUE(with.request.body.ends_with("\r\n" + boundary + "--\r\n"));
  EXPECT_NE(with.request.body.find("name=\"files[0]\"; filename=\"chart.png\""), std::string::npos);
  const std::size_t begin = with.request.body.find("\r\n\r\n{") + 4;
  const json::value shown = json::parse(with.request.body.substr(begin, with.request.body.find("\r\n", begin) - begin));
  EXPECT_EQ(shown.at("embeds").as_array().at(0).at("image").at("url").as_string(), "attachment://chart.png");
  EXPECT_NE(with.request.body.find("\x89PNG"), std::string::npos);
}

TEST(Request, Telegram) {
  Channel channel = channel_of(ChannelKind::kTelegram, "https://api.telegram.org");
  channel.chat = "-100";
  const Prepared made = one_of(channel, firing(), {"1:abc", "", ""});
  EXPECT_EQ(made.request.target, "/bot1:abc/sendMessage");
  const json::object body = body_of(made);
  EXPECT_EQ(text(body, "chat_id"), "-100");
  EXPECT_TRUE(text(body, "text").starts_with(firing().title));
  EXPECT_FALSE(body.at("disable_notification").as_bool());
  EXPECT_FALSE(body.contains("parse_mode")) << "a host's name is no markup";
  EXPECT_TRUE(body_of(one_of(channel, resolved(), {"1:abc", "", ""})).at("disable_notification").as_bool());
}

TEST(Request, TelegramHasThePictureWithTheTextBelowWhereItFits) {
  Channel channel = channel_of(ChannelKind::kTelegram, "https://api.telegram.org");
  channel.chat = "-100";
  const Prepared made = one_of(channel, with_points(firing()), {"1:abc", "", ""});
  EXPECT_EQ(made.request.target, "/bot1:abc/sendPhoto");
  EXPECT_TRUE(made.request.content_type.starts_with("multipart/form-data; boundary=")) << made.request.content_type;
  EXPECT_NE(made.request.body.find("name=\"chat_id\"\r\n\r\n-100\r\n"), std::string::npos);
  EXPECT_NE(made.request.body.find("name=\"caption\"\r\n\r\n" + firing().title), std::string::npos);
  EXPECT_NE(made.request.body.find("name=\"photo\"; filename=\"chart.png\"\r\nContent-Type: image/png\r\n\r\n\x89PNG"),
            std::string::npos);
  ASSERT_NE(made.otherwise, nullptr);
  EXPECT_EQ(made.otherwise->request.target, "/bot1:abc/sendMessage");
  EXPECT_TRUE(text(body_of(*made.otherwise), "text").starts_with(firing().title));
  // A caption has 1024 letters at most: the whole text first, then the picture without a sound.
  Message longer = with_points(firing());
  longer.items[0].errors = std::vector<std::string>(5, std::string(250, 'x'));
  const Prepared words = one_of(channel, longer, {"1:abc", "", ""});
  EXPECT_EQ(words.request.target, "/bot1:abc/sendMessage");
  ASSERT_NE(words.then, nullptr);
  EXPECT_EQ(words.then->request.target, "/bot1:abc/sendPhoto");
  EXPECT_TRUE(words.then->can_fail);
  EXPECT_NE(words.then->request.body.find("name=\"disable_notification\"\r\n\r\ntrue\r\n"), std::string::npos);
}

TEST(Request, Matrix) {
  Channel channel = channel_of(ChannelKind::kMatrix, "https://matrix.example");
  channel.chat = "!room:matrix.example";
  const Prepared made = one_of(channel, firing(), {"syt_x", "", ""});
  EXPECT_EQ(made.request.method, sink::Method::kPut);
  const std::string begin = "/_matrix/client/v3/rooms/%21room%3Amatrix.example/send/m.room.message/";
  EXPECT_TRUE(made.request.target.starts_with(begin)) << made.request.target;
  EXPECT_EQ(made.request.authorization, "Bearer syt_x");
  EXPECT_EQ(text(body_of(made), "msgtype"), "m.text");
  // The transaction makes the second delivery of one message the same event.
  EXPECT_EQ(one_of(channel, firing(), {"syt_x", "", ""}).request.target, made.request.target);
  EXPECT_NE(one_of(channel, resolved(), {"syt_x", "", ""}).request.target, made.request.target);
}

TEST(Request, MatrixShowsThePictureAfterTheText) {
  Channel channel = channel_of(ChannelKind::kMatrix, "https://matrix.example");
  channel.chat = "!room:matrix.example";
  const Prepared made = one_of(channel, with_points(firing()), {"syt_x", "", ""});
  EXPECT_EQ(text(body_of(made), "msgtype"), "m.text");
  ASSERT_NE(made.then, nullptr);
  const Prepared& upload = *made.then;
  EXPECT_EQ(upload.request.method, sink::Method::kPost);
  EXPECT_EQ(upload.request.target, "/_matrix/media/v3/upload?filename=chart.png");
  EXPECT_EQ(upload.request.content_type, "image/png");
  EXPECT_EQ(upload.request.authorization, "Bearer syt_x");
  EXPECT_TRUE(upload.can_fail);
  ASSERT_NE(upload.then, nullptr);
  const json::object shown = body_of(*upload.then);
  EXPECT_EQ(text(shown, "msgtype"), "m.image");
  EXPECT_EQ(shown.at("info").at("mimetype").as_string(), "image/png");
  EXPECT_EQ(shown.at("info").at("size").as_int64(), static_cast<std::int64_t>(upload.request.body.size()));
  EXPECT_NE(upload.then->request.target, made.request.target) << "a transaction of its own";
}

TEST(Request, Pushover) {
  Channel channel = channel_of(ChannelKind::kPushover, "https://api.pushover.net");
  channel.chat = "user";
  Message message = firing();
  message.help = std::string(2000, 'x');
  message.items[0].points = {1, 2};
  const Prepared made = one_of(channel, message, {"app", "", ""});
  EXPECT_EQ(made.request.target, "/1/messages.json");
  const json::object body = body_of(made);
  EXPECT_EQ(text(body, "token"), "app");
  EXPECT_EQ(text(body, "user"), "user");
  EXPECT_EQ(body.at("priority").as_int64(), 1);
  EXPECT_LE(text(body, "title").size(), 250U);
  EXPECT_LE(text(body, "message").size(), 1024U);
  EXPECT_EQ(text(body, "attachment_type"), "image/png");
  EXPECT_TRUE(text(body, "attachment_base64").starts_with("iVBORw0KGgo"));
  EXPECT_EQ(body_of(one_of(channel, resolved(), {"app", "", ""})).at("priority").as_int64(), -1);
}

TEST(Request, Teams) {
  const json::object body = body_of(one_of(channel_of(ChannelKind::kTeams, "https://x.example/hook"), firing()));
  EXPECT_EQ(text(body, "type"), "message");
  const json::object& attachment = body.at("attachments").as_array().at(0).as_object();
  EXPECT_EQ(text(attachment, "contentType"), "application/vnd.microsoft.card.adaptive");
  const json::object& card = attachment.at("content").as_object();
  EXPECT_EQ(text(card, "type"), "AdaptiveCard");
  EXPECT_EQ(card.at("body").as_array().at(0).at("text").as_string(), firing().title);
  EXPECT_EQ(card.at("actions").as_array().at(0).at("url").as_string(), firing().link);
  EXPECT_EQ(card.at("body").as_array().size(), 2U);
  const json::object with =
      body_of(one_of(channel_of(ChannelKind::kTeams, "https://x.example/hook"), with_points(firing())));
  const json::value& image = with.at("attachments").as_array().at(0).at("content").at("body").as_array().at(2);
  EXPECT_EQ(image.at("type").as_string(), "Image");
  EXPECT_TRUE(image.at("url").as_string().starts_with("data:image/png;base64,iVBORw0KGgo"));
  EXPECT_LT(json::serialize(with).size(), 28'000U) << "Teams refuses larger ones";
}

// An incident an alert: what ends one of three leaves the other two.
TEST(Request, PagerdutyNamesEachAlert) {
  const Channel channel = channel_of(ChannelKind::kPagerduty, "https://events.pagerduty.com");
  Message message = firing();
  message.items = {item_of("web1", "aa"), item_of("web2", "bb"), item_of("web3", "cc")};
  const auto all = all_of(channel, message, {"routing", "", ""});
  ASSERT_EQ(all.size(), 3U);
  std::vector<std::string> keys;
  for (const Prepared& one : all) {
    EXPECT_EQ(one.request.target, "/v2/enqueue");
    const json::object body = body_of(one);
    EXPECT_EQ(text(body, "routing_key"), "routing");
    EXPECT_EQ(text(body, "event_action"), "trigger");
    const json::object& payload = body.at("payload").as_object();
    EXPECT_EQ(text(payload, "severity"), "critical");
    EXPECT_EQ(text(payload, "class"), "disk-full");
    EXPECT_EQ(payload.at("custom_details").at("value").as_string(), "95.2 %");
    keys.push_back(text(body, "dedup_key"));
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"resmon/aa", "resmon/bb", "resmon/cc"}));
  EXPECT_EQ(body_of(all[1]).at("payload").at("source").as_string(), "web2");
  EXPECT_EQ(body_of(all[1]).at("payload").at("summary").as_string(), "disk-full on web2 path=/var: 95.2 %");
  Message over = resolved();
  over.items = {item_of("web2", "bb")};
  over.items[0].ended = kAt;
  const json::object end = body_of(one_of(channel, over, {"routing", "", ""}));
  EXPECT_EQ(text(end, "event_action"), "resolve");
  EXPECT_EQ(text(end, "dedup_key"), "resmon/bb");
  // Of a message that waited and was merged, each alert keeps its own state.
  message.items[2].ended = kAt;
  const auto mixed = all_of(channel, message, {"routing", "", ""});
  EXPECT_EQ(text(body_of(mixed[0]), "event_action"), "trigger");
  EXPECT_EQ(text(body_of(mixed[2]), "event_action"), "resolve");
}

TEST(Request, AlertmanagerApi) {
  Channel channel = channel_of(ChannelKind::kAlertmanager, "http://am.example:9093/prefix");
  channel.username = "mia";
  const Prepared made = one_of(channel, firing(), {"", "", "pw"});
  EXPECT_EQ(made.request.target, "/prefix/api/v2/alerts");
  EXPECT_EQ(made.request.authorization, "Basic bWlhOnB3");
  const json::array all = json::parse(made.request.body).as_array();
  const json::object& one = all.at(0).as_object();
  EXPECT_EQ(one.at("labels").at("alertname").as_string(), "disk-full");
  EXPECT_EQ(one.at("labels").at("host").as_string(), "wéb1");
  EXPECT_EQ(one.at("labels").at("path").as_string(), "/var");
  EXPECT_EQ(text(one, "startsAt"), alert::time_text(kAt - 60'000'000'000));
  EXPECT_GT(text(one, "endsAt"), alert::time_text(kAt + 86'400'000'000'000)) << "it would end by itself";
  const json::array over = json::parse(one_of(channel, resolved()).request.body).as_array();
  EXPECT_EQ(over.at(0).at("endsAt").as_string(), alert::time_text(kAt));
}

TEST(Request, WebhookSignsItsBody) {
  Channel channel = channel_of(ChannelKind::kWebhook, "https://hook.example/in?x=1");
  const Prepared made = one_of(channel, firing(), {"", "key", ""});
  EXPECT_EQ(made.request.target, "/in?x=1");
  EXPECT_EQ(header_of(made, "X-Resmon-Signature"), "sha256=" + signature("key", made.request.body));
  // RFC 4231, test case 2.
  EXPECT_EQ(signature("Jefe", "what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const json::object body = body_of(made);
  EXPECT_EQ(body.at("version").as_int64(), 1);
  EXPECT_EQ(text(body, "kind"), "firing");
  EXPECT_EQ(text(body, "severity"), "critical");
  EXPECT_EQ(body.at("count").as_int64(), 1);
  const json::object& one = body.at("alerts").as_array().at(0).as_object();
  EXPECT_EQ(text(one, "id"), "0123456789abcdef");
  EXPECT_EQ(one.at("tags").at("path").as_string(), "/var");
  EXPECT_TRUE(one.at("ended").is_null());
  EXPECT_EQ(header_of(one_of(channel, firing()), "X-Resmon-Signature"), "");
  EXPECT_EQ(one_of(channel, firing(), {"tok", "", ""}).request.authorization, "Bearer tok");
}

TEST(Request, WebhookInAlertmanagersForm) {
  Channel channel = channel_of(ChannelKind::kWebhook, "https://hook.example/in");
  channel.format = "alertmanager";
  Message message = firing();
  message.alerts = 3;
  message.items.push_back(item_of("web2", "bb"));
  message.items[1].ended = kAt;
  const json::object body = body_of(one_of(channel, message));
  EXPECT_EQ(text(body, "version"), "4");
  EXPECT_EQ(text(body, "status"), "firing");
  EXPECT_EQ(body.at("truncatedAlerts").as_int64(), 1);
  EXPECT_EQ(body.at("groupLabels").at("alertname").as_string(), "disk-full");
  const json::array& alerts = body.at("alerts").as_array();
  EXPECT_EQ(alerts.at(0).at("status").as_string(), "firing");
  EXPECT_EQ(alerts.at(0).at("fingerprint").as_string(), "0123456789abcdef");
  EXPECT_EQ(alerts.at(0).at("endsAt").as_string(), "0001-01-01T00:00:00Z");
  EXPECT_EQ(alerts.at(1).at("status").as_string(), "resolved");
  EXPECT_EQ(text(body_of(one_of(channel, resolved())), "status"), "resolved");
}

TEST(Request, ErrorsHoldNoSecret) {
  Channel channel = channel_of(ChannelKind::kTelegram, "https://api.example/services/T000/secret-path");
  const Secrets secrets{"1:to/ken", "hmac-key", "pass word"};
  const std::string said = without_secrets(
      "answered 401: no 1:to/ken, 1%3Ato%2Fken, hmac-key, pass word at services/T000/secret-path", channel, secrets);
  EXPECT_EQ(said, "answered 401: no ***, ***, ***, *** at ***");
}

TEST(Request, SecretsComeFromFiles) {
  const std::string path = ::testing::TempDir() + "notify_secret";
  Channel channel;
  channel.token_file = path;
  std::remove(path.c_str());
  EXPECT_FALSE(read_secrets(channel));
  const auto write = [&](const char* content) {
    std::FILE* const file = std::fopen(path.c_str(), "we");
    ASSERT_NE(file, nullptr);
    std::fputs(content, file);
    std::fclose(file);
  };
  write("tok\nmore\n");
  EXPECT_EQ(read_secrets(channel).value().token, "tok");
  write("\n");
  EXPECT_FALSE(read_secrets(channel));
  std::remove(path.c_str());
}

TEST(Mail, HasAPlainAndAHtmlPartAndAPicture) {
  Channel channel = channel_of(ChannelKind::kSmtp, "smtp://mail.example");
  channel.from = "resmon <resmon@example.org>";
  channel.to = {"mia@example.org"};
  Message message = firing();
  message.items[0].errors = {"21:00:01 sshd: <failed> & gone"};
  std::string mail = mail_text(channel, message);
  EXPECT_NE(mail.find("Content-Type: multipart/alternative"), std::string::npos);
  EXPECT_EQ(mail.find("image/png"), std::string::npos);
  EXPECT_NE(mail.find("X-Priority: 1"), std::string::npos);
  message.items[0].points = {1, 5, 2};
  mail = mail_text(channel, message);
  EXPECT_NE(mail.find("Content-Type: multipart/related"), std::string::npos);
  EXPECT_NE(mail.find("Content-ID: <chart@resmon>"), std::string::npos);
  for (std::size_t begin = 0, end = 0; (end = mail.find("\r\n", begin)) != std::string::npos; begin = end + 2)
    ASSERT_LE(end - begin, 998U);
}

std::string chunk_of(const std::string& png, const std::string& type) {
  std::size_t at = 8;
  while (at + 12 <= png.size()) {
    std::uint32_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8U | static_cast<unsigned char>(png[at + static_cast<std::size_t>(i)]);
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < 4; ++i) sum = sum << 8U | static_cast<unsigned char>(png[at + 8 + size + i]);
    EXPECT_EQ(sum, crc32(0, reinterpret_cast<const Bytef*>(png.data() + at + 4), size + 4));
    if (png.compare(at + 4, 4, type) == 0) return png.substr(at + 8, size);
    at += 12 + size;
  }
  return {};
}

TEST(Png, IsOneWithALineAndALimit) {
  EXPECT_EQ(chart_png({1}, {}), "");
  EXPECT_EQ(chart_png({1, std::numeric_limits<double>::quiet_NaN()}, {}), "");
  const std::string png = chart_png({0, 50, 100, 20}, 90);
  EXPECT_LT(png.size(), 8000U);
  EXPECT_TRUE(png.starts_with("\x89PNG\r\n\x1a\n"));
  EXPECT_EQ(chunk_of(png, "IHDR").substr(0, 8), std::string("\0\0\x01\xe0\0\0\0\xa0", 8));
  const std::string packed = chunk_of(png, "IDAT");
  uLongf size = (kChartWidth + 1) * kChartHeight;
  std::string rows(size, '\0');
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(rows.data()), &size, reinterpret_cast<const Bytef*>(packed.data()),
                       static_cast<uLong>(packed.size())),
            Z_OK);
  EXPECT_EQ(size, rows.size());
  const auto pixel = [&](int x, int y) {
    return static_cast<int>(rows[static_cast<std::size_t>(y * (kChartWidth + 1) + 1 + x)]);
  };
  EXPECT_EQ(pixel(8, 151), 3);    // the first value is at the bottom
  EXPECT_EQ(pixel(0, 0), 0);      // paper
  EXPECT_EQ(pixel(317, 8), 3);    // 100 at two thirds, at the top
  EXPECT_EQ(pixel(24, 22), 4);    // the limit, at nine tenths
  EXPECT_EQ(pixel(317, 140), 2);  // below the line
}

}  // namespace
}  // namespace resmon::notify
