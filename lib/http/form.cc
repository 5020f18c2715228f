#include "http/form.h"

#include <algorithm>
#include <cctype>

#include "base/hex.h"
#include "base/text.h"

namespace resmon::http {

namespace {

// Takes what is before the next semicolon, and it, off `rest`. A quoted text may have one in it; one that does not end
// takes all that follows.
std::string_view next_part(std::string_view& rest) {
  std::size_t end = 0;
  bool quoted = false;
  while (end < rest.size() && (quoted || rest[end] != ';')) quoted ^= rest[end++] == '"';
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

// The value of a parameter of a header: `boundary` of `multipart/form-data; boundary="x"`. Names count in any case.
std::string_view header_parameter(std::string_view header, std::string_view name) {
  next_part(header);
  while (!header.empty()) {
    const std::string_view part = trimmed(next_part(header));
    if (part.size() <= name.size() || part[name.size()] != '=' || !starts_with_any_case(part, name)) continue;
    std::string_view value = part.substr(name.size() + 1);
    if (!value.starts_with('"')) return value;
    value.remove_prefix(1);
    const std::size_t close = value.find('"');
    return close == std::string_view::npos ? std::string_view() : value.substr(0, close);
  }
  return {};
}

Unexpected<Error> too_many() {
  return fail(ErrorKind::kInvalid, "a request has at most " + std::to_string(kMostParameters) + " parameters");
}

// The name in a part's head: of its first Content-Disposition, so that a part is one parameter at most.
std::string_view name_of_part(std::string_view head) {
  while (!head.empty()) {
    const std::size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    head = line_end == std::string_view::npos ? std::string_view() : head.substr(line_end + 2);
    if (starts_with_any_case(line, "content-disposition:")) return header_parameter(line, "name");
  }
  return {};
}

}  // namespace

bool starts_with_any_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) {
           return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
         });
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

Status add_form(std::string_view text, Parameters& out) {
  // Counted before anything is made of them: a pair of two bytes would become one of a hundred.
  std::size_t count = out.size();
  for (std::size_t i = 0; i < text.size() && count <= kMostParameters; ++i)
    if (text[i] != '&' && (i == 0 || text[i - 1] == '&')) ++count;
  if (count > kMostParameters) return too_many();
  out.reserve(count);
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    out.emplace_back(percent_decode(pair.substr(0, equals), true),
                     equals == std::string_view::npos ? "" : percent_decode(pair.substr(equals + 1), true));
  }
  return {};
}

Status add_multipart(std::string_view content_type, std::string_view body, Parameters& out) {
  if (!starts_with_any_case(content_type, "multipart/form-data")) return {};
  const std::string_view boundary = header_parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70) return {};
  const std::string delimiter = "\r\n--" + std::string(boundary);
  // The first delimiter may begin the body.
  std::size_t at =
      body.starts_with(std::string_view(delimiter).substr(2)) ? delimiter.size() - 2 : body.find(delimiter);
  if (at == std::string_view::npos) return {};
  if (at != delimiter.size() - 2) at += delimiter.size();
  const std::size_t before = out.size();
  while (true) {
    std::string_view part = body.substr(at);
    if (part.starts_with("--")) return {};  // the last delimiter
    const std::size_t end = part.find(delimiter);
    if (end == std::string_view::npos || !part.starts_with("\r\n")) return {};
    const std::string_view whole = part.substr(0, end);
    at += end + delimiter.size();
    const std::size_t blank = whole.find("\r\n\r\n");
    if (blank == std::string_view::npos) continue;
    const std::string_view name = name_of_part(whole.substr(2, blank - (blank < 2 ? blank : 2)));
    if (name.empty()) continue;
    if (out.size() >= kMostParameters) {
      out.resize(before);
      return too_many();
    }
    out.emplace_back(std::string(name), std::string(whole.substr(blank + 4)));
  }
}

}  // namespace resmon::http
