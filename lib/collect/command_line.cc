#include "collect/command_line.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace resmon::collect {

namespace {

constexpr std::string_view kHidden = "***";
constexpr std::size_t kMostLooked = 16U << 10U;  // of a command line

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

bool names_a_secret(std::string_view option) {
  constexpr std::string_view kWords[] = {"pass",    "secret",      "token",       "credential", "apikey",     "api-key",
                                         "api_key", "private-key", "private_key", "access-key", "access_key", "auth"};
  const std::string name = lower_case(option);
  if (name.find("file") != std::string::npos || name.find("path") != std::string::npos) return false;
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

// "https://user:secret@host"
std::string without_url_password(std::string text) {
  for (std::size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at + 3)) {
    const std::size_t end = std::min(text.find_first_of("/?# ", at + 3), text.size());
    const std::size_t sign = text.rfind('@', end);
    const std::size_t colon = text.find(':', at + 3);
    if (sign == std::string::npos || sign < at || colon == std::string::npos || colon > sign) continue;
    text.replace(colon + 1, sign - colon - 1, kHidden);
  }
  return text;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

}  // namespace

std::string command_line(std::string_view text, std::size_t most_bytes) {
  text = text.substr(0, kMostLooked);
  std::string out;
  std::string program;
  bool hide_next = false;
  while (!text.empty() && out.size() < most_bytes) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    std::string argument(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (program.empty()) program = argument.substr(argument.rfind('/') + 1);
    const std::size_t equals = argument.find('=');
    const std::size_t colon = argument.find(": ");
    const bool option = argument.starts_with('-');
    if (std::exchange(hide_next, false)) {
      argument = kHidden;
    } else if (equals != std::string::npos && names_a_secret(std::string_view(argument).substr(0, equals))) {
      argument = argument.substr(0, equals + 1) + std::string(kHidden);
    } else if (colon != std::string::npos && names_a_secret(std::string_view(argument).substr(0, colon))) {
      argument = argument.substr(0, colon + 2) + std::string(kHidden);  // "Authorization: Bearer …"
    } else if (option && equals == std::string::npos && names_a_secret(argument)) {
      hide_next = true;
    } else if (argument.starts_with("-p") &&
               is_one_of(program, {"mysql", "mysqldump", "mysqladmin", "mariadb", "mariadb-dump", "sshpass"})) {
      hide_next = argument.size() == 2 && program == "sshpass";
      if (argument.size() > 2) argument = "-p" + std::string(kHidden);
    } else if (argument.starts_with("-u") && argument.find(':') != std::string::npos && program == "curl") {
      argument = argument.substr(0, argument.find(':') + 1) + std::string(kHidden);
    }
    out += (out.empty() ? "" : " ") + without_url_password(std::move(argument));
  }
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  while (!out.empty() && out.back() == ' ') out.pop_back();
  if (out.size() <= most_bytes) return out;
  std::size_t cut = most_bytes;
  while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xc0U) == 0x80U) --cut;  // not within a letter
  return out.substr(0, cut);
}

}  // namespace resmon::collect
