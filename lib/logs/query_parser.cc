#include <re2/re2.h>

#include <algorithm>
#include <charconv>

#include "logs/query_node.h"

namespace resmon::logs {

namespace {

using Node = Query::Node;
constexpr int kMostDepth = 64;
constexpr std::size_t kMostTerms = 256;
constexpr std::size_t kMostRegexes = 16;
constexpr std::int64_t kMostRegexMemory = 8 << 20;
constexpr std::uint16_t kNoLevels = 0;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_name_char(char c) {
  return is_word_char(c) || c == '.' || c == '-' || c == '@' || c == '/';
}
bool ends_word(char c) {
  return is_space(c) || c == '(' || c == ')' || c == '"' || c == '|';
}

Target target_of(std::string_view name) {
  if (name == "message" || name == "_msg" || name == "msg") return Target::kMessage;
  if (name == "unit" || name == "file" || name == "appname") return Target::kUnit;
  if (name == "host" || name == "hostname") return Target::kHost;
  if (name == "source") return Target::kSource;
  if (name == "level" || name == "severity") return Target::kLevel;
  if (name == "pid") return Target::kPid;
  return Target::kField;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  std::int64_t seconds = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || number < 0 || number > 1'000'000)
      return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    constexpr std::string_view kUnits = "smhdwy";
    constexpr std::int64_t kSeconds[] = {1, 60, 3600, 86'400, 7 * 86'400, 365 * 86'400};
    const std::size_t unit = kUnits.find(text.front());
    if (unit == std::string_view::npos) return std::nullopt;
    seconds += number * kSeconds[unit];
    text.remove_prefix(1);
    if (seconds > 100LL * 365 * 86'400) return std::nullopt;
  }
  return std::chrono::seconds(seconds);
}

std::optional<UnixNanos> time_of_number(std::int64_t number) {
  constexpr std::pair<std::int64_t, std::int64_t> kScales[] = {
      {100'000'000'000, 1'000'000'000}, {100'000'000'000'000, 1'000'000}, {100'000'000'000'000'000, 1'000}};
  std::int64_t scale = 1;
  for (const auto& [end, of] : kScales) {
    if (number >= end) continue;
    scale = of;
    break;
  }
  if (number > INT64_MAX / scale || number < INT64_MIN / scale) return std::nullopt;
  return number * scale;
}

// or := and (OR and)*   and := unary ((AND) unary)*   unary := (-|!|NOT) unary | '(' or ')' | {…} | term
class QueryParser {
 public:
  explicit QueryParser(std::string_view text) : text_(text) {}

  Result<Query> parse() {
    if (text_.size() > kMostQueryBytes)
      return fail(ErrorKind::kInvalid, "the query is longer than " + std::to_string(kMostQueryBytes) + " characters");
    skip_space();
    if (at_end() || peek() == '|')
      out_.root_ = std::make_shared<const Node>();
    else {
      RESMON_ASSIGN(out_.root_, parse_or(0));
    }
    while (!at_end() && peek() == '|') RESMON_TRY(parse_pipe());
    if (!at_end()) return error(peek() == ')' ? "a ')' without a '('" : "this cannot be parsed", at_);
    return std::move(out_);
  }

 private:
  using Made = std::shared_ptr<const Node>;

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }
  void skip_space() {
    while (!at_end() && is_space(peek())) ++at_;
  }
  Unexpected<Error> error(const std::string& what, std::size_t at) const {
    return fail(ErrorKind::kInvalid, what + ", at character " + std::to_string(at + 1));
  }
  // The word is there, alone.
  bool take_keyword(std::string_view word) {
    if (!rest().starts_with(word)) return false;
    const std::size_t end = at_ + word.size();
    if (end < text_.size() && !ends_word(text_[end])) return false;
    at_ = end;
    skip_space();
    return true;
  }

  Result<Made> parse_or(int depth) {
    if (depth > kMostDepth) return error("parentheses are nested too deeply", at_);
    Node node;
    node.kind = Node::Kind::kOr;
    do {
      RESMON_ASSIGN(Made one, parse_and(depth));
      node.children.push_back(std::move(one));
    } while (take_keyword("OR") || take_keyword("or"));
    if (node.children.size() == 1) return node.children.front();
    return std::make_shared<const Node>(std::move(node));
  }

  bool ends_and() {
    if (at_end() || peek() == ')' || peek() == '|') return true;
    const std::size_t before = at_;
    const bool is_or = take_keyword("OR") || take_keyword("or");
    at_ = before;
    return is_or;
  }

  Result<Made> parse_and(int depth) {
    Node node;
    node.kind = Node::Kind::kAnd;
    do {
      RESMON_ASSIGN(Made one, parse_unary(depth));
      node.children.push_back(std::move(one));
      skip_space();
      if (take_keyword("AND") || take_keyword("and")) {
        if (ends_and()) return error("something to search for is missing after AND", at_);
      }
    } while (!ends_and());
    if (node.children.size() == 1) return node.children.front();
    return std::make_shared<const Node>(std::move(node));
  }

  Result<Made> parse_unary(int depth) {
    bool negated = false;
    for (skip_space(); !at_end(); skip_space()) {
      const bool sign = (peek() == '-' || peek() == '!') && at_ + 1 < text_.size() && !is_space(text_[at_ + 1]);
      if (sign)
        ++at_;
      else if (!take_keyword("NOT") && !take_keyword("not"))
        break;
      negated = !negated;
    }
    if (at_end() || peek() == ')' || peek() == '|') return error("something to search for is missing", at_);
    RESMON_ASSIGN(Made made, parse_primary(depth));
    if (!negated) return made;
    Node node;
    node.kind = Node::Kind::kNot;
    node.children.push_back(std::move(made));
    return std::make_shared<const Node>(std::move(node));
  }

  Result<Made> parse_primary(int depth) {
    if (++terms_ > kMostTerms) return error("more than " + std::to_string(kMostTerms) + " terms", at_);
    if (peek() == '(') {
      const std::size_t open = at_++;
      RESMON_ASSIGN(Made inner, parse_or(depth + 1));
      skip_space();
      if (at_end() || peek() != ')') return error("the '(' is not closed", open);
      ++at_;
      return inner;
    }
    if (peek() == '{') return parse_stream();
    std::size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end])) ++end;
    const bool is_field = end > at_ && end < text_.size() && text_[end] == ':' && !is_digit(text_[at_]) &&
                          text_[at_] != '/' && !text_.substr(end).starts_with("://");
    if (!is_field) return parse_term(Target::kText, {});
    const std::string_view name = text_.substr(at_, end - at_);
    const std::size_t name_at = at_;
    at_ = end + 1;
    if (at_end() || ends_word_here()) return error("a value is missing after '" + std::string(name) + ":'", name_at);
    if (name == "_time") return parse_time();
    if (name == "_stream" && peek() == '{') return parse_stream();
    const Target target = target_of(name);
    return target == Target::kLevel ? parse_level_term() : parse_term(target, std::string(name));
  }
  bool ends_word_here() const { return ends_word(peek()) && peek() != '"' && peek() != '('; }

  // {host="web1",source=~"ng.*"}
  Result<Made> parse_stream() {
    const std::size_t open = at_++;
    Node node;
    node.kind = Node::Kind::kAnd;
    for (skip_space(); !at_end() && peek() != '}'; skip_space()) {
      const std::size_t begin = at_;
      while (!at_end() && is_name_char(peek())) ++at_;
      const std::string_view name = text_.substr(begin, at_ - begin);
      skip_space();
      const std::size_t op_at = at_;
      while (!at_end() && (peek() == '=' || peek() == '!' || peek() == '~')) ++at_;
      const std::string_view op = text_.substr(op_at, at_ - op_at);
      skip_space();
      const bool known = op == "=" || op == "!=" || op == "=~" || op == "!~";
      if (name.empty() || !known || at_end() || peek() != '"')
        return error("{…} must contain name=\"value\", with =, !=, =~ or !~", begin);
      RESMON_ASSIGN(const std::string value, parse_quoted());
      const Target target = target_of(name == "app" || name == "service_name" ? "unit" : name);
      Made made;
      if (op.ends_with('~')) {
        RESMON_ASSIGN(made, make_regex(target, std::string(name), "^(?:" + value + ")$", begin));
      } else {
        made = make_name(target, std::string(name), escape_glob(value));
      }
      node.children.push_back(op.starts_with('!') ? negate(std::move(made)) : std::move(made));
      if (++terms_ > kMostTerms) return error("more than " + std::to_string(kMostTerms) + " terms", begin);
      skip_space();
      if (!at_end() && peek() == ',') ++at_;
    }
    if (at_end()) return error("the '{' is not closed", open);
    ++at_;
    if (node.children.empty()) node.kind = Node::Kind::kEverything;
    return std::make_shared<const Node>(std::move(node));
  }

  static Made negate(Made made) {
    Node node;
    node.kind = Node::Kind::kNot;
    node.children.push_back(std::move(made));
    return std::make_shared<const Node>(std::move(node));
  }

  static std::string escape_glob(std::string_view text) {
    if (text.find_first_of("*?[\\") == std::string_view::npos) return std::string(text);
    std::string out;
    for (const char c : text) {
      if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  }

  // A word, "phrase", prefix*, /regex/, ="exact" or ~"regex".
  Result<Made> parse_term(Target target, std::string field) {
    const std::size_t begin = at_;
    if (peek() == '(' && target != Target::kText) return error("a value in parentheses is not supported", at_);
    if (target != Target::kText && (peek() == '=' || peek() == '~')) {
      const bool exact = peek() == '=';
      ++at_;
      if (at_end() || ends_word_here()) return error("a value is missing", at_);
      std::string value;
      if (peek() == '"') {
        RESMON_ASSIGN(value, parse_quoted());
      } else {
        value = take_word();
      }
      if (exact) return make_name(target, std::move(field), escape_glob(value));
      return make_regex(target, std::move(field), value, begin);
    }
    if (peek() == '"') {
      RESMON_ASSIGN(std::string phrase, parse_quoted());
      if (phrase.empty()) return error("an empty phrase", begin);
      const bool prefix = !at_end() && peek() == '*';
      if (prefix) ++at_;
      if (is_whole(target)) return make_name(target, std::move(field), escape_glob(phrase) + (prefix ? "*" : ""));
      return make_phrase(target, std::move(field), phrase, prefix);
    }
    if (const std::size_t close = regex_end(); close != std::string_view::npos) {
      const std::string_view pattern = text_.substr(at_ + 1, close - at_ - 1);
      at_ = close + 1;
      return make_regex(target, std::move(field), unescape_slashes(pattern), begin);
    }
    std::string word = take_word();
    if (word == "*" && target == Target::kField) {
      Node node;
      node.kind = Node::Kind::kExists;
      node.target = target;
      node.field = std::move(field);
      return std::make_shared<const Node>(std::move(node));
    }
    if (word.find_first_not_of('*') == std::string::npos) return std::make_shared<const Node>();
    if (is_whole(target)) return make_name(target, std::move(field), std::move(word));
    const bool prefix = word.ends_with('*');
    while (word.ends_with('*')) word.pop_back();
    if (word.find('*') != std::string::npos)
      return error("a '*' is allowed only at the end of a word; use /regex/ elsewhere", begin);
    return make_phrase(target, std::move(field), word, prefix);
  }

  // Names are compared as a whole, texts are searched for words.
  static bool is_whole(Target target) {
    return target == Target::kHost || target == Target::kSource || target == Target::kUnit || target == Target::kPid;
  }

  std::string take_word() {
    const std::size_t begin = at_;
    while (!at_end() && !ends_word(peek())) ++at_;
    if (at_ == begin) ++at_;  // what stands alone, such as '|' inside of a value, is a word
    return std::string(text_.substr(begin, at_ - begin));
  }

  // /…/ with an end or a space behind it; a path is no regex.
  std::size_t regex_end() const {
    if (peek() != '/') return std::string_view::npos;
    for (std::size_t i = at_ + 1; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '/' && i > at_ + 1 && (i + 1 == text_.size() || ends_word(text_[i + 1]))) {
        return i;
      }
    }
    return std::string_view::npos;
  }

  static std::string unescape_slashes(std::string_view pattern) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == '\\' && i + 1 < pattern.size() && pattern[i + 1] == '/') continue;
      out += pattern[i];
      if (pattern[i] == '\\' && i + 1 < pattern.size()) out += pattern[++i];
    }
    return out;
  }

  Result<std::string> parse_quoted() {
    const std::size_t open = at_++;
    std::string out;
    while (!at_end() && peek() != '"') {
      if (peek() == '\\' && at_ + 1 < text_.size() && (text_[at_ + 1] == '"' || text_[at_ + 1] == '\\')) ++at_;
      out += text_[at_++];
    }
    if (at_end()) return error("the '\"' is not closed", open);
    ++at_;
    return out;
  }

  Result<Made> parse_level_term() {
    const std::size_t begin = at_;
    std::string_view op = "=";
    for (const std::string_view one : {">=", "<=", ">", "<", "="})
      if (rest().starts_with(one)) {
        op = one;
        at_ += one.size();
        break;
      }
    std::string word;
    if (!at_end() && peek() == '"') {
      RESMON_ASSIGN(word, parse_quoted());
    } else if (!at_end() && !ends_word(peek())) {
      word = take_word();
    }
    Node node;
    node.kind = Node::Kind::kLevel;
    node.target = Target::kLevel;
    node.levels = kNoLevels;
    const logline::Level level = logline::parse_level(word);
    if (level == logline::Level::kNone && word != "none" && word != "*")
      return error("'" + word +
                       "' is not a level; the levels are emergency, alert, critical, error, warning, notice, info, "
                       "debug and none",
                   begin);
    // A level that is more severe has a lower number.
    for (unsigned one = 0; one < kLevels; ++one) {
      const bool none = one == static_cast<unsigned>(logline::Level::kNone);
      const auto wanted = static_cast<unsigned>(level);
      const bool takes = word == "*" ? !none
                         : op == "=" ? one == wanted
                                     : !none && ((op == ">=" && one <= wanted) || (op == ">" && one < wanted) ||
                                                 (op == "<=" && one >= wanted) || (op == "<" && one > wanted));
      if (takes) node.levels = static_cast<std::uint16_t>(node.levels | (1U << one));
    }
    return std::make_shared<const Node>(std::move(node));
  }

  Result<Made> parse_time() {
    const std::size_t begin = at_;
    const auto duration = parse_duration(take_word());
    if (!duration) return error("_time takes a duration such as 5m, 1h or 2d", begin);
    out_.last_ = duration;
    return std::make_shared<const Node>();
  }

  // | limit N, | head N, | sort by (_time) desc, | fields …: what changes nothing in which lines are found.
  Status parse_pipe() {
    const std::size_t begin = at_++;
    skip_space();
    const std::size_t end = std::min(text_.find('|', at_), text_.size());
    std::string_view pipe = text_.substr(at_, end - at_);
    while (!pipe.empty() && is_space(pipe.back())) pipe.remove_suffix(1);
    at_ = end;
    for (const std::string_view word : {"limit ", "head "}) {
      if (!pipe.starts_with(word)) continue;
      std::uint64_t number = 0;
      const std::string_view digits = pipe.substr(word.size());
      const auto [stop, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
      if (bad != std::errc() || stop != digits.data() + digits.size()) return error("limit takes a number", begin);
      out_.limit_ = number;
      return {};
    }
    if (pipe.starts_with("sort by (_time)") || pipe.starts_with("fields ") || pipe.starts_with("sort by(_time)"))
      return {};
    return error("this pipe is not supported; limit, sort by (_time) and fields are", begin);
  }

  static Made make_phrase(Target target, std::string field, std::string_view phrase, bool prefix) {
    Node node;
    node.kind = Node::Kind::kPhrase;
    node.target = target;
    node.field = std::move(field);
    node.value = to_lower(phrase);
    node.prefix = prefix && is_word_char(phrase.back());
    if (target == Target::kText || target == Target::kMessage) node.filter = LineFilter::of_phrase(node.value);
    for_words(node.value, [&](std::string_view word) {
      const bool last = word.data() + word.size() == node.value.data() + node.value.size();
      if (!is_number(word) && !(last && node.prefix)) node.hashes.push_back(word_hash(word));
    });
    return std::make_shared<const Node>(std::move(node));
  }

  static Made make_name(Target target, std::string field, std::string value) {
    Node node;
    node.kind = Node::Kind::kName;
    node.target = target;
    node.field = std::move(field);
    node.value = std::move(value);
    return std::make_shared<const Node>(std::move(node));
  }

  Result<Made> make_regex(Target target, std::string field, const std::string& pattern, std::size_t at) {
    if (++regexes_ > kMostRegexes) return error("more than " + std::to_string(kMostRegexes) + " regexes", at);
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMostRegexMemory);
    Node node;
    node.kind = Node::Kind::kRegex;
    node.target = target;
    node.field = std::move(field);
    auto regex = std::make_shared<const re2::RE2>(pattern, options);
    if (!regex->ok()) return error("invalid regex: " + regex->error(), at);
    node.regex = std::move(regex);
    if (target == Target::kText || target == Target::kMessage) node.filter = LineFilter::of_regex(pattern);
    return std::make_shared<const Node>(std::move(node));
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t terms_ = 0;
  std::size_t regexes_ = 0;
  Query out_;
};

Result<Query> Query::parse(std::string_view text) {
  return QueryParser(text).parse();
}

}  // namespace resmon::logs
