#include "notify/mail.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

#include "net/address.h"
#include "net/dial.h"
#include "net/stream.h"
#include "net/tls.h"
#include "notify/png.h"
#include "sink/endpoint.h"

namespace resmon::notify {

namespace {

namespace asio = boost::asio;
using alert::Channel;
using alert::Message;

constexpr std::size_t kMostAnswer = 16U << 10U;

std::string in_lines(const std::string& base64) {
  std::string out;
  for (std::size_t i = 0; i < base64.size(); i += 76) out += base64.substr(i, 76) + "\r\n";
  return out;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '&')
      out += "&amp;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

std::string html_of(const Message& message, bool with_picture) {
  std::string out =
      "<html><body style=\"font-family:sans-serif\"><h3>" + escaped(message.title) + "</h3><table cellpadding=\"4\">";
  for (const alert::MessageItem& item : message.items) {
    const std::string where = escaped(item.where());
    out += "<tr><td valign=\"top\">" +
           (item.link.empty() ? where : "<a href=\"" + escaped(item.link) + "\">" + where + "</a>") + "</td><td>" +
           escaped(item.text) + "<br>" +
           (item.ended != 0 ? "from " + alert::time_text(item.since) + " to " + alert::time_text(item.ended)
                            : "since " + alert::time_text(item.since));
    if (with_picture)
      out += "<br><img src=\"cid:chart@resmon\" width=\"480\" height=\"160\" alt=\"" + item.chart + "\">";
    else if (!item.chart.empty())
      out += "<br><tt>" + item.chart + "</tt>";
    for (const std::string& one : item.processes) out += "<br>" + escaped(one);
    if (!item.errors.empty()) out += "<br>Last errors in its log:";
    for (const std::string& one : item.errors) out += "<br><tt>" + escaped(one) + "</tt>";
    out += "</td></tr>";
  }
  out += "</table>";
  if (message.alerts > message.items.size() && !message.items.empty())
    out += fmt::format("<p>and {} more</p>", message.alerts - message.items.size());
  if (!message.help.empty()) out += "<p>" + escaped(message.help) + "</p>";
  return out + "</body></html>";
}

// RFC 5322, in UTC.
std::string date_text(UnixNanos time) {
  const std::time_t seconds = time / 1'000'000'000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[static_cast<std::size_t>(parts.tm_wday)],
                     parts.tm_mday, kMonths[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900,
                     parts.tm_hour, parts.tm_min, parts.tm_sec);
}

// Encoded words may have 75 letters each (RFC 2047), cut between letters of UTF-8.
std::string header_words(std::string_view text) {
  bool plain = true;
  for (const char c : text) plain = plain && c >= 0x20 && c < 0x7f;
  if (plain) return std::string(text.substr(0, 900));
  std::string out;
  while (!text.empty()) {
    std::size_t end = std::min<std::size_t>(text.size(), 42);
    while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
    out += (out.empty() ? "" : "\r\n ") + ("=?UTF-8?B?" + sink::base64(text.substr(0, end)) + "?=");
    text.remove_prefix(std::max<std::size_t>(end, 1));
  }
  return out;
}

// "Name <a@b>" or "a@b".
std::string address_in(const std::string& text) {
  const std::size_t open = text.find('<'), close = text.find('>');
  return open != std::string::npos && close != std::string::npos && close > open
             ? text.substr(open + 1, close - open - 1)
             : text;
}

std::string domain_of(const std::string& address) {
  const std::size_t at = address.rfind('@');
  return at == std::string::npos ? "localhost" : address.substr(at + 1);
}

std::string machine_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

// One conversation with a mail server.
class Conversation {
 public:
  // Each line within `timeout`.
  Conversation(net::Stream& stream, net::Timeout timeout) : stream_(stream), timeout_(timeout) {}

  struct Answer {
    int code = 0;
    std::string text;  // all lines, "\n" between them
  };

  // `said`: for the error; never what holds a password.
  asio::awaitable<Result<Answer>> command(std::string line, std::string said, int expected) {
    line += "\r\n";
    if (Status written = co_await stream_.write(line, timeout_); !written)
      co_return fail(std::move(written).error().wrap(said));
    co_return co_await answer(said, expected);
  }

  // `expected`: the first digit of the code.
  asio::awaitable<Result<Answer>> answer(std::string said, int expected) {
    Answer out;
    while (true) {
      auto line = co_await read_line();
      if (!line) co_return fail(std::move(line).error().wrap(said));
      if (line->size() < 3 || std::from_chars(line->data(), line->data() + 3, out.code).ec != std::errc())
        co_return fail(ErrorKind::kUnavailable, said + ": the server does not speak SMTP");
      out.text += (out.text.empty() ? "" : "\n") + line->substr(std::min<std::size_t>(4, line->size()));
      if (line->size() < 4 || (*line)[3] != '-') break;
      if (out.text.size() > kMostAnswer)
        co_return fail(ErrorKind::kUnavailable, said + ": the server's answer does not end");
    }
    if (out.code / 100 != expected) {
      const ErrorKind kind = out.code / 100 == 5 ? ErrorKind::kDenied : ErrorKind::kUnavailable;
      co_return fail(kind, fmt::format("{}: {} {}", said, out.code, out.text.substr(0, 200)));
    }
    co_return out;
  }

  asio::awaitable<Status> start_tls(net::TlsContext tls, std::string server_name) {
    return stream_.start_tls(std::move(tls), std::move(server_name), timeout_);
  }
  bool nothing_left() const { return buffer_.empty(); }

 private:
  asio::awaitable<Result<std::string>> read_line() {
    while (true) {
      if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
        std::string line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (!line.empty() && line.back() == '\r') line.pop_back();
        co_return line;
      }
      if (buffer_.size() > kMostAnswer) co_return fail(ErrorKind::kUnavailable, "a line that does not end");
      std::array<char, 2048> part{};
      auto read = co_await stream_.read_some(part, timeout_);
      if (!read) co_return fail(std::move(read).error());
      if (*read == 0) co_return fail(ErrorKind::kUnavailable, "the server closed the connection");
      buffer_.append(part.data(), *read);
    }
  }

  net::Stream& stream_;
  const net::Timeout timeout_;
  std::string buffer_;
};

asio::awaitable<Status> log_in(Conversation& smtp, const Channel& channel, const Secrets& secrets, bool safe) {
  if (channel.username.empty()) co_return Status();
  if (!safe)
    co_return fail(ErrorKind::kDenied, "the password is not sent without TLS: set tls = \"starttls\" or \"tls\"");
  const std::string proof =
      sink::base64(std::string(1, '\0') + channel.username + std::string(1, '\0') + secrets.password);
  auto answer = co_await smtp.command("AUTH PLAIN " + proof, "AUTH", 2);
  if (!answer) co_return fail(std::move(answer).error());
  co_return Status();
}

std::string dotted(const std::string& text) {
  std::string out;
  bool at_begin = true;
  for (const char c : text) {
    if (at_begin && c == '.') out += '.';
    at_begin = c == '\n';
    out += c;
  }
  return out;
}

asio::awaitable<Status> converse(Conversation& smtp, const Channel& channel, const Secrets& secrets,
                                 const Message& message, std::string host, net::TlsContext tls) {
  const std::string hello = "EHLO " + machine_name();
  auto answer = co_await smtp.answer("greeting", 2);
  if (answer) answer = co_await smtp.command(hello, "EHLO", 2);
  if (!answer) co_return fail(std::move(answer).error());
  bool safe = channel.tls == "tls" || net::is_loopback(host);
  if (channel.tls == "starttls") {
    answer = co_await smtp.command("STARTTLS", "STARTTLS", 2);
    if (!answer) co_return fail(std::move(answer).error());
    // Anybody on the way could have sent bytes that came before the handshake.
    if (!smtp.nothing_left()) co_return fail(ErrorKind::kDenied, "STARTTLS: the server sent more than its answer");
    if (Status begun = co_await smtp.start_tls(tls, host); !begun) co_return fail(std::move(begun).error());
    safe = true;
    answer = co_await smtp.command(hello, "EHLO", 2);
    if (!answer) co_return fail(std::move(answer).error());
  }
  if (Status in = co_await log_in(smtp, channel, secrets, safe); !in) co_return fail(std::move(in).error());
  answer = co_await smtp.command("MAIL FROM:<" + address_in(channel.from) + ">", "MAIL FROM", 2);
  for (std::size_t i = 0; answer && i < channel.to.size(); ++i)
    answer = co_await smtp.command("RCPT TO:<" + address_in(channel.to[i]) + ">", "RCPT TO", 2);
  if (answer) answer = co_await smtp.command("DATA", "DATA", 3);
  if (answer) answer = co_await smtp.command(dotted(mail_text(channel, message)) + ".", "the message", 2);
  if (!answer) co_return fail(std::move(answer).error());
  // It has the message; what it says to the farewell changes nothing.
  answer = co_await smtp.command("QUIT", "QUIT", 2);
  co_return Status();
}

}  // namespace

std::string mail_text(const Channel& channel, const Message& message) {
  const std::string number = signature("resmon", message.to_json()).substr(0, 32);
  std::string boundary = "=_resmon_" + number;
  std::string to;
  for (const std::string& one : channel.to) to += (to.empty() ? "" : ",\r\n ") + one;
  std::string out =
      "From: " + channel.from + "\r\nTo: " + to + "\r\nSubject: " + header_words("[resmon] " + message.title) +
      "\r\nDate: " + date_text(message.time) + "\r\nMessage-ID: <" + number + "@" +
      domain_of(address_in(channel.from)) +
      ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"" +
      boundary + "\"\r\n";
  if (message.severity == alert::Severity::kCritical && message.kind != alert::MessageKind::kResolved)
    out += "X-Priority: 1\r\n";
  const auto part = [&](const char* type, const std::string& text) {
    out += "\r\n--" + boundary + "\r\nContent-Type: " + type +
           "; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + in_lines(sink::base64(text));
  };
  const std::string picture =
      message.items.size() == 1 ? chart_png(message.items[0].points, message.items[0].chart_limit) : std::string();
  part("text/plain", message.plain_text());
  if (picture.empty()) {
    part("text/html", html_of(message, false));
    return out + "\r\n--" + boundary + "--\r\n";
  }
  // The text and its picture are one of the alternatives (RFC 2387).
  const std::string outer = boundary;
  boundary += "_r";
  out += "\r\n--" + outer + "\r\nContent-Type: multipart/related; boundary=\"" + boundary + "\"\r\n";
  part("text/html", html_of(message, true));
  out += "\r\n--" + boundary +
         "\r\nContent-Type: image/png; name=\"chart.png\"\r\nContent-Transfer-Encoding: base64\r\nContent-ID: "
         "<chart@resmon>\r\nContent-Disposition: inline; filename=\"chart.png\"\r\n\r\n" +
         in_lines(sink::base64(picture));
  return out + "\r\n--" + boundary + "--\r\n\r\n--" + outer + "--\r\n";
}

asio::awaitable<Status> send_mail(const Channel& channel, const Secrets& secrets, const Message& message) {
  const std::size_t begin = channel.url.find("://");
  std::string place = channel.url.substr(begin == std::string::npos ? 0 : begin + 3);
  place = place.substr(0, place.find('/'));
  const bool tls_at_once = channel.tls == "tls" || channel.url.starts_with("smtps://");
  if (place.find(':', place.find(']') == std::string::npos ? 0 : place.find(']')) == std::string::npos)
    place += tls_at_once ? ":465" : ":587";
  auto address = net::parse_address(place);
  if (!address) co_return fail(std::move(address).error());
  net::TlsContext tls;
  if (tls_at_once || channel.tls == "starttls") {
    auto made = net::make_client_tls({channel.tls_ca_file});
    if (!made) co_return fail(std::move(made).error());
    tls = std::move(*made);
  }
  const auto timeout = std::chrono::duration_cast<net::Timeout>(channel.timeout);
  net::Dialing dialing(net::Names::kSystem);
  auto socket = co_await net::dial(*address, timeout, dialing);
  if (!socket) co_return fail(std::move(socket).error());
  net::Stream stream(std::move(*socket), nullptr);
  Channel used = channel;
  if (tls_at_once) {
    used.tls = "tls";
    if (Status begun = co_await stream.start_tls(tls, address->host, timeout); !begun)
      co_return fail(std::move(begun).error());
  }
  Conversation smtp(stream, timeout);
  Status done = co_await converse(smtp, used, secrets, message, address->host, tls);
  stream.close();
  co_return done;
}

}  // namespace resmon::notify
