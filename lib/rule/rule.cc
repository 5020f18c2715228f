// A rule has selectors and one verb. Telegraf's names of selectors and modifiers stand beside ours and mean the same.

#include "rule/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rule/doubts.h"
#include "tail/redact.h"

namespace resmon::rule {

namespace {

using config::Complaints;
using config::Node;
using config::TableReader;
using std::chrono::hours;
using std::chrono::seconds;

constexpr std::size_t kMostRules = 256;
constexpr std::chrono::nanoseconds kLongestWindow = hours(1);
constexpr std::chrono::nanoseconds kSinkWait = seconds(10);
const std::vector<std::string> kFunctions{"mean", "min", "max", "sum", "last", "count", "p95"};
constexpr std::string_view kHost = "host";

struct VerbName {
  std::string_view key;
  Verb verb;
};
// The first name of a verb is the one that messages suggest.
constexpr VerbName kVerbs[] = {
    {"keep", Verb::kKeep},
    {"drop", Verb::kDrop},
    {"keep_fields", Verb::kKeepFields},
    {"fieldinclude", Verb::kKeepFields},
    {"fieldpass", Verb::kKeepFields},
    {"drop_fields", Verb::kDropFields},
    {"fieldexclude", Verb::kDropFields},
    {"fielddrop", Verb::kDropFields},
    {"keep_tags", Verb::kKeepTags},
    {"taginclude", Verb::kKeepTags},
    {"drop_tag", Verb::kDropTags},
    {"tagexclude", Verb::kDropTags},
    {"rename", Verb::kRename},
    {"name_override", Verb::kRename},
    {"name_prefix", Verb::kRename},
    {"name_suffix", Verb::kRename},
    {"rename_field", Verb::kRenameFields},
    {"rename_tag", Verb::kRenameTags},
    {"set_tag", Verb::kSetTags},
    {"map", Verb::kMap},
    {"redact", Verb::kRedact},
    {"round", Verb::kRound},
    {"sample", Verb::kSample},
    {"every", Verb::kEvery},
    {"merge", Verb::kMerge},
    {"limit", Verb::kLimit},
    {"dedup", Verb::kDedup},
    {"derive", Verb::kDerive},
};

class RuleReader {
 public:
  RuleReader(const Node& table, std::string path, Place place, Complaints& complaints)
      : table_(table), place_(place), reader_(table, std::move(path), complaints) {}

  void read(Rule& rule) {
    rule.line = table_.line;
    if (reader_.text("name", rule.name) && (rule.name.empty() || rule.name.size() > 64))
      reader_.complain(*reader_.node("name"), "name", "has 1 to 64 bytes");
    read_selectors(rule);
    read_verb(rule);
    std::int64_t most = rule.max_series;
    if (reader_.integer("max_series", most, 1, 10'000'000)) rule.max_series = most;
    reader_.finish();
  }

 private:
  void patterns(std::string_view key, Patterns& out) {
    std::vector<std::string> texts;
    if (!reader_.texts(key, texts)) return;
    auto made = Patterns::make(texts);
    if (!made || texts.empty())
      reader_.complain(*reader_.node(key), key, made ? "is empty" : made.error().message);
    else
      out = std::move(*made);
  }

  void tag_patterns(std::string_view key, std::vector<TagPatterns>& out) {
    const Node* const node = table_of(key);
    if (node == nullptr) return;
    TableReader tags(*node, reader_.path() + "." + std::string(key), complaints());
    for (const Node& member : node->members) {
      std::vector<std::string> texts;
      if (!tags.texts(member.key, texts)) continue;
      auto made = Patterns::make(texts);
      if (!made)
        tags.complain(member, member.key, made.error().message);
      else
        out.push_back({member.key, std::move(*made)});
    }
  }

  void read_selectors(Rule& rule) {
    if (reader_.node("measurement") != nullptr && reader_.node("namepass") != nullptr)
      reader_.complain(*reader_.node("namepass"), "namepass", "means the same as measurement: use one of them");
    patterns("measurement", rule.measurements);
    patterns("namepass", rule.measurements);
    patterns("namedrop", rule.not_measurements);
    patterns("host", rule.hosts);
    patterns("fields", rule.fields);
    tag_patterns("tags", rule.tags);
    tag_patterns("tagpass", rule.tag_pass);
    tag_patterns("tagdrop", rule.tag_drop);
    std::vector<std::string> texts;
    reader_.texts("value", texts);
    for (const std::string& text : texts) {
      auto condition = Condition::parse(text);
      if (condition)
        rule.conditions.push_back(std::move(*condition));
      else
        reader_.complain(*reader_.node("value"), "value", condition.error().message);
    }
  }

  void read_verb(Rule& rule) {
    const VerbName* found = nullptr;
    for (const VerbName& one : kVerbs) {
      const Node* const node = reader_.node(one.key);
      if (node == nullptr) continue;
      if (found != nullptr) {
        reader_.complain(
            *node, one.key,
            fmt::format("the rule already has the verb {}: put each verb into a rule of its own", found->key));
        continue;
      }
      found = &one;
    }
    if (found != nullptr) {
      rule.verb = found->verb;
      read_argument(rule, found->key, *reader_.node(found->key));
    } else if (rule.measurements.empty() && rule.not_measurements.empty() && rule.hosts.empty() &&
               rule.fields.empty() && rule.tags.empty() && rule.tag_pass.empty() && rule.tag_drop.empty() &&
               rule.conditions.empty()) {
      reader_.complain_here("has neither a selector nor a verb");
    }
    if (rule.verb == Verb::kEvery || rule.verb == Verb::kMerge) read_functions(rule);
  }

  void read_argument(Rule& rule, std::string_view key, const Node& node) {
    switch (rule.verb) {
      case Verb::kKeep:
      case Verb::kDrop: {
        bool yes = true;
        if (reader_.boolean(key, yes) && !yes) reader_.complain(node, key, "must be true, or left out");
        break;
      }
      case Verb::kKeepFields:
      case Verb::kDropFields:
      case Verb::kKeepTags:
      case Verb::kDropTags:
        patterns(key, rule.patterns);
        if (rule.verb == Verb::kDropTags) refuse_host(node, key);
        break;
      case Verb::kRename:
        read_rename(rule, key, node);
        break;
      case Verb::kRenameFields:
      case Verb::kRenameTags:
      case Verb::kSetTags:
        read_pairs(rule, key, node);
        break;
      case Verb::kMap:
        read_maps(rule);
        break;
      case Verb::kRedact:
        read_redact(rule, key, node);
        break;
      case Verb::kRound:
        reader_.integer(key, rule.number, -12, 12);
        break;
      case Verb::kSample:
        reader_.integer(key, rule.number, 1, 1'000'000);
        break;
      case Verb::kLimit:
        reader_.integer(key, rule.number, 1, 10'000'000);
        break;
      case Verb::kDedup:
        reader_.duration(key, rule.span, hours(24));
        break;
      case Verb::kEvery:
        read_every(rule, key, node);
        break;
      case Verb::kMerge:
        reader_.texts(key, rule.merge);
        if (std::find(rule.merge.begin(), rule.merge.end(), kHost) != rule.merge.end())
          reader_.complain(node, key,
                           "rows of several hosts do not come together; drop_tag = \"host\" and then every does that");
        break;
      case Verb::kDerive:
        read_formulas(rule);
        break;
      case Verb::kFilter:
        break;
    }
  }

  // The server and the page know a machine by this tag.
  void refuse_host(const Node& node, std::string_view key) {
    if (place_ == Place::kSink) return;
    std::vector<std::string> names;
    if (node.kind == Node::Kind::kTable)
      for (const Node& member : node.members) {
        names.push_back(member.key);
        if (rename_tag_ == key) names.push_back(member.text);
      }
    else if (node.kind == Node::Kind::kText)
      names.push_back(node.text);
    else
      for (const Node& item : node.items) names.push_back(item.text);
    if (std::find(names.begin(), names.end(), kHost) != names.end())
      reader_.complain(node, key, "the tag host identifies the machine: only a sink's rules may change it");
  }

  void read_rename(Rule& rule, std::string_view key, const Node& node) {
    if (!reader_.text(key, rule.rename)) return;
    if (rule.rename.empty()) reader_.complain(node, key, "is empty");
    if (key == "name_prefix") rule.rename += '*';
    if (key == "name_suffix") rule.rename.insert(0, "*");
  }

  void read_pairs(Rule& rule, std::string_view key, const Node& node) {
    const Node* const table = table_of(key);
    if (table == nullptr) return;
    TableReader pairs(*table, reader_.path() + "." + std::string(key), complaints());
    for (const Node& member : table->members) {
      std::string text;
      if (!pairs.text(member.key, text)) continue;
      if (text.empty() || member.key.empty()) pairs.complain(member, member.key, "is empty");
      rule.pairs.emplace_back(member.key, std::move(text));
    }
    if (rule.verb != Verb::kRenameFields) refuse_host(node, key);
  }

  void read_maps(Rule& rule) {
    const Node* const maps = table_of("map");
    if (maps == nullptr) return;
    for (const Node& member : maps->members) {
      ValueMap map;
      map.of = member.key;
      bool texts = false, fractions = false;
      if (member.kind != Node::Kind::kTable || member.members.empty()) {
        reader_.complain(member, "map." + member.key, "must be a table: map = { state = { running = 1, dead = 0 } }");
        continue;
      }
      for (const Node& value : member.members) {
        texts = texts || value.kind == Node::Kind::kText;
        fractions = fractions || value.kind == Node::Kind::kNumber;
        if (value.kind != Node::Kind::kText && value.kind != Node::Kind::kNumber && value.kind != Node::Kind::kInteger)
          reader_.complain(value, "map." + member.key, "values are texts or numbers");
      }
      map.type = texts       ? metric::FieldType::kString
                 : fractions ? metric::FieldType::kFloat
                             : metric::FieldType::kInteger;
      for (const Node& value : member.members) {
        ValueMap::To to;
        const double number = value.kind == Node::Kind::kInteger ? static_cast<double>(value.integer) : value.number;
        to.text = value.kind == Node::Kind::kText      ? value.text
                  : value.kind == Node::Kind::kInteger ? std::to_string(value.integer)
                                                       : fmt::format("{}", number);
        to.cell = fractions ? metric::cell_of(number) : metric::cell_of(value.integer);
        if (value.key == "*")
          map.other = std::move(to);
        else
          map.values.emplace_back(value.key, std::move(to));
      }
      std::sort(map.values.begin(), map.values.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      rule.maps.push_back(std::move(map));
    }
  }

  void read_redact(Rule& rule, std::string_view key, const Node& node) {
    std::vector<std::string> texts;
    if (!reader_.texts(key, texts)) return;
    tail::RedactOptions options;
    for (const std::string& one : texts) {
      if (one == "tokens")
        options.tokens = true;
      else if (one == "cards")
        options.cards = true;
      else if (one == "emails")
        options.emails = true;
      else if (one.size() > 2 && one.starts_with('/') && one.ends_with('/'))
        options.patterns.push_back(one.substr(1, one.size() - 2));
      else
        reader_.complain(node, key, "'" + one + "' is not tokens, cards, emails or /PATTERN/");
    }
    auto made = tail::Redactor::make(options);
    if (made)
      rule.redactor = std::make_shared<const tail::Redactor>(std::move(*made));
    else
      reader_.complain(node, key, made.error().message);
  }

  void read_every(Rule& rule, std::string_view key, const Node& node) {
    if (place_ == Place::kServer)
      reader_.complain(node, key,
                       "is for clients and sinks: a window that is open in memory when the server is killed would lose "
                       "samples that were acknowledged. The store makes windows of a minute and an hour by itself");
    if (reader_.duration(key, rule.span, kLongestWindow) && rule.span < seconds(1))
      reader_.complain(node, key, "must be 1s to 1h");
    rule.wait = place_ == Place::kSink ? kSinkWait : std::chrono::nanoseconds(0);
    reader_.duration("wait", rule.wait, hours(1));
  }

  void read_functions(Rule& rule) {
    rule.functions = {rule.verb == Verb::kMerge ? Function::kSum : Function::kMean};
    std::vector<std::string> words;
    if (!reader_.texts("aggregate", words)) return;
    rule.functions.clear();
    for (const std::string& word : words) {
      const auto at = std::find(kFunctions.begin(), kFunctions.end(), word);
      if (at == kFunctions.end())
        reader_.complain(*reader_.node("aggregate"), "aggregate",
                         "'" + word + "' is not mean, min, max, sum, last, count or p95");
      else
        rule.functions.push_back(static_cast<Function>(at - kFunctions.begin()));
    }
    if (words.empty()) reader_.complain(*reader_.node("aggregate"), "aggregate", "is empty");
  }

  void read_formulas(Rule& rule) {
    const Node* const table = table_of("derive");
    if (table == nullptr) return;
    TableReader formulas(*table, reader_.path() + ".derive", complaints());
    for (const Node& member : table->members) {
      std::string text;
      if (!formulas.text(member.key, text)) continue;
      auto formula = Formula::parse(text);
      if (formula)
        rule.formulas.emplace_back(member.key, std::move(*formula));
      else
        formulas.complain(member, member.key, formula.error().message);
    }
  }

  const Node* table_of(std::string_view key) {
    const Node* const node = reader_.node(key);
    if (node == nullptr) return nullptr;
    if (node->kind == Node::Kind::kTable && !node->members.empty()) return node;
    reader_.complain(*node, key, "must be a table, such as { key = \"value\" }");
    return nullptr;
  }
  Complaints& complaints() { return reader_.complaints(); }

  static constexpr std::string_view rename_tag_ = "rename_tag";
  const Node& table_;
  const Place place_;
  TableReader reader_;
};

void mix(std::uint64_t& hash, std::string_view text) {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  hash = (hash ^ 0xffU) * 0x100000001b3ULL;
}

void mix(std::uint64_t& hash, const Node& node) {
  mix(hash, node.key);
  mix(hash, node.text);
  mix(hash, fmt::format("{} {} {}", node.integer, node.number, node.boolean));
  for (const Node& item : node.items) mix(hash, item);
  for (const Node& member : node.members) mix(hash, member);
}

}  // namespace

std::string_view function_name(Function function) {
  return kFunctions[static_cast<std::size_t>(function)];
}

const ValueMap::To* ValueMap::find(std::string_view value) const {
  const auto at = std::lower_bound(values.begin(), values.end(), value,
                                   [](const auto& one, std::string_view wanted) { return one.first < wanted; });
  if (at != values.end() && at->first == value) return &at->second;
  return other ? &*other : nullptr;
}

bool Config::has_windows() const {
  return std::any_of(rules.begin(), rules.end(), [](const Rule& one) { return one.verb == Verb::kEvery; });
}

Config read_rules(const Node& array, const std::string& key, Place place, Complaints& complaints) {
  Config out;
  out.fingerprint = 0xcbf29ce484222325ULL;
  mix(out.fingerprint, array);
  std::map<std::string, std::size_t, std::less<>> names;
  for (std::size_t i = 0; i < array.items.size(); ++i) {
    const Node& item = array.items[i];
    const std::string path = fmt::format("{}[{}]", key, i + 1);
    if (item.kind != Node::Kind::kTable || i >= kMostRules) {
      complaints.add(item.value_line, item.value_column, path,
                     i >= kMostRules ? fmt::format("more than {} rules", kMostRules) : "must be a table");
      return out;
    }
    Rule rule;
    RuleReader(item, path, place, complaints).read(rule);
    if (rule.name.empty()) rule.name = fmt::format("rule {}", i + 1);
    if (!names.emplace(rule.name, i).second)
      complaints.add(item.value_line, item.value_column, path + ".name", "'" + rule.name + "' is another rule's name");
    out.rules.push_back(std::move(rule));
    find_doubts(item, path, complaints.file(), out.rules, out.doubts);
  }
  return out;
}

std::string sample_rules(const std::string& key) {
  std::string out;
  for (const std::string_view rule :
       {"name = \"no loopback\"\nmeasurement = \"net\"\ntags = { interface = \"lo\" }\ndrop = true\n",
        "measurement = \"cpu\"\nkeep_fields = [\"usage_*\"]\n"})
    out.append("[[").append(key).append("]]\n").append(rule);
  out.pop_back();
  return out;
}

}  // namespace resmon::rule
