// Shoutrrr's and Apprise's URLs for the kinds of channels that are built in. The two disagree on some: `discord://a@b`
// is Shoutrrr's TOKEN@ID, `discord://a/b` is Apprise's ID/TOKEN; `pushover://` is Shoutrrr's, `pover://` Apprise's.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "alert/rules.h"

namespace resmon::alert {

namespace {

constexpr std::array<std::string_view, 14> kKinds{"webhook",   "ntfy",         "gotify", "slack",    "mattermost",
                                                  "discord",   "telegram",     "matrix", "pushover", "teams",
                                                  "pagerduty", "alertmanager", "smtp",   "exec"};

struct Parts {
  std::string scheme, user, password, host, port;
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;

  std::string_view parameter(std::string_view name) const {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return {};
  }
  std::string authority() const { return port.empty() ? host : host + ":" + port; }
  std::string joined(std::size_t first, std::size_t last) const {
    std::string out;
    for (std::size_t i = first; i < last; ++i) out += "/" + path[i];
    return out;
  }
};

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// False: no URL.
bool split(std::string_view text, Parts& out) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  out.scheme = text.substr(0, colon);
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
    std::string_view rest = text.substr(mark + 1);
    text = text.substr(0, mark);
    while (!rest.empty()) {
      const std::string_view one = rest.substr(0, rest.find('&'));
      const std::size_t equals = one.find('=');
      out.query.emplace_back(decoded(one.substr(0, equals)),
                             equals == std::string_view::npos ? std::string() : decoded(one.substr(equals + 1)));
      rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    }
  }
  std::string_view authority = text.substr(0, text.find('/'));
  text.remove_prefix(authority.size());
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view part = text.substr(0, text.find('/'));
    if (!part.empty()) out.path.push_back(decoded(part));
    text.remove_prefix(part.size());
  }
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view who = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t separator = who.find(':');
    out.user = decoded(who.substr(0, separator));
    if (separator != std::string_view::npos) out.password = decoded(who.substr(separator + 1));
  }
  const std::size_t bracket = authority.rfind(']');
  const std::size_t port = authority.rfind(':');
  if (port != std::string_view::npos && (bracket == std::string_view::npos || port > bracket)) {
    out.port = authority.substr(port + 1);
    authority = authority.substr(0, port);
  }
  out.host = decoded(authority);
  return !out.host.empty();
}

Status missing(std::string_view what) {
  return fail(ErrorKind::kInvalid, "the URL has no " + std::string(what));
}

std::string https_of(const Parts& parts, bool secure) {
  const bool plain = parts.parameter("scheme") == "http" || parts.parameter("disabletls") == "yes" || !secure;
  return (plain ? "http://" : "https://") + parts.authority();
}

Status read_ntfy(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kNtfy;
  if (parts.path.empty()) {  // ntfy://topic
    out.url = "https://ntfy.sh";
    out.topic = parts.host;
    return {};
  }
  out.url = https_of(parts, true);
  out.topic = parts.path[0];
  out.username = parts.user;
  out.password = parts.password;
  return {};
}

Status read_gotify(const Parts& parts, Channel& out, bool secure) {
  out.kind = ChannelKind::kGotify;
  if (parts.path.empty()) return missing("the application's token");
  out.url = https_of(parts, secure) + parts.joined(0, parts.path.size() - 1);
  out.token = parts.path.back();
  return {};
}

Status read_discord(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kDiscord;
  const bool shoutrrr = !parts.user.empty();
  if (!shoutrrr && parts.path.empty()) return missing("the webhook's token");
  out.url = "https://discord.com/api/webhooks/" + parts.host + "/" + (shoutrrr ? parts.user : parts.path[0]);
  return {};
}

Status read_slack(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kSlack;
  std::string token =
      parts.user == "hook" ? parts.password : parts.host + parts.joined(0, std::min<std::size_t>(parts.path.size(), 2));
  std::replace(token.begin(), token.end(), '-', '/');
  if (std::count(token.begin(), token.end(), '/') != 2) return missing("the webhook's three parts");
  out.url = "https://hooks.slack.com/services/" + token;
  return {};
}

Status read_mattermost(const Parts& parts, Channel& out, bool secure) {
  out.kind = ChannelKind::kMattermost;
  if (parts.path.empty()) return missing("the webhook's key");
  out.url = https_of(parts, secure) + "/hooks/" + parts.path[0];
  return {};
}

// Shoutrrr's teams://GROUP@TENANT/ID/OWNER?host=HOST, Apprise's msteams://TEAM/GROUP@TENANT/ID/OWNER, and its
// workflows://HOST/WORKFLOW/SIGNATURE.
Status read_teams(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kTeams;
  const std::string host(parts.scheme == "teams" ? parts.parameter("host") : parts.host + ".webhook.office.com");
  const std::string group = parts.scheme == "teams" ? parts.user + "@" + parts.host
                            : parts.path.empty()    ? std::string()
                                                    : parts.path[0];
  const std::size_t first = parts.scheme == "teams" ? 0 : 1;
  if (host.empty() || group.find('@') == std::string::npos || parts.path.size() < first + 2)
    return missing("the webhook's parts");
  out.url = "https://" + host + "/webhookb2/" + group + "/IncomingWebhook" + parts.joined(first, parts.path.size());
  return {};
}

Status read_workflows(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kTeams;
  if (parts.path.size() < 2) return missing("the workflow or its signature");
  out.url =
      "https://" + parts.authority() + "/workflows/" + parts.path[0] +
      "/triggers/manual/paths/invoke?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=" + parts.path[1];
  return {};
}

// Apprise's: pagerduty://INTEGRATION_KEY@API_KEY. The events need the first only.
Status read_pagerduty(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kPagerduty;
  out.url = parts.parameter("region") == "eu" ? "https://events.eu.pagerduty.com" : "https://events.pagerduty.com";
  out.token = parts.user.empty() ? parts.host : parts.user;
  return {};
}

Status read_telegram(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kTelegram;
  out.url = "https://api.telegram.org";
  if (parts.scheme == "tgram") {  // tgram://1:token/chat
    out.token = parts.port.empty() ? parts.host : parts.host + ":" + parts.port;
    out.chat = parts.path.empty() ? "" : parts.path[0];
  } else {
    out.token = parts.user + (parts.password.empty() ? "" : ":" + parts.password);
    out.chat = parts.parameter("chats");
    if (out.chat.empty()) out.chat = parts.parameter("channels");
  }
  if (out.token.empty() || out.chat.empty()) return missing("the chat");
  return {};
}

Status read_pushover(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kPushover;
  out.url = "https://api.pushover.net";
  const bool apprise = parts.scheme == "pover";
  out.token = apprise ? parts.host : parts.password;
  out.chat = apprise ? parts.user : parts.host;
  if (out.token.empty() || out.chat.empty()) return missing("the token or the user");
  return {};
}

Status read_matrix(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kMatrix;
  out.url = https_of(parts, true);
  out.token = parts.password.empty() ? parts.user : parts.password;
  out.chat = parts.parameter("rooms");
  if (out.chat.empty() && !parts.path.empty()) out.chat = parts.path[0];
  if (out.token.empty() || out.chat.empty()) return missing("the access token or the room");
  return {};
}

Status read_smtp(const Parts& parts, Channel& out) {
  out.kind = ChannelKind::kSmtp;
  const bool tls =
      parts.scheme == "mailtos" || parts.scheme == "smtps" || parts.parameter("encryption") == "ImplicitTLS";
  out.url = (tls ? "smtps://" : "smtp://") + parts.host + ":" +
            (!parts.port.empty() ? parts.port
             : tls               ? "465"
                                 : "587");
  out.tls = tls ? "tls" : parts.parameter("starttls") == "no" ? "none" : "starttls";
  out.username = parts.user;
  out.password = parts.password;
  out.from = parts.parameter("from");
  if (out.from.empty()) out.from = parts.parameter("fromAddress");
  std::string_view to = parts.parameter("to");
  if (to.empty()) to = parts.parameter("toAddresses");
  while (!to.empty()) {
    const std::string_view one = to.substr(0, to.find(','));
    if (!one.empty()) out.to.emplace_back(one);
    to.remove_prefix(std::min(one.size() + 1, to.size()));
  }
  return {};  // what lacks is said of the channel's keys
}

}  // namespace

std::string_view channel_kind_name(ChannelKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

std::optional<ChannelKind> parse_channel_kind(std::string_view name) {
  for (std::size_t i = 0; i < kKinds.size(); ++i)
    if (kKinds[i] == name) return static_cast<ChannelKind>(i);
  return std::nullopt;
}

// A webhook's path is its secret.
std::string Channel::place() const {
  if (kind == ChannelKind::kExec) return command.empty() ? "" : command[0];
  const std::size_t begin = url.find("://");
  if (begin == std::string::npos) return {};
  std::string host = url.substr(begin + 3, url.find_first_of("/?", begin + 3) - begin - 3);
  if (const std::size_t at = host.rfind('@'); at != std::string::npos) host.erase(0, at + 1);
  return host + (kind == ChannelKind::kSmtp && !to.empty() ? ", to " + to[0] + (to.size() > 1 ? ", …" : "") : "");
}

Status read_channel_url(std::string_view url, Channel& channel) {
  Parts parts;
  if (!split(url, parts)) return fail(ErrorKind::kInvalid, "is not a URL such as \"ntfy://ntfy.sh/topic\"");
  const std::string& scheme = parts.scheme;
  if (scheme == "ntfy" || scheme == "ntfys") return read_ntfy(parts, channel);
  if (scheme == "gotify" || scheme == "gotifys") return read_gotify(parts, channel, true);
  if (scheme == "discord") return read_discord(parts, channel);
  if (scheme == "slack") return read_slack(parts, channel);
  if (scheme == "mattermost" || scheme == "mmost" || scheme == "mmosts")
    return read_mattermost(parts, channel, scheme != "mmost");
  if (scheme == "teams" || scheme == "msteams") return read_teams(parts, channel);
  if (scheme == "workflows" || scheme == "workflow") return read_workflows(parts, channel);
  if (scheme == "pagerduty") return read_pagerduty(parts, channel);
  if (scheme == "telegram" || scheme == "tgram") return read_telegram(parts, channel);
  if (scheme == "pushover" || scheme == "pover") return read_pushover(parts, channel);
  if (scheme == "matrix" || scheme == "matrixs") return read_matrix(parts, channel);
  if (scheme == "smtp" || scheme == "smtps" || scheme == "mailto" || scheme == "mailtos")
    return read_smtp(parts, channel);
  channel.kind = ChannelKind::kWebhook;
  const std::size_t rest = url.find("://");
  if (scheme == "http" || scheme == "https") {
    channel.url = url;
  } else if (scheme == "generic+https" || scheme == "generic+http") {
    channel.url = url.substr(std::string_view("generic+").size());
  } else if (scheme == "generic" || scheme == "jsons") {
    channel.url = "https" + std::string(url.substr(rest));
  } else if (scheme == "json") {
    channel.url = "http" + std::string(url.substr(rest));
  } else {
    return fail(
        ErrorKind::kInvalid,
        "this scheme is not built in; a channel of kind exec with Apprise supports many others (docs/alerts.md)");
  }
  return {};
}

}  // namespace resmon::alert
