#include "logs/line_filter.h"

#include <re2/filtered_re2.h>

#include <algorithm>

#include "logs/texts_format.h"
#include "logs/words.h"

namespace resmon::logs {

namespace {

using namespace texts;

constexpr int kLeastLiteral = 3;
constexpr std::int64_t kMostFilterMemory = 1 << 20;

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}
bool has_digit(std::string_view text) {
  return std::any_of(text.begin(), text.end(), is_digit);
}
// Whether it can be a part of a value that is kept as a number: those have digits, points, and hexadecimal letters.
bool may_be_number(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_digit(c) || c == '.' || (c >= 'a' && c <= 'f'); });
}
// RE2's literals are in lower case by Unicode's rules, the texts here by ASCII's. Two letters of ASCII are what others
// are in lower case: the Kelvin sign, and the long s.
bool folds(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return c == 'k' || c == 's'; });
}

}  // namespace

LineFilter::LineFilter() = default;
LineFilter::~LineFilter() = default;

LineFilter::Literal LineFilter::take_apart(std::string text) {
  Literal out;
  out.text = std::move(text);
  const std::string_view all = out.text;
  out.unknown = all.empty() || std::any_of(all.begin(), all.end(),
                                           [](char c) { return static_cast<signed char>(c) < 0 || c == kPlace; });
  const auto delimiter = [](char c) { return class_of(c) == kDelimiter; };
  const auto begin = std::find_if(all.begin(), all.end(), delimiter);
  out.one_token = begin == all.end();
  if (out.one_token) return out;
  const auto end = std::find_if(all.rbegin(), all.rend(), delimiter).base();
  out.first.assign(all.begin(), begin);
  out.last.assign(end, all.end());
  out.first_has_digit = has_digit(out.first);
  out.last_has_digit = has_digit(out.last);
  for (auto at = begin; at != end;) {
    const auto stop = std::find_if(at, end, delimiter);
    const std::string_view token(at, stop);
    if (has_digit(token))
      out.middle += kPlace;
    else
      out.middle += token;
    at = stop;
    if (at != end) out.middle += *at++;
  }
  return out;
}

std::shared_ptr<const LineFilter> LineFilter::of_phrase(std::string_view phrase) {
  std::shared_ptr<LineFilter> filter(new LineFilter);
  filter->literals_.push_back(take_apart(std::string(phrase)));
  return filter->literals_.front().unknown ? nullptr : filter;
}

std::shared_ptr<const LineFilter> LineFilter::of_regex(const std::string& pattern) {
  std::shared_ptr<LineFilter> filter(new LineFilter);
  filter->automaton_ = LineAutomaton::of_regex(pattern);
  filter->find_literals(pattern);
  return filter->literals_.empty() && filter->automaton_ == nullptr ? nullptr : filter;
}

void LineFilter::find_literals(const std::string& pattern) {
  auto regex = std::make_unique<re2::FilteredRE2>(kLeastLiteral);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMostFilterMemory);
  int id = 0;
  if (regex->Add(pattern, options, &id) != re2::RE2::NoError) return;
  std::vector<std::string> literals;
  regex->Compile(&literals);
  std::vector<int> potential;
  regex->AllPotentials({}, &potential);
  if (literals.empty() || !potential.empty()) return;
  regex_ = std::move(regex);
  const bool any_case = has(pattern, "(?") || std::any_of(pattern.begin(), pattern.end(),
                                                          [](char c) { return static_cast<signed char>(c) < 0; });
  for (std::string& literal : literals) {
    const bool folded = any_case && folds(literal);
    literals_.push_back(take_apart(std::move(literal)));
    literals_.back().unknown |= folded;
  }
}

LineFilter::Strings LineFilter::look_at(std::string_view strings) const {
  const std::string small = to_lower(strings);
  Strings out;
  for (const Literal& literal : literals_) {
    Strings::Found found;
    found.whole = literal.unknown || has(small, literal.text) || (literal.one_token && may_be_number(literal.text));
    if (!literal.one_token) {
      found.first = may_be_number(literal.first) || has(small, literal.first);
      found.last = may_be_number(literal.last) || has(small, literal.last);
    }
    out.found.push_back(found);
  }
  return out;
}

bool LineFilter::may_have(const Literal& literal, std::string_view shape, const Strings::Found& found) {
  if (literal.unknown) return true;
  const bool whole_text = shape.size() == 1 && shape.front() == kPlace;
  if (literal.one_token || whole_text) return found.whole || has(shape, literal.text);
  // The first token is written in the template, or it is the end of a value; the last likewise.
  for (const bool first_value : {false, true}) {
    if (first_value ? !found.first : literal.first_has_digit) continue;
    for (const bool last_value : {false, true}) {
      if (last_value ? !found.last : literal.last_has_digit) continue;
      std::string needle = first_value ? std::string(1, kPlace) : literal.first;
      needle += literal.middle;
      needle += last_value ? std::string(1, kPlace) : literal.last;
      if (has(shape, needle)) return true;
    }
  }
  return false;
}

bool LineFilter::may_match(std::string_view shape, const Strings& strings) const {
  if (literals_.empty()) return true;
  // Of more digits than there are places for, the rest is written in the template.
  if (static_cast<std::size_t>(std::count(shape.begin(), shape.end(), kPlace)) >= kMostPlaces) return true;
  const std::string small = to_lower(shape);
  std::vector<int> present;
  for (std::size_t i = 0; i < literals_.size(); ++i)
    if (may_have(literals_[i], small, strings.found[i])) present.push_back(static_cast<int>(i));
  if (!regex_) return !present.empty();
  if (present.empty()) return false;
  std::vector<int> potential;
  regex_->AllPotentials(present, &potential);
  return !potential.empty();
}

}  // namespace resmon::logs
