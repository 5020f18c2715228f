#include "fleet/search.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace resmon::fleet {

namespace {

constexpr std::array<std::string_view, 6> kNumbers{"cpu", "memory", "swap", "disk", "load", "pressure"};

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

bool contains_small(std::string_view text, std::string_view part) {
  return small(text).find(part) != std::string::npos;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The words of a search, without their quotes.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (is_blank(c) && !quoted) {
      if (!word.empty()) out.push_back(std::exchange(word, {}));
    } else {
      word += c;
    }
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

// `list`: separated by commas.
bool is_one_of(std::string_view text, std::string_view list) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == text) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

std::string version_of(const Host& host) {
  const std::size_t space = host.software.rfind(' ');
  return small(space == std::string::npos ? host.software : host.software.substr(space + 1));
}

std::string number_key(std::string_view text) {
  if (text == "mem") return "memory";
  const auto* const known = std::find(kNumbers.begin(), kNumbers.end(), text);
  return known == kNumbers.end() ? "" : std::string(*known);
}

}  // namespace

std::optional<double> overview_number(const Host& host, std::string_view key) {
  const Summary& summary = host.summary;
  if (key == "cpu") return summary.cpu_percent;
  if (key == "memory") return summary.memory_percent;
  if (key == "swap") return summary.swap_percent;
  if (key == "disk") return summary.disk_percent;
  if (key == "pressure") return summary.pressure_percent;
  if (key == "load" && summary.load1 && summary.n_cpus && *summary.n_cpus > 0)
    return *summary.load1 / static_cast<double>(*summary.n_cpus);
  return std::nullopt;
}

Search::Search(std::string_view text) : text_(text) {
  for (const std::string& one : words_of(small(text))) {
    Word word;
    word.negated = one.size() > 1 && one.front() == '-';
    word.text = word.negated ? one.substr(1) : one;
    if (const std::size_t at = word.text.find_first_of("<>"); at != std::string::npos) {
      const std::string key = number_key(std::string_view(word.text).substr(0, at));
      const std::string_view digits = std::string_view(word.text).substr(at + 1);
      double limit = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), limit);
      if (!key.empty() && !digits.empty() && digits.front() >= '0' && digits.front() <= '9' && error == std::errc() &&
          end == digits.data() + digits.size())
        word.comparison = Comparison{key, word.text[at] == '>', limit};
    }
    words_.push_back(std::move(word));
  }
}

bool Search::matches(const Host& host) const {
  return std::all_of(words_.begin(), words_.end(),
                     [&](const Word& word) { return matches(host, word) != word.negated; });
}

bool Search::volatile_answer() const {
  return std::any_of(words_.begin(), words_.end(),
                     [](const Word& word) { return word.comparison || word.text.starts_with("state:"); });
}

bool Search::matches(const Host& host, const Word& word) {
  if (word.comparison) {
    const auto value = overview_number(host, word.comparison->key);
    return value && (word.comparison->greater ? *value > word.comparison->limit : *value < word.comparison->limit);
  }
  if (const std::size_t colon = word.text.find(':'); colon != std::string::npos && colon > 0) {
    const std::string_view key = std::string_view(word.text).substr(0, colon);
    const std::string_view value = std::string_view(word.text).substr(colon + 1);
    if (key == "state") return (is_paused(host) ? "paused" : state_name(host.state)).starts_with(value);
    if (key == "version") return version_of(host).starts_with(value);
    if (key == "host") return is_one_of(small(host.name), value);
    if (host.settings)
      for (const metric::Tag& tag : host.settings->tags)
        if (small(tag.key) == key) return contains_small(tag.value, value);
    for (const metric::Tag& tag : host.tags)
      if (small(tag.key) == key) return contains_small(tag.value, value);
  }
  const auto in_tags = [&](const std::vector<metric::Tag>& tags) {
    return std::any_of(tags.begin(), tags.end(),
                       [&](const metric::Tag& tag) { return contains_small(tag.key + ":" + tag.value, word.text); });
  };
  if (host.settings && (contains_small(host.settings->display_name, word.text) ||
                        contains_small(host.settings->note, word.text) || in_tags(host.settings->tags)))
    return true;
  return contains_small(host.name, word.text) || contains_small(host.address, word.text) || in_tags(host.tags);
}

}  // namespace resmon::fleet
