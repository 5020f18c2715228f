#include "config/table_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/nearest.h"
#include "config/units.h"

namespace resmon::config {

namespace {

constexpr std::size_t kMostTableErrors = 10;
constexpr std::size_t kLongestTableText = 8192;
constexpr std::size_t kMostTexts = 64;

bool fit_text(const std::string& text) {
  return text.size() <= kLongestTableText && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7f;
         });
}

}  // namespace

void Complaints::add(std::uint32_t line, std::uint32_t column, std::string_view key, std::string_view reason) {
  // The file's top has no key.
  lines_.push_back(
      {line, column, fmt::format("{}:{}:{}: {}{}{}", file_, line, column, key, key.empty() ? "" : ": ", reason)});
}

std::string Complaints::text() const {
  std::vector<Line> sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Line& a, const Line& b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  });
  std::string out;
  for (std::size_t i = 0; i < std::min(sorted.size(), kMostTableErrors); ++i)
    out += (i == 0 ? "" : "\n") + sorted[i].text;
  if (sorted.size() > kMostTableErrors) out += "\nand more";
  return out;
}

std::string TableReader::full(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const Node* TableReader::node(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  for (const Node& member : table_.members)
    if (member.key == key) return &member;
  return nullptr;
}

void TableReader::complain(const Node& node, std::string_view key, std::string_view reason) {
  complaints_.add(node.value_line, node.value_column, full(key), reason);
}

// Behind the quote that opens the text. A text with escapes or of several lines shows the place of its beginning only
// roughly; conditions seldom are.
void TableReader::complain_in(const Node& node, std::string_view key, std::size_t offset, std::string_view reason) {
  complaints_.add(node.value_line, node.value_column + 1 + static_cast<std::uint32_t>(offset), full(key), reason);
}

void TableReader::complain_here(std::string_view reason) {
  complaints_.add(table_.value_line, table_.value_column, path_, reason);
}

bool TableReader::text(std::string_view key, std::string& target) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  if (found->kind != Node::Kind::kText || !fit_text(found->text)) {
    complain(*found, key,
             found->kind == Node::Kind::kText
                 ? "must be of one line without control characters, at most 8192 bytes"
                 : fmt::format("must be a text in quotes, not {}", kind_name(found->kind)));
    return false;
  }
  target = found->text;
  return true;
}

bool TableReader::boolean(std::string_view key, bool& target) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  if (found->kind != Node::Kind::kBoolean) {
    complain(*found, key, fmt::format("must be true or false, not {}", kind_name(found->kind)));
    return false;
  }
  target = found->boolean;
  return true;
}

bool TableReader::integer(std::string_view key, std::int64_t& target, std::int64_t least, std::int64_t most) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  if (found->kind != Node::Kind::kInteger || found->integer < least || found->integer > most) {
    complain(*found, key, fmt::format("must be a whole number from {} to {}", least, most));
    return false;
  }
  target = found->integer;
  return true;
}

bool TableReader::duration(std::string_view key, std::chrono::nanoseconds& target, std::chrono::nanoseconds most) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  const auto parsed = found->kind == Node::Kind::kText
                          ? parse_duration(found->text)
                          : Result<std::chrono::nanoseconds>(fail(ErrorKind::kInvalid, ""));
  if (!parsed || *parsed > most) {
    complain(*found, key,
             fmt::format("must be a span of time in quotes, such as \"5m\", at most {}", print_duration(most)));
    return false;
  }
  target = *parsed;
  return true;
}

bool TableReader::texts(std::string_view key, std::vector<std::string>& target) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  std::vector<std::string> out;
  bool good = true;
  if (found->kind == Node::Kind::kText)
    out.push_back(found->text);
  else if (found->kind == Node::Kind::kArray)
    for (const Node& item : found->items) {
      good = good && item.kind == Node::Kind::kText;
      out.push_back(item.text);
    }
  else
    good = false;
  good = good && out.size() <= kMostTexts && std::all_of(out.begin(), out.end(), fit_text);
  if (!good) {
    complain(*found, key, "must be a text in quotes or an array of at most 64 of them");
    return false;
  }
  target = std::move(out);
  return true;
}

std::optional<std::size_t> TableReader::choice(std::string_view key, const std::vector<std::string>& words) {
  std::string word;
  const Node* const found = node(key);
  if (found == nullptr || !text(key, word)) return std::nullopt;
  const auto at = std::find(words.begin(), words.end(), word);
  if (at != words.end()) return static_cast<std::size_t>(at - words.begin());
  std::string all;
  for (const std::string& one : words) all += (all.empty() ? "" : ", ") + one;
  const std::string* const near = nearest(word, words);
  complain(*found, key, "must be one of " + all + (near != nullptr ? "; did you mean " + *near + "?" : std::string()));
  return std::nullopt;
}

bool TableReader::number(std::string_view key, double& target) {
  const Node* const found = node(key);
  if (found == nullptr) return false;
  if (found->kind != Node::Kind::kInteger && found->kind != Node::Kind::kNumber) {
    complain(*found, key, fmt::format("must be a number, not {}", kind_name(found->kind)));
    return false;
  }
  target = found->kind == Node::Kind::kInteger ? static_cast<double>(found->integer) : found->number;
  return true;
}

void TableReader::finish() {
  for (const Node& member : table_.members) {
    if (std::find(known_.begin(), known_.end(), member.key) != known_.end()) continue;
    std::string reason = "unknown key";
    if (const std::string* const near = nearest(member.key, known_)) {
      reason += "; did you mean " + *near + "?";
    } else {
      reason += "; known here:";
      for (std::size_t i = 0; i < known_.size(); ++i) reason += (i == 0 ? " " : ", ") + known_[i];
    }
    // The key stands where the line begins; its value is behind it.
    complaints_.add(member.line, member.line == member.value_line ? 1 : member.value_column, full(member.key), reason);
  }
}

}  // namespace resmon::config
