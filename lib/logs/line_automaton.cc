// A parser of RE2's syntax, Thompson's construction, and subsets; all bounded.

#include "logs/line_automaton.h"

#include <algorithm>
#include <bitset>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace resmon::logs {

namespace {

constexpr std::size_t kMostNodes = 600;
constexpr std::size_t kMostTree = 2000;
constexpr int kMostGroupDepth = 50;
constexpr unsigned kMostRepeats = 1000;     // RE2's own
constexpr std::size_t kMostWork = 500'000;  // nodes that are visited to find all states: some milliseconds
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

using Bytes = std::bitset<256>;

// A set of characters: of ASCII exactly, of all others together whether one of them may be in it.
struct Characters {
  std::bitset<128> ascii;
  bool high = false;
  bool unsure = false;  // it may have fewer

  static Characters all() {
    Characters out;
    out.ascii.set();
    out.high = true;
    return out;
  }
  void add(unsigned first, unsigned last) {
    for (unsigned c = first; c <= last && c < 128; ++c) ascii.set(c);
    if (last >= 128) high = true;
  }
  void add(const Characters& other) {
    ascii |= other.ascii;
    high |= other.high;
    unsure |= other.unsure;
  }
  // The Kelvin sign is a K in any case, and the long s an S.
  void fold() {
    const bool was_high = high;
    for (unsigned c = 'a'; c <= 'z'; ++c) {
      const unsigned capital = c - 'a' + 'A';
      if (!ascii[c] && !ascii[capital]) continue;
      ascii.set(c).set(capital);
      if (c == 'k' || c == 's') high = true;
    }
    if (was_high) ascii.set('k').set('K').set('s').set('S');
  }
};

// Some of the characters beyond ASCII may be in the set itself, so a complement has them all.
Characters complement(const Characters& of) {
  if (of.unsure) return Characters::all();
  Characters out;
  out.ascii = ~of.ascii;
  out.high = true;
  return out;
}

struct TreeNode {
  enum class Kind : std::uint8_t { kEmpty, kByte, kCharacters, kBegin, kEnd, kConcat, kEither, kRepeat };
  Kind kind = Kind::kEmpty;
  std::uint8_t byte = 0;
  Characters characters;
  std::vector<std::uint32_t> children;
  unsigned least = 0;
  unsigned most = 0;  // of kRepeat: kMostRepeats + 1 is without end
};
constexpr unsigned kEndless = kMostRepeats + 1;

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : text_(pattern) {}

  // kNone: not known here.
  std::uint32_t parse() {
    const std::uint32_t root = either(0);
    return at_ == text_.size() && good_ ? root : kNone;
  }
  const std::vector<TreeNode>& tree() const { return tree_; }

 private:
  struct Flags {
    bool any_case = false;
    bool lines = false;
  };

  bool ends() const { return at_ >= text_.size(); }
  bool take(std::string_view what) {
    if (text_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }
  // Behind what is no expression of its own RE2 repeats the one before, or its last character.
  bool repeats_next() const { return !ends() && std::string_view("*+?{").find(text_[at_]) != std::string_view::npos; }
  std::uint32_t give_up() {
    good_ = false;
    at_ = text_.size();
    return make(TreeNode());
  }
  std::uint32_t make(TreeNode node) {
    if (tree_.size() >= kMostTree) good_ = false;
    if (good_ || tree_.empty()) tree_.push_back(std::move(node));
    return static_cast<std::uint32_t>(tree_.size() - 1);
  }
  std::uint32_t make(TreeNode::Kind kind, std::vector<std::uint32_t> children = {}) {
    TreeNode node;
    node.kind = kind;
    node.children = std::move(children);
    return make(std::move(node));
  }
  std::uint32_t make(const Characters& characters) {
    TreeNode node;
    node.kind = TreeNode::Kind::kCharacters;
    node.characters = characters;
    if (flags_.any_case) node.characters.fold();
    return make(std::move(node));
  }

  std::uint32_t either(int depth) {
    if (depth > kMostGroupDepth) return give_up();
    const Flags outside = flags_;
    std::vector<std::uint32_t> all{concat(depth)};
    while (good_ && take("|")) all.push_back(concat(depth));
    flags_ = outside;
    return all.size() == 1 ? all.front() : make(TreeNode::Kind::kEither, std::move(all));
  }

  std::uint32_t concat(int depth) {
    std::vector<std::uint32_t> all;
    while (good_ && !ends() && text_[at_] != '|' && text_[at_] != ')') all.push_back(repeated(depth));
    return all.size() == 1 ? all.front() : make(TreeNode::Kind::kConcat, std::move(all));
  }

  std::uint32_t repeated(int depth) {
    std::uint32_t one = atom(depth);
    for (unsigned least = 0, most = 0; good_ && repetition(least, most);) {
      (void)take("?");  // what it takes first changes nothing here
      TreeNode node;
      node.kind = TreeNode::Kind::kRepeat;
      node.children = {one};
      node.least = least;
      node.most = most;
      one = make(std::move(node));
    }
    return one;
  }

  bool repetition(unsigned& least, unsigned& most) {
    if (take("*")) return least = 0, most = kEndless, true;
    if (take("+")) return least = 1, most = kEndless, true;
    if (take("?")) return least = 0, most = 1, true;
    const std::size_t before = at_;
    if (!take("{")) return false;
    const auto first = number();
    std::optional<unsigned> last = first;
    if (first && take(",")) last = !ends() && text_[at_] == '}' ? std::optional(kEndless) : number();
    if (first && last && take("}")) return least = *first, most = *last, true;
    at_ = before;  // a brace as it is written
    return false;
  }

  std::optional<unsigned> number() {
    unsigned out = 0;
    const std::size_t before = at_;
    while (!ends() && text_[at_] >= '0' && text_[at_] <= '9' && out <= kMostRepeats)
      out = out * 10 + static_cast<unsigned>(text_[at_++] - '0');
    return at_ == before || out > kMostRepeats ? std::nullopt : std::optional(out);
  }

  std::uint32_t atom(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) return bracket();
    if (take(".")) return make(Characters::all());
    if (take("^")) return make(flags_.lines ? TreeNode::Kind::kEmpty : TreeNode::Kind::kBegin);
    if (take("$")) return make(flags_.lines ? TreeNode::Kind::kEmpty : TreeNode::Kind::kEnd);
    if (take("\\Q")) return quoted();
    if (!ends() && text_[at_] == '\\') return escape();
    return letter();
  }

  // One character as it is written, of one byte or several.
  std::uint32_t letter() {
    if (ends()) return give_up();
    const auto first = static_cast<unsigned char>(text_[at_]);
    if (first < 128) {
      ++at_;
      Characters one;
      one.ascii.set(first);
      return make(one);
    }
    std::size_t size = 1;
    while (at_ + size < text_.size() && (static_cast<unsigned char>(text_[at_ + size]) & 0xc0U) == 0x80U) ++size;
    const std::string_view bytes = text_.substr(at_, size);
    at_ += size;
    if (flags_.any_case) {
      Characters any;
      any.high = true;
      return make(any);
    }
    std::vector<std::uint32_t> all;
    for (const char c : bytes) {
      TreeNode node;
      node.kind = TreeNode::Kind::kByte;
      node.byte = static_cast<std::uint8_t>(c);
      all.push_back(make(std::move(node)));
    }
    return make(TreeNode::Kind::kConcat, std::move(all));
  }

  std::uint32_t quoted() {
    std::vector<std::uint32_t> all;
    while (good_ && !ends() && !take("\\E")) all.push_back(letter());
    if (repeats_next()) return give_up();
    return make(TreeNode::Kind::kConcat, std::move(all));
  }

  std::uint32_t group(int depth) {
    const Flags outside = flags_;
    if (take("?P<") || take("?<")) {
      const std::size_t end = text_.find('>', at_);
      if (end == std::string_view::npos) return give_up();
      at_ = end + 1;
    } else if (take("?")) {
      bool on = true;
      for (;;) {
        if (ends()) return give_up();
        const char c = text_[at_++];
        if (c == 'i')
          flags_.any_case = on;
        else if (c == 'm')
          flags_.lines = on;
        else if (c == '-')
          on = false;
        else if (c == ')')
          return repeats_next() ? give_up() : make(TreeNode());  // from here to the end of the group around
        else if (c == ':')
          break;
        else if (c != 's' && c != 'U')
          return give_up();
      }
    }
    const std::uint32_t inside = either(depth + 1);
    flags_ = outside;
    return take(")") ? inside : give_up();
  }

  static std::optional<Characters> perl_class(char c) {
    Characters out;
    switch (c) {
      case 'd':
      case 'D':
        out.add('0', '9');
        break;
      case 'w':
      case 'W':
        out.add('0', '9');
        out.add('a', 'z');
        out.add('A', 'Z');
        out.add('_', '_');
        break;
      case 's':
      case 'S':
        for (const char space : {'\t', '\n', '\f', '\r', ' '}) out.ascii.set(static_cast<unsigned char>(space));
        break;
      default:
        return std::nullopt;
    }
    return c >= 'a' ? out : complement(out);
  }

  // Behind "\p" or "\P".
  bool unicode_class() {
    if (!take("{")) return ends() ? false : (++at_, true);
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return false;
    at_ = end + 1;
    return true;
  }

  // The number of a character that is written as an escape, behind the backslash.
  std::optional<unsigned> escaped_character() {
    if (ends()) return std::nullopt;
    const char c = text_[at_++];
    static constexpr std::string_view kLetters = "afnrtv";
    static constexpr char kMeanings[] = "\a\f\n\r\t\v";
    if (const std::size_t which = kLetters.find(c); which != std::string_view::npos)
      return static_cast<unsigned char>(kMeanings[which]);
    if (c >= '0' && c <= '7') {
      unsigned out = static_cast<unsigned>(c - '0');
      for (int i = 0; i < 2 && !ends() && text_[at_] >= '0' && text_[at_] <= '7'; ++i)
        out = out * 8 + static_cast<unsigned>(text_[at_++] - '0');
      return out;
    }
    if (c == 'x') return hexadecimal();
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (word || static_cast<unsigned char>(c) >= 128) return std::nullopt;
    return static_cast<unsigned char>(c);
  }

  std::optional<unsigned> hexadecimal() {
    const bool braces = take("{");
    unsigned out = 0;
    for (int digits = 0; !ends(); ++digits) {
      const char c = text_[at_];
      if (braces && c == '}') return ++at_, out;
      if (!braces && digits == 2) break;
      const std::size_t value = std::string_view("0123456789abcdef").find(static_cast<char>(c | 0x20));
      if (value == std::string_view::npos || out > 0x10ffff) return std::nullopt;
      out = out * 16 + static_cast<unsigned>(value);
      ++at_;
    }
    return braces ? std::nullopt : std::optional(out);
  }

  std::uint32_t escape() {
    ++at_;  // the backslash
    if (ends()) return give_up();
    const char c = text_[at_];
    if (c == 'b' || c == 'B') return ++at_, make(TreeNode());
    if (c == 'A') return ++at_, make(TreeNode::Kind::kBegin);
    if (c == 'z') return ++at_, make(TreeNode::Kind::kEnd);
    if (c == 'p' || c == 'P') return ++at_, unicode_class() ? make(Characters::all()) : give_up();
    if (c == 'C') return ++at_, make(Characters::all());
    if (const auto known = perl_class(c)) return ++at_, make(*known);
    const auto one = escaped_character();
    if (!one) return give_up();
    Characters out;
    out.add(*one, *one);
    return make(out);
  }

  // A character in brackets; nothing where it is a class of several, which is added.
  std::optional<unsigned> bracket_character(Characters& all) {
    if (ends()) return give_up(), std::nullopt;
    if (take("[:")) {
      const std::size_t end = text_.find(":]", at_);
      if (end == std::string_view::npos) return give_up(), std::nullopt;
      at_ = end + 2;
      Characters some = Characters::all();
      some.unsure = true;
      all.add(some);
      return std::nullopt;
    }
    if (take("\\")) {
      const char c = ends() ? '\0' : text_[at_];
      if (c == 'p' || c == 'P') {
        ++at_;
        if (!unicode_class()) give_up();
        Characters some = Characters::all();
        some.unsure = true;
        all.add(some);
        return std::nullopt;
      }
      if (const auto known = perl_class(c)) return ++at_, all.add(*known), std::nullopt;
      const auto one = escaped_character();
      if (!one) give_up();
      return one;
    }
    const auto c = static_cast<unsigned char>(text_[at_++]);
    if (c < 128) return c;
    while (!ends() && (static_cast<unsigned char>(text_[at_]) & 0xc0U) == 0x80U) ++at_;
    return 128;
  }

  std::uint32_t bracket() {
    const bool negated = take("^");
    Characters all;
    for (bool first = true; good_ && (first || !take("]")); first = false) {
      const auto begin = bracket_character(all);
      if (!begin) continue;
      unsigned last = *begin;
      if (text_.substr(at_, 1) == "-" && text_.substr(at_ + 1, 1) != "]" && at_ + 1 < text_.size()) {
        ++at_;
        Characters none;
        const auto end = bracket_character(none);
        if (!end) return give_up();
        last = *end;
      }
      all.add(*begin, last);
    }
    if (flags_.any_case) all.fold();
    return make(negated ? complement(all) : all);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  bool good_ = true;
  Flags flags_;
  std::vector<TreeNode> tree_;
};

// A node takes one of some bytes, or none; from kSplit both ways are open.
struct StateNode {
  enum class Kind : std::uint8_t { kBytes, kSplit, kBegin, kEnd, kAccept };
  Kind kind = Kind::kAccept;
  std::uint32_t set = 0;  // of kBytes
  std::uint32_t next = 0;
  std::uint32_t other = kNone;  // of kSplit
};

class Builder {
 public:
  explicit Builder(const std::vector<TreeNode>& tree) : tree_(tree) { nodes_.push_back({}); }

  // The node from which the tree's language leads to `next`. kNone: too many.
  std::uint32_t compile(std::uint32_t which, std::uint32_t next) {
    const TreeNode& tree = tree_[which];
    switch (tree.kind) {
      case TreeNode::Kind::kEmpty:
        return next;
      case TreeNode::Kind::kByte: {
        Bytes set;
        set.set(tree.byte);
        return add(StateNode::Kind::kBytes, next, kNone, set);
      }
      case TreeNode::Kind::kCharacters:
        return characters(tree.characters, next);
      case TreeNode::Kind::kBegin:
        return add(StateNode::Kind::kBegin, next);
      case TreeNode::Kind::kEnd:
        return add(StateNode::Kind::kEnd, next);
      case TreeNode::Kind::kConcat:
        for (auto child = tree.children.rbegin(); child != tree.children.rend() && next != kNone; ++child)
          next = compile(*child, next);
        return next;
      case TreeNode::Kind::kEither: {
        std::uint32_t out = kNone;
        for (const std::uint32_t child : tree.children) {
          const std::uint32_t one = compile(child, next);
          if (one == kNone) return kNone;
          out = out == kNone ? one : add(StateNode::Kind::kSplit, out, one);
        }
        return out;
      }
      case TreeNode::Kind::kRepeat:
        return repeat(tree, next);
    }
    return kNone;
  }

  const std::vector<StateNode>& nodes() const { return nodes_; }
  const std::vector<Bytes>& sets() const { return sets_; }

 private:
  std::uint32_t add(StateNode::Kind kind, std::uint32_t next, std::uint32_t other = kNone, const Bytes& set = {}) {
    if (nodes_.size() >= kMostNodes || next == kNone) return kNone;
    StateNode node{kind, 0, next, other};
    if (kind == StateNode::Kind::kBytes) {
      const auto known = std::find(sets_.begin(), sets_.end(), set);
      node.set = static_cast<std::uint32_t>(known - sets_.begin());
      if (known == sets_.end()) sets_.push_back(set);
    }
    nodes_.push_back(node);
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  // A character beyond ASCII is one or more bytes beyond it.
  std::uint32_t characters(const Characters& of, std::uint32_t next) {
    Bytes low;
    for (std::size_t c = 0; c < 128; ++c) low[c] = of.ascii[c];
    if (!of.high) return add(StateNode::Kind::kBytes, next, kNone, low);
    Bytes high;
    for (std::size_t c = 128; c < 256; ++c) high.set(c);
    const std::uint32_t more = add(StateNode::Kind::kSplit, next, next);
    const std::uint32_t one = add(StateNode::Kind::kBytes, more, kNone, high);
    if (more == kNone || one == kNone) return kNone;
    nodes_[more].other = one;
    if (low.none()) return one;
    return add(StateNode::Kind::kSplit, one, add(StateNode::Kind::kBytes, next, kNone, low));
  }

  std::uint32_t repeat(const TreeNode& tree, std::uint32_t next) {
    const std::uint32_t child = tree.children.front();
    if (tree.most == kEndless) {
      const std::uint32_t loop = add(StateNode::Kind::kSplit, next, next);
      if (loop == kNone) return kNone;
      const std::uint32_t body = compile(child, loop);
      if (body == kNone) return kNone;
      nodes_[loop].other = body;
      next = loop;
    } else {
      for (unsigned i = tree.least; i < tree.most && next != kNone; ++i) {
        const std::uint32_t body = compile(child, next);
        next = body == kNone ? kNone : body == next ? next : add(StateNode::Kind::kSplit, body, next);
      }
    }
    for (unsigned i = 0; i < tree.least && next != kNone; ++i) next = compile(child, next);
    return next;
  }

  const std::vector<TreeNode>& tree_;
  std::vector<StateNode> nodes_;
  std::vector<Bytes> sets_;
};

// The nodes that take bytes, of all that can be reached without taking one; in order.
struct Reached {
  std::vector<std::uint32_t> nodes;
  bool accepts = false;         // already
  bool accepts_at_end = false;  // if the text ends here
};

class Subsets {
 public:
  Subsets(const std::vector<StateNode>& nodes, std::uint32_t start) : nodes_(nodes), start_(start) {}

  std::size_t work() const { return work_; }
  Reached reach(const std::vector<std::uint32_t>& from, bool at_begin) {
    Reached out;
    std::vector<bool> seen(nodes_.size(), false), seen_at_end(nodes_.size(), false);
    std::vector<std::pair<std::uint32_t, bool>> open;  // and whether the text must end here
    for (const std::uint32_t node : from) open.emplace_back(node, false);
    open.emplace_back(start_, false);  // it may begin anywhere
    while (!open.empty()) {
      const auto [which, ended] = open.back();
      open.pop_back();
      auto& marks = ended ? seen_at_end : seen;
      if (marks[which]) continue;
      marks[which] = true;
      ++work_;
      const StateNode& node = nodes_[which];
      switch (node.kind) {
        case StateNode::Kind::kBytes:
          if (!ended) out.nodes.push_back(which);
          break;
        case StateNode::Kind::kSplit:
          open.emplace_back(node.next, ended);
          open.emplace_back(node.other, ended);
          break;
        case StateNode::Kind::kBegin:
          if (at_begin) open.emplace_back(node.next, ended);
          break;
        case StateNode::Kind::kEnd:
          open.emplace_back(node.next, true);
          break;
        case StateNode::Kind::kAccept:
          out.accepts |= !ended;
          out.accepts_at_end = true;
          break;
      }
    }
    std::sort(out.nodes.begin(), out.nodes.end());
    return out;
  }

 private:
  const std::vector<StateNode>& nodes_;
  const std::uint32_t start_;
  std::size_t work_ = 0;
};

// Bytes that every set has or has not together are of one class.
std::size_t classes_of(const std::vector<Bytes>& sets, std::array<std::uint8_t, 256>& class_of) {
  std::map<std::vector<bool>, std::uint8_t> known;
  for (std::size_t c = 0; c < 256; ++c) {
    std::vector<bool> in;
    in.reserve(sets.size());
    for (const Bytes& set : sets) in.push_back(set[c]);
    class_of[c] = known.emplace(std::move(in), static_cast<std::uint8_t>(known.size())).first->second;
  }
  return known.size();
}

}  // namespace

std::shared_ptr<const LineAutomaton> LineAutomaton::of_regex(std::string_view pattern) {
  PatternParser parser(pattern);
  const std::uint32_t root = parser.parse();
  if (root == kNone) return nullptr;
  Builder builder(parser.tree());
  const std::uint32_t start = builder.compile(root, 0);
  if (start == kNone) return nullptr;
  const std::vector<StateNode>& nodes = builder.nodes();

  std::shared_ptr<LineAutomaton> out(new LineAutomaton);
  const std::size_t classes = classes_of(builder.sets(), out->class_of_);
  while ((1U << out->row_bits_) < classes) ++out->row_bits_;
  const std::size_t row = 1U << out->row_bits_;
  std::vector<std::size_t> example(classes);
  for (std::size_t c = 0; c < 256; ++c) example[out->class_of_[c]] = c;

  Subsets subsets(nodes, start);
  std::map<std::pair<std::vector<std::uint32_t>, bool>, std::size_t> known;
  std::vector<std::vector<std::uint32_t>> states(1);  // of kMatched none
  out->at_end_ = {true};
  const auto state_of = [&](Reached reached) -> State {
    if (reached.accepts) return kMatched;
    const auto [it, is_new] = known.emplace(std::pair(reached.nodes, reached.accepts_at_end), states.size());
    if (is_new) {
      states.push_back(std::move(reached.nodes));
      out->at_end_.push_back(reached.accepts_at_end);
    }
    return static_cast<State>(it->second);
  };
  out->start_ = state_of(subsets.reach({}, true));
  if (out->start_ == kMatched) return nullptr;
  out->next_.assign(row, kMatched);
  for (std::size_t state = 1; state < states.size(); ++state) {
    if (states.size() > kMostStates || subsets.work() > kMostWork) return nullptr;
    out->next_.resize((state + 1) * row, kMatched);
    for (std::size_t c = 0; c < classes; ++c) {
      std::vector<std::uint32_t> to;
      for (const std::uint32_t node : states[state])
        if (builder.sets()[nodes[node].set][example[c]]) to.push_back(nodes[node].next);
      out->next_[state * row + c] = state_of(subsets.reach(to, false));
    }
  }
  if (states.size() > kMostStates) return nullptr;
  out->find_numbers();
  return out;
}

// Half a megabyte for the largest automaton.
void LineAutomaton::find_numbers() {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (std::size_t i = 0; i < states(); ++i) {
    const auto state = static_cast<State>(i);
    for (unsigned number = 0; number < 1000; ++number) {
      const char digits[] = {kDigits[number / 100], kDigits[number / 10 % 10], kDigits[number % 10]};
      three_.push_back(run(state, std::string_view(digits, 3)));
      const unsigned zeros = number >= 100 ? 0 : number >= 10 ? 1 : 2;
      short_.push_back(run(state, std::string_view(digits + zeros, 3 - zeros)));
    }
    for (unsigned byte = 0; byte < 256; ++byte) {
      const char digits[] = {kDigits[byte & 15U], kDigits[byte >> 4U]};
      hex_.push_back(run(state, std::string_view(digits, 2)));
    }
  }
}

}  // namespace resmon::logs
