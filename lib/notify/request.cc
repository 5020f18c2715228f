#include "notify/request.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/file.h"
#include "base/hex.h"
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

constexpr std::size_t kSecretBytes = 4096;
constexpr std::size_t kNtfyHeaderText = 3000;   // as a header 4,000: proxies take 8 KiB
constexpr std::size_t kTelegramCaption = 1024;  // UTF-16 units, of which no text has more than bytes
constexpr std::size_t kTeamsPicture = 16'000;   // a message may have 28 KB

Result<std::string> secret_of(const std::string& given, const std::string& file, const char* key) {
  if (file.empty()) return given;
  auto content = read_file(file, kSecretBytes);
  if (!content) return fail(std::move(content).error().wrap(key));
  std::string line = content->substr(0, content->find_first_of("\r\n"));
  if (line.empty()) return fail(ErrorKind::kInvalid, std::string(key) + ": " + file + ": its first line is empty");
  return line;
}

bool ended(const Message& message) {
  return message.kind == MessageKind::kResolved;
}

// A message that was merged of several has alerts that go on beside some that are over.
bool is_over(const Message& message, const MessageItem& item) {
  return item.ended != 0 || (message.items.empty() && ended(message));
}

// Services cut or refuse long texts. At a letter's beginning, so that UTF-8 stays whole.
std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  std::size_t end = most - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "…";
}

// Without the title, which has a place of its own.
std::string text_below_title(const Message& message) {
  std::string text = message.plain_text();
  text.erase(0, std::min(text.find_first_not_of('\n', message.title.size()), text.size()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.empty() ? message.title : text;
}

int level(const Message& message, int info, int warning, int critical) {
  if (ended(message)) return info;
  return message.severity == Severity::kCritical ? critical : message.severity == Severity::kWarning ? warning : info;
}

std::string colour(const Message& message) {
  if (ended(message)) return "#2e7d32";
  return message.severity == Severity::kCritical  ? "#c62828"
         : message.severity == Severity::kWarning ? "#ef6c00"
                                                  : "#1565c0";
}

// RFC 2047, which ntfy reads: what is not ASCII would be lost in a header, and a line's end would end it.
std::string encoded_word(const std::string& text) {
  return "=?UTF-8?B?" + sink::base64(text) + "?=";
}

std::string header_text(const std::string& text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; })) return text;
  return encoded_word(text);
}

// Alertmanager refuses a label whose name has other letters, and the alert with it.
std::string label_name(const std::string& tag) {
  std::string out = tag;
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  return out.empty() || (out[0] >= '0' && out[0] <= '9') ? "_" + out : out;
}

json::object labels_of(const Message& message, const MessageItem& item) {
  json::object labels;
  for (const metric::Tag& tag : item.tags) labels[label_name(tag.key)] = tag.value;
  labels["alertname"] = message.rule.empty() ? "resmon" : message.rule;
  labels["severity"] = std::string(alert::severity_name(message.severity));
  if (!item.host.empty()) labels["host"] = item.host;
  return labels;
}

json::object alertmanager_alert(const Message& message, const MessageItem& item) {
  json::object annotations{{"summary", message.title}, {"description", item.text}};
  if (!message.help.empty()) annotations["help"] = message.help;
  json::object out{{"labels", labels_of(message, item)},
                   {"annotations", std::move(annotations)},
                   {"startsAt", alert::time_text(item.since)},
                   {"generatorURL", item.link}};
  if (item.ended != 0) out["endsAt"] = alert::time_text(item.ended);
  return out;
}

// A message about nothing in particular (a test) is one alert.
std::vector<MessageItem> items_of(const Message& message) {
  if (!message.items.empty()) return message.items;
  MessageItem item;
  item.text = message.help.empty() ? message.title : message.help;
  item.since = message.time;
  if (ended(message)) item.ended = message.time;
  return {item};
}

void post_json(Prepared& out, const json::value& body) {
  out.request.body = json::serialize(body);
  out.request.content_type = "application/json";
}

// The picture of a message about one alert; empty: none.
std::string picture_of(const Message& message) {
  if (message.items.size() != 1) return {};
  return chart_png(message.items[0].points, message.items[0].chart_limit);
}

// A part of multipart/form-data (RFC 7578).
struct FormPart {
  std::string name;
  std::string content;
  std::string type;  // empty: plain text
  std::string file;  // its name; empty: it is no file
};

void post_form(Prepared& out, const std::vector<FormPart>& parts) {
  std::string all;
  for (const FormPart& part : parts) all += part.content;
  const std::string boundary = "resmon-" + signature("resmon", all).substr(0, 32);
  out.request.content_type = "multipart/form-data; boundary=" + boundary;
  for (const FormPart& part : parts) {
    out.request.body += "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + part.name + "\"";
    if (!part.file.empty()) out.request.body += "; filename=\"" + part.file + "\"";
    if (!part.type.empty()) out.request.body += "\r\nContent-Type: " + part.type;
    out.request.body += "\r\n\r\n" + part.content + "\r\n";
  }
  out.request.body += "--" + boundary + "--\r\n";
}

void ntfy(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  out.request.target += "/" + sink::percent_encode(channel.topic);
  out.request.body = cut(text_below_title(message), 4000);
  out.request.headers = {{"Title", header_text(cut(message.title, 250))},
                         {"Priority", std::to_string(level(message, 2, 4, 5))},
                         {"Tags", ended(message)                            ? "white_check_mark"
                                  : message.severity == Severity::kCritical ? "rotating_light"
                                                                            : "warning"}};
  if (!message.link.empty()) out.request.headers.emplace_back("Click", message.link);
  if (!secrets.token.empty())
    out.request.authorization = "Bearer " + secrets.token;
  else if (!channel.username.empty())
    out.request.authorization = "Basic " + sink::base64(channel.username + ":" + secrets.password);
  // The body is the attachment, and the text a header. Servers may have no attachments, or a quota for them.
  const std::string picture = picture_of(message);
  if (picture.empty()) return;
  out.otherwise = std::make_shared<Prepared>(out);
  out.request.headers.emplace_back("Message", encoded_word(cut(out.request.body, kNtfyHeaderText)));
  out.request.headers.emplace_back("Filename", "chart.png");
  out.request.body = picture;
  out.request.content_type = "image/png";
}

void gotify(Prepared& out, const Secrets& secrets, const Message& message) {
  out.request.target += "/message";
  out.request.headers = {{"X-Gotify-Key", secrets.token}};
  json::object body{
      {"title", message.title}, {"message", text_below_title(message)}, {"priority", level(message, 2, 5, 8)}};
  if (!message.link.empty())
    body["extras"] =
        json::object{{"client::notification", json::object{{"click", json::object{{"url", message.link}}}}}};
  post_json(out, body);
}

void slack(Prepared& out, const Message& message) {
  json::object attachment{{"color", colour(message)},
                          {"fallback", message.title},
                          {"title", message.title},
                          {"text", cut(text_below_title(message), 3500)},
                          {"ts", message.time / 1'000'000'000}};
  if (!message.link.empty()) attachment["title_link"] = message.link;
  post_json(out, json::object{{"text", message.title}, {"attachments", json::array{std::move(attachment)}}});
}

void discord(Prepared& out, const Message& message) {
  const std::string hex = colour(message).substr(1);
  json::object embed{{"title", cut(message.title, 250)},
                     {"description", cut(text_below_title(message), 4000)},
                     {"color", std::stol(hex, nullptr, 16)},
                     {"timestamp", alert::time_text(message.time)}};
  if (!message.link.empty()) embed["url"] = message.link;
  const std::string picture = picture_of(message);
  if (!picture.empty()) embed["image"] = json::object{{"url", "attachment://chart.png"}};
  const json::object body{{"username", "resmon"},
                          {"embeds", json::array{std::move(embed)}},
                          {"allowed_mentions", json::object{{"parse", json::array()}}}};
  if (picture.empty())
    post_json(out, body);
  else  // the embed shows the file as attachment://chart.png
    post_form(out, {{"payload_json", json::serialize(body), "application/json", ""},
                    {"files[0]", picture, "image/png", "chart.png"}});
}

void telegram(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  const std::string bot = out.request.target + "/bot" + secrets.token;
  const std::string text = message.plain_text();
  const bool quiet = ended(message) || message.severity == Severity::kInfo;
  Prepared words = out;
  words.request.target = bot + "/sendMessage";
  post_json(words, json::object{{"chat_id", channel.chat},
                                {"text", cut(text, 4000)},
                                {"disable_web_page_preview", true},
                                {"disable_notification", quiet}});
  const std::string picture = picture_of(message);
  if (picture.empty()) {
    out = std::move(words);
    return;
  }
  // One message where the text is short enough to be a caption; else the picture comes after it. A group may forbid
  // pictures, and the text is what counts.
  const bool fits = text.size() <= kTelegramCaption;
  Prepared shown = out;
  shown.request.target = bot + "/sendPhoto";
  post_form(shown, {{"chat_id", channel.chat, "", ""},
                    {"caption", fits ? text : cut(message.title, kTelegramCaption), "", ""},
                    {"disable_notification", quiet || !fits ? "true" : "false", "", ""},
                    {"photo", picture, "image/png", "chart.png"}});
  if (fits) {
    out = std::move(shown);
    out.otherwise = std::make_shared<Prepared>(std::move(words));
  } else {
    shown.can_fail = true;
    out = std::move(words);
    out.then = std::make_shared<Prepared>(std::move(shown));
  }
}

void matrix(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  // The same number for the same message: a repetition is not shown twice.
  const std::string transaction = signature("resmon", message.to_json()).substr(0, 32);
  const std::string base = out.request.target;
  const std::string send =
      base + "/_matrix/client/v3/rooms/" + sink::percent_encode(channel.chat) + "/send/m.room.message/" + transaction;
  out.request.authorization = "Bearer " + secrets.token;
  const std::string picture = picture_of(message);
  if (!picture.empty()) {
    // The upload's answer names the picture, which an event of its own shows.
    Prepared shown = out;
    shown.can_fail = true;
    Prepared upload = shown;
    upload.request.target = base + "/_matrix/media/v3/upload?filename=chart.png";
    upload.request.content_type = "image/png";
    upload.request.body = picture;
    upload.answer_key = "content_uri";
    shown.request.method = sink::Method::kPut;
    shown.request.target = send + "c";
    post_json(shown, json::object{{"msgtype", "m.image"},
                                  {"body", "chart.png"},
                                  {"url", std::string(kAnswerMark)},
                                  {"info", json::object{{"mimetype", "image/png"},
                                                        {"w", kChartWidth},
                                                        {"h", kChartHeight},
                                                        {"size", static_cast<std::int64_t>(picture.size())}}}});
    upload.then = std::make_shared<Prepared>(std::move(shown));
    out.then = std::make_shared<Prepared>(std::move(upload));
  }
  out.request.method = sink::Method::kPut;
  out.request.target = send;
  post_json(out, json::object{{"msgtype", "m.text"}, {"body", message.plain_text()}});
}

void pushover(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  out.request.target += "/1/messages.json";
  json::object body{{"token", secrets.token},
                    {"user", channel.chat},
                    {"title", cut(message.title, 240)},
                    {"message", cut(text_below_title(message), 1000)},
                    {"priority", level(message, -1, 0, 1)},
                    {"timestamp", message.time / 1'000'000'000}};
  if (!message.link.empty() && message.link.size() <= 512) body["url"] = message.link;
  if (const std::string picture = picture_of(message); !picture.empty()) {
    body["attachment_base64"] = sink::base64(picture);
    body["attachment_type"] = "image/png";
  }
  post_json(out, body);
}

void teams(Prepared& out, const Message& message) {
  json::array card{
      json::object{{"type", "TextBlock"},
                   {"text", message.title},
                   {"weight", "Bolder"},
                   {"wrap", true},
                   {"color", ended(message)                            ? "Good"
                             : message.severity == Severity::kCritical ? "Attention"
                                                                       : "Warning"}},
      json::object{{"type", "TextBlock"}, {"text", cut(text_below_title(message), 10'000)}, {"wrap", true}}};
  if (const std::string picture = sink::base64(picture_of(message)); !picture.empty() && picture.size() < kTeamsPicture)
    card.emplace_back(json::object{
        {"type", "Image"}, {"url", "data:image/png;base64," + picture}, {"altText", message.items[0].chart}});
  json::object content{{"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                       {"type", "AdaptiveCard"},
                       {"version", "1.4"},
                       {"body", std::move(card)}};
  if (!message.link.empty())
    content["actions"] =
        json::array{json::object{{"type", "Action.OpenUrl"}, {"title", "Open"}, {"url", message.link}}};
  post_json(out, json::object{{"type", "message"},
                              {"attachments",
                               json::array{json::object{{"contentType", "application/vnd.microsoft.card.adaptive"},
                                                        {"content", std::move(content)}}}}});
}

// An incident for each alert: what ends one names it by the same key, whatever else was told with it.
void pagerduty(Prepared& out, const Secrets& secrets, const Message& message, const MessageItem& item) {
  out.request.target += "/v2/enqueue";
  json::object body{{"routing_key", secrets.token},
                    {"event_action", is_over(message, item) ? "resolve" : "trigger"},
                    {"dedup_key", "resmon/" + (item.key.empty() ? message.rule : item.key)}};
  const bool alone = message.items.size() <= 1;
  json::object details{{"text", alone ? text_below_title(message) : item.text},
                       {"value", item.value},
                       {"limit", item.limit},
                       {"since", alert::time_text(item.since)}};
  if (!message.help.empty()) details["help"] = message.help;
  const std::string summary =
      alone ? message.title : message.rule + " on " + item.where() + (item.value.empty() ? "" : ": " + item.value);
  body["payload"] = json::object{{"summary", cut(summary, 1000)},
                                 {"source", item.host.empty() ? "resmon" : item.host},
                                 {"severity", std::string(alert::severity_name(message.severity))},
                                 {"timestamp", alert::time_text(message.time)},
                                 {"class", message.rule},
                                 {"custom_details", std::move(details)}};
  body["client"] = "resmon";
  const std::string& link = item.link.empty() ? message.link : item.link;
  if (!link.empty()) body["client_url"] = link;
  post_json(out, body);
}

void alertmanager(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  out.request.target += "/api/v2/alerts";
  json::array all;
  for (const MessageItem& item : items_of(message)) {
    json::object one = alertmanager_alert(message, item);
    // Without an end it would end the alert by itself after its resolve_timeout, five minutes.
    constexpr std::int64_t kWeek = 7 * 86'400'000'000'000;
    if (!one.contains("endsAt")) one["endsAt"] = alert::time_text(message.time + kWeek);
    all.emplace_back(std::move(one));
  }
  post_json(out, all);
  if (!channel.username.empty())
    out.request.authorization = "Basic " + sink::base64(channel.username + ":" + secrets.password);
}

void webhook(Prepared& out, const Channel& channel, const Secrets& secrets, const Message& message) {
  out.request.body = channel.format == "alertmanager" ? alertmanager_body(message) : json_body(message);
  out.request.content_type = "application/json";
  if (!secrets.secret.empty())
    out.request.headers.emplace_back("X-Resmon-Signature", "sha256=" + signature(secrets.secret, out.request.body));
  if (!secrets.token.empty())
    out.request.authorization = "Bearer " + secrets.token;
  else if (!channel.username.empty())
    out.request.authorization = "Basic " + sink::base64(channel.username + ":" + secrets.password);
}

void add_query(Prepared& out, const std::string& query) {
  std::string& target = out.request.target;
  target += (target.find('?') == std::string::npos ? "?" : "&") + query;
  if (out.otherwise != nullptr) add_query(*out.otherwise, query);
  if (out.then != nullptr) add_query(*out.then, query);
}

}  // namespace

Result<Secrets> read_secrets(const Channel& channel) {
  Secrets out;
  RESMON_ASSIGN(out.token, secret_of(channel.token, channel.token_file, "token_file"));
  RESMON_ASSIGN(out.secret, secret_of(channel.secret, channel.secret_file, "secret_file"));
  RESMON_ASSIGN(out.password, secret_of(channel.password, channel.password_file, "password_file"));
  return out;
}

std::string signature(std::string_view secret, std::string_view body) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest, &size);
  return hex_text(std::span(digest, size));
}

std::string json_body(const Message& message) {
  json::array alerts;
  for (const MessageItem& item : items_of(message)) {
    json::object tags;
    for (const metric::Tag& tag : item.tags) tags[tag.key] = tag.value;
    json::array processes;
    for (const std::string& one : item.processes) processes.emplace_back(one);
    alerts.emplace_back(
        json::object{{"id", item.key},
                     {"host", item.host},
                     {"tags", std::move(tags)},
                     {"text", item.text},
                     {"value", item.value},
                     {"limit", item.limit},
                     {"since", alert::time_text(item.since)},
                     {"ended", item.ended != 0 ? json::value(alert::time_text(item.ended)) : json::value()},
                     {"chart", item.chart},
                     {"processes", std::move(processes)},
                     {"errors", json::array(item.errors.begin(), item.errors.end())},
                     {"link", item.link}});
  }
  return json::serialize(
      json::object{{"version", 1},
                   {"kind", std::string(alert::message_kind_name(message.kind))},
                   {"rule", message.rule},
                   {"severity", std::string(alert::severity_name(message.severity))},
                   {"title", message.title},
                   {"help", message.help},
                   {"text", message.plain_text()},
                   {"time", alert::time_text(message.time)},
                   {"count", static_cast<std::int64_t>(std::max<std::size_t>(message.alerts, alerts.size()))},
                   {"alerts", std::move(alerts)},
                   {"link", message.link}});
}

std::string alertmanager_body(const Message& message) {
  json::array alerts;
  bool firing = false;
  for (const MessageItem& item : items_of(message)) {
    json::object one = alertmanager_alert(message, item);
    firing = firing || !is_over(message, item);
    one["status"] = is_over(message, item) ? "resolved" : "firing";
    one["fingerprint"] = item.key;
    if (!one.contains("endsAt")) one["endsAt"] = "0001-01-01T00:00:00Z";
    alerts.emplace_back(std::move(one));
  }
  const json::object labels{{"alertname", message.rule.empty() ? "resmon" : message.rule},
                            {"severity", std::string(alert::severity_name(message.severity))}};
  return json::serialize(
      json::object{{"version", "4"},
                   {"groupKey", "{}:{alertname=\"" + message.rule + "\"}"},
                   {"truncatedAlerts",
                    static_cast<std::int64_t>(message.alerts > alerts.size() ? message.alerts - alerts.size() : 0)},
                   {"status", firing ? "firing" : "resolved"},
                   {"receiver", "resmon"},
                   {"groupLabels", json::object{{"alertname", message.rule}}},
                   {"commonLabels", labels},
                   {"commonAnnotations", json::object{{"summary", message.title}}},
                   {"externalURL", message.link},
                   {"alerts", std::move(alerts)}});
}

std::string without_secrets(std::string text, const Channel& channel, const Secrets& secrets) {
  const auto scrub = [&](std::string_view what) {
    if (what.size() < 4) return;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 3))
      text.replace(at, what.size(), "***");
  };
  for (const std::string* const one : {&secrets.token, &secrets.secret, &secrets.password}) {
    scrub(*one);
    scrub(sink::percent_encode(*one));
  }
  const std::size_t begin = channel.url.find("://");
  const std::size_t path = begin == std::string::npos ? begin : channel.url.find('/', begin + 3);
  if (path != std::string::npos) scrub(std::string_view(channel.url).substr(path + 1));
  return text;
}

Result<std::vector<Prepared>> prepare(const Channel& channel, const Secrets& secrets, const Message& message) {
  // A query (`?wait=true` of a webhook) stays part of the target.
  const std::size_t mark = channel.url.find('?');
  RESMON_ASSIGN(const sink::Url url, sink::parse_url(std::string_view(channel.url).substr(0, mark)));
  Prepared out;
  out.origin = (url.tls ? "https://" : "http://") + url.authority();
  out.request.target = url.path;
  switch (channel.kind) {
    case ChannelKind::kNtfy:
      ntfy(out, channel, secrets, message);
      break;
    case ChannelKind::kGotify:
      gotify(out, secrets, message);
      break;
    case ChannelKind::kSlack:
    case ChannelKind::kMattermost:
      slack(out, message);
      break;
    case ChannelKind::kDiscord:
      discord(out, message);
      break;
    case ChannelKind::kTelegram:
      telegram(out, channel, secrets, message);
      break;
    case ChannelKind::kMatrix:
      matrix(out, channel, secrets, message);
      break;
    case ChannelKind::kPushover:
      pushover(out, channel, secrets, message);
      break;
    case ChannelKind::kTeams:
      teams(out, message);
      break;
    case ChannelKind::kPagerduty: {
      std::vector<Prepared> all;
      for (const MessageItem& item : items_of(message)) {
        all.push_back(out);
        pagerduty(all.back(), secrets, message, item);
      }
      return all;
    }
    case ChannelKind::kAlertmanager:
      alertmanager(out, channel, secrets, message);
      break;
    case ChannelKind::kWebhook:
      webhook(out, channel, secrets, message);
      break;
    case ChannelKind::kSmtp:
    case ChannelKind::kExec:
      return fail(ErrorKind::kInternal, "not a channel over HTTP");
  }
  if (out.request.target.empty()) out.request.target = "/";
  if (mark != std::string::npos) add_query(out, channel.url.substr(mark + 1));
  std::vector<Prepared> all;
  all.push_back(std::move(out));
  return all;
}

}  // namespace resmon::notify
