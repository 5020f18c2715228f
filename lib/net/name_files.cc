#include "net/name_files.h"

#include <algorithm>
#include <charconv>

namespace resmon::net {

namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kMostServers = 3;
constexpr std::size_t kMostSearch = 16;
constexpr std::size_t kMostHostsAddresses = 64;
constexpr std::string_view kBlanks = " \t\r\v\f";

// Takes the next word off `line`; empty at its end.
std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

template <class Function>
void each_line(std::string_view text, std::string_view comment, Function function) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    function(line.substr(0, line.find_first_of(comment)));
  }
}

bool same_name(std::string_view a, std::string_view b) {
  const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return low(x) == low(y); });
}

// The number after "name:" in an option, kept within bounds.
void take_option(std::string_view word, std::string_view name, unsigned least, unsigned most, unsigned& out) {
  if (!word.starts_with(name)) return;
  word.remove_prefix(name.size());
  unsigned value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range) value = most;
  if (error == std::errc::invalid_argument || end != word.data() + word.size()) return;
  out = std::clamp(value, least, most);
}

}  // namespace

ResolverConfig parse_resolv_conf(std::string_view text, std::string_view host_name) {
  ResolverConfig config;
  bool said_search = false;
  each_line(text, "#;", [&](std::string_view line) {
    const std::string_view key = take_word(line);
    if (key == "nameserver") {
      boost::system::error_code error;
      const auto address = ip::make_address(std::string(take_word(line)), error);
      if (!error && config.servers.size() < kMostServers) config.servers.push_back(address);
    } else if (key == "search" || key == "domain") {
      // The last such line counts, and a domain is a search of one.
      config.search.clear();
      said_search = true;
      for (auto word = take_word(line); !word.empty() && config.search.size() < kMostSearch; word = take_word(line)) {
        while (!word.empty() && word.back() == '.') word.remove_suffix(1);
        if (!word.empty()) config.search.emplace_back(word);
        if (key == "domain") break;
      }
    } else if (key == "options") {
      for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        auto timeout = static_cast<unsigned>(config.timeout.count());
        take_option(word, "ndots:", 0, 15, config.dots);
        take_option(word, "attempts:", 1, 5, config.attempts);
        take_option(word, "timeout:", 1, 30, timeout);
        config.timeout = std::chrono::seconds(timeout);
        if (word == "use-vc") config.over_tcp = true;
      }
    }
  });
  if (!said_search)
    if (const auto dot = host_name.find('.'); dot != std::string_view::npos && dot + 1 < host_name.size())
      config.search.emplace_back(host_name.substr(dot + 1));
  if (config.servers.empty()) config.servers.emplace_back(ip::address_v4::loopback());
  return config;
}

std::vector<ip::address> find_in_hosts(std::string_view text, std::string_view name) {
  std::vector<ip::address> found;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (name.empty()) return found;
  each_line(text, "#", [&](std::string_view line) {
    if (found.size() == kMostHostsAddresses) return;
    const std::string_view address_text = take_word(line);
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      if (!same_name(word, name)) continue;
      boost::system::error_code error;
      const auto address = ip::make_address(std::string(address_text.substr(0, 64)), error);
      if (!error && std::find(found.begin(), found.end(), address) == found.end()) found.push_back(address);
      break;
    }
  });
  return found;
}

}  // namespace resmon::net
