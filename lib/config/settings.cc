// Every kind of setting is turned into four functions when it is declared (check and store a node, read a text, print),
// so that loading, the sample and `show` know nothing of types. A document is walked once, from the tree's side: every
// key in it must lead somewhere, which is what finds misspelt keys. All errors of a file are reported together (to a
// bound), because correcting a file is slow if a program reports one error at a time.

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/file.h"
#include "config/nearest.h"
#include "config/settings_impl.h"
#include "config/units.h"

namespace resmon::config {

namespace {

constexpr std::size_t kMostErrors = 10;
constexpr std::size_t kLongestText = 64U << 10U;

Status wrong_kind(std::string_view wanted, const Node& node) {
  return fail(ErrorKind::kInvalid, "must be " + std::string(wanted) + ", not " + std::string(kind_name(node.kind)));
}

// Texts end up in HTTP headers, paths and log lines, where a line break is an attack or a mistake.
Status check_text(const Node& node) {
  if (node.kind != Node::Kind::kText) return wrong_kind("a text in quotes", node);
  if (node.text.size() > kLongestText)
    return fail(ErrorKind::kInvalid, "must be no longer than " + std::to_string(kLongestText) + " bytes");
  for (const char c : node.text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f)
      return fail(ErrorKind::kInvalid, "must not contain line breaks or control characters");
  }
  return {};
}

Node text_node(std::string_view text) {
  Node node;
  node.kind = Node::Kind::kText;
  node.text = text;
  return node;
}

Result<Node> read_as_text(std::string_view text) {
  return text_node(text);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t at = text.find(separator);
    std::string_view part = text.substr(0, at);
    while (!part.empty() && part.front() == ' ') part.remove_prefix(1);
    while (!part.empty() && part.back() == ' ') part.remove_suffix(1);
    if (!part.empty()) parts.push_back(part);
    text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  }
  return parts;
}

// A value in the form that it has in a file, `["a", "b"]` or `{a = "b"}`.
Result<Node> read_as_toml(std::string_view text, Node::Kind wanted, std::string_view example) {
  if (text.find('\n') == std::string_view::npos) {
    auto root = parse_toml("value = " + std::string(text), "");
    if (root && root->members.size() == 1 && root->members.front().kind == wanted) {
      Node node = std::move(root->members.front());
      node.key.clear();
      return node;
    }
  }
  return fail(ErrorKind::kInvalid, "a value that begins with '" + std::string(1, text.front()) +
                                       "' is parsed as TOML and must be " + std::string(example));
}

bool begins_with(std::string_view text, char wanted) {
  const std::size_t at = text.find_first_not_of(' ');
  return at != std::string_view::npos && text[at] == wanted;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

std::string print_number(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

bool good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string child(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

}  // namespace

Settings::Settings(std::string program) : impl_(std::make_unique<Impl>()) {
  impl_->program = std::move(program);
}
Settings::~Settings() = default;

void Settings::text(std::string key, std::string* target, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "a text";
  setting.assign = [target](const Node& node) -> Status {
    RESMON_TRY(check_text(node));
    *target = node.text;
    return {};
  };
  setting.read_text = read_as_text;
  setting.literal = [target] { return toml_quoted(*target); };
  impl_->add(std::move(setting));
}

void Settings::choice(std::string key, std::string* target, std::vector<std::string> choices, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "one of " + joined(choices);
  setting.assign = [target, choices = std::move(choices)](const Node& node) -> Status {
    RESMON_TRY(check_text(node));
    if (std::find(choices.begin(), choices.end(), node.text) != choices.end()) {
      *target = node.text;
      return {};
    }
    std::string message = "must be one of " + joined(choices);
    if (const std::string* meant = nearest(node.text, choices)) message += "; did you mean " + *meant + "?";
    return fail(ErrorKind::kInvalid, message);
  };
  setting.read_text = read_as_text;
  setting.literal = [target] { return toml_quoted(*target); };
  impl_->add(std::move(setting));
}

void Settings::boolean(std::string key, bool* target, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "true or false";
  setting.assign = [target](const Node& node) -> Status {
    if (node.kind != Node::Kind::kBoolean) return wrong_kind("true or false", node);
    *target = node.boolean;
    return {};
  };
  setting.read_text = [](std::string_view text) -> Result<Node> {
    Node node;
    node.kind = Node::Kind::kBoolean;
    node.boolean = text == "true" || text == "1" || text == "yes" || text == "on";
    if (node.boolean || text == "false" || text == "0" || text == "no" || text == "off") return node;
    return fail(ErrorKind::kInvalid, "must be true or false");
  };
  setting.literal = [target] { return std::string(*target ? "true" : "false"); };
  impl_->add(std::move(setting));
}

void Settings::integer(std::string key, std::int64_t* target, std::int64_t least, std::int64_t most,
                       std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  setting.assign = [target, least, most, values = setting.values](const Node& node) -> Status {
    if (node.kind != Node::Kind::kInteger) return wrong_kind("an integer", node);
    if (node.integer < least || node.integer > most)
      return fail(ErrorKind::kInvalid, "must be " + values + ", not " + std::to_string(node.integer));
    *target = node.integer;
    return {};
  };
  setting.read_text = [values = setting.values](std::string_view text) -> Result<Node> {
    Node node;
    node.kind = Node::Kind::kInteger;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), node.integer);
    if (error == std::errc() && end == text.data() + text.size()) return node;
    return fail(ErrorKind::kInvalid, "must be " + values);
  };
  setting.literal = [target] { return std::to_string(*target); };
  impl_->add(std::move(setting));
}

void Settings::number(std::string key, double* target, double least, double most, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "a number from " + print_number(least) + " to " + print_number(most);
  setting.assign = [target, least, most, values = setting.values](const Node& node) -> Status {
    const bool integer = node.kind == Node::Kind::kInteger;
    if (!integer && node.kind != Node::Kind::kNumber) return wrong_kind("a number", node);
    const double value = integer ? static_cast<double>(node.integer) : node.number;
    if (!(value >= least && value <= most))  // so that NaN is refused too
      return fail(ErrorKind::kInvalid, "must be " + values + ", not " + print_number(value));
    *target = value;
    return {};
  };
  setting.read_text = [values = setting.values](std::string_view text) -> Result<Node> {
    Node node;
    node.kind = Node::Kind::kNumber;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), node.number);
    if (error == std::errc() && end == text.data() + text.size()) return node;
    return fail(ErrorKind::kInvalid, "must be " + values);
  };
  setting.literal = [target] { return print_number(*target); };
  impl_->add(std::move(setting));
}

void Settings::duration(std::string key, std::chrono::nanoseconds* target, std::chrono::nanoseconds least,
                        std::chrono::nanoseconds most, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "a duration from " + print_duration(least) + " to " + print_duration(most);
  setting.assign = [target, least, most, values = setting.values](const Node& node) -> Status {
    const bool zero = node.kind == Node::Kind::kInteger && node.integer == 0;
    if (!zero && node.kind != Node::Kind::kText) return wrong_kind("a duration such as \"5s\"", node);
    const Result<std::chrono::nanoseconds> value = parse_duration(zero ? "0" : node.text);
    if (!value) return fail(ErrorKind::kInvalid, "must be " + values + ": " + value.error().message);
    if (*value < least || *value > most)
      return fail(ErrorKind::kInvalid, "must be " + values + ", not " + print_duration(*value));
    *target = *value;
    return {};
  };
  setting.read_text = read_as_text;
  setting.literal = [target] { return toml_quoted(print_duration(*target)); };
  impl_->add(std::move(setting));
}

void Settings::bytes(std::string key, std::uint64_t* target, std::uint64_t least, std::uint64_t most,
                     std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "a size in bytes from " + print_bytes(least) + " to " + print_bytes(most);
  setting.assign = [target, least, most, values = setting.values](const Node& node) -> Status {
    const bool plain = node.kind == Node::Kind::kInteger && node.integer >= 0;
    if (!plain && node.kind != Node::Kind::kText) return wrong_kind("a size such as \"64MiB\"", node);
    const Result<std::uint64_t> value =
        plain ? Result<std::uint64_t>(static_cast<std::uint64_t>(node.integer)) : parse_bytes(node.text);
    if (!value) return fail(ErrorKind::kInvalid, "must be " + values + ": " + value.error().message);
    if (*value < least || *value > most)
      return fail(ErrorKind::kInvalid, "must be " + values + ", not " + print_bytes(*value));
    *target = *value;
    return {};
  };
  setting.read_text = read_as_text;
  setting.literal = [target] { return toml_quoted(print_bytes(*target)); };
  impl_->add(std::move(setting));
}

void Settings::list(std::string key, std::vector<std::string>* target, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "an array of texts";
  setting.assign = [target](const Node& node) -> Status {
    if (node.kind != Node::Kind::kArray) return wrong_kind("an array of texts", node);
    std::vector<std::string> values;
    for (const Node& item : node.items) {
      if (Status status = check_text(item); !status) return fail(std::move(status.error()).wrap("every item"));
      values.push_back(item.text);
    }
    *target = std::move(values);
    return {};
  };
  setting.read_text = [](std::string_view text) -> Result<Node> {
    if (begins_with(text, '['))
      return read_as_toml(text.substr(text.find('[')), Node::Kind::kArray, "like [\"a\", \"b\"]");
    Node node;
    node.kind = Node::Kind::kArray;
    for (const std::string_view part : split(text, ',')) node.items.push_back(text_node(part));
    return node;
  };
  setting.literal = [target] {
    std::string text = "[";
    for (const std::string& item : *target) text.append(text.size() == 1 ? "" : ", ").append(toml_quoted(item));
    return text + "]";
  };
  impl_->add(std::move(setting));
}

void Settings::map(std::string key, std::vector<std::pair<std::string, std::string>>* target, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "any keys, each with a text";
  setting.is_map = true;
  setting.assign = [target](const Node& node) -> Status {
    if (node.kind != Node::Kind::kTable) return wrong_kind("a table of texts", node);
    std::vector<std::pair<std::string, std::string>> values;
    for (const Node& value : node.members) {
      if (Status status = check_text(value); !status)
        return fail(std::move(status.error()).wrap(toml_quoted(value.key)));
      values.emplace_back(value.key, value.text);
    }
    *target = std::move(values);
    return {};
  };
  setting.read_text = [](std::string_view text) -> Result<Node> {
    if (begins_with(text, '{'))
      return read_as_toml(text.substr(text.find('{')), Node::Kind::kTable, "like {a = \"b\", c = \"d\"}");
    Node node;
    for (const std::string_view part : split(text, ',')) {
      const std::size_t at = part.find('=');
      if (at == std::string_view::npos || at == 0) return fail(ErrorKind::kInvalid, "must be KEY=VALUE,…");
      node.members.push_back(text_node(part.substr(at + 1)));
      node.members.back().key = part.substr(0, at);
    }
    return node;
  };
  setting.literal = [target] {
    std::string text;
    for (const auto& [name, value] : *target)
      text.append(text.empty() ? "" : ", ").append(toml_quoted(name)).append(" = ").append(toml_quoted(value));
    return text.empty() ? std::string("{}") : "{ " + text + " }";
  };
  setting.pairs = [target] { return target; };
  impl_->add(std::move(setting));
}

void Settings::array(std::string key, std::function<void(const Node&, const std::string&, Complaints&)> read,
                     std::string example, std::string meaning) {
  Setting setting;
  setting.key = std::move(key);
  setting.meaning = std::move(meaning);
  setting.values = "an array of tables";
  setting.example = std::move(example);
  setting.read_array = std::move(read);
  setting.assign = [](const Node&) -> Status { return {}; };
  setting.read_text = [](std::string_view) -> Result<Node> {
    return fail(ErrorKind::kInvalid, "is an array of tables, which only the file can have");
  };
  const auto given = std::make_shared<std::string>("[]");
  setting.literal = [given] { return *given; };
  setting.keep_literal = [given](const Node& array) { *given = array_literal(array); };
  impl_->add(std::move(setting));
}

void Settings::tables(std::string key, std::string example_name,
                      std::function<void(Settings&, const std::string&, const std::string&)> declare,
                      std::string meaning) {
  impl_->tables.push_back({std::move(key), std::move(example_name), std::move(declare), std::move(meaning), {}});
}

void Settings::alias(std::string environment_variable, std::string key) {
  impl_->aliases.emplace_back(std::move(environment_variable), std::move(key));
}

void Settings::Impl::add(Setting setting) {
  setting.default_literal = setting.literal();
  by_key.insert_or_assign(setting.key, settings.size());
  settings.push_back(std::move(setting));
}

Setting* Settings::Impl::find(std::string_view key) {
  const auto found = by_key.find(key);
  return found == by_key.end() ? nullptr : &settings[found->second];
}

TableSetting* Settings::Impl::find_table(std::string_view key) {
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const TableSetting& t) { return t.key == key; });
  return found == tables.end() ? nullptr : &*found;
}

bool Settings::Impl::leads_to_a_key(std::string_view path) const {
  const std::string prefix = std::string(path) + ".";
  const auto after = by_key.lower_bound(prefix);
  if (after != by_key.end() && after->first.starts_with(prefix)) return true;
  return std::any_of(tables.begin(), tables.end(),
                     [&](const TableSetting& table) { return table.key.starts_with(prefix); });
}

Status Settings::Impl::open_table(Settings& owner, TableSetting& table, const std::string& name) {
  if (table.names.contains(name)) return {};
  if (!good_name(name)) return fail(ErrorKind::kInvalid, "a name here is 1 to 64 letters, digits, '_' and '-'");
  constexpr std::size_t kMostTables = 256;
  if (table.names.size() >= kMostTables)
    return fail(ErrorKind::kInvalid, "more than " + std::to_string(kMostTables) + " of these tables");
  table.names.insert(name);
  // Copies, because `declare` may declare further tables and so move this one.
  const auto declare = table.declare;
  const std::string prefix = table.key + "." + name;
  declare(owner, name, prefix);
  return {};
}

Setting* Settings::Impl::find_or_open(Settings& owner, std::string_view key) {
  if (Setting* setting = find(key)) return setting;
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const std::string prefix = tables[i].key + ".";
    if (!key.starts_with(prefix)) continue;
    const std::string_view rest = key.substr(prefix.size());
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos || !open_table(owner, tables[i], std::string(rest.substr(0, dot)))) continue;
    if (Setting* setting = find(key)) return setting;
  }
  return nullptr;
}

Status Settings::Impl::assign(Setting& setting, const Node& node, Origin origin) {
  if (origin < setting.origin) return {};
  RESMON_TRY(setting.assign(node));
  setting.origin = origin;
  return {};
}

std::string Settings::Impl::unknown(const std::string& key) const {
  std::vector<std::string> candidates;
  for (const Setting& setting : settings) candidates.push_back(setting.key);
  for (const TableSetting& table : tables) candidates.push_back(table.key);
  for (const Setting& setting : settings)  // tables too may be misspelt
    for (std::size_t dot = setting.key.find('.'); dot != std::string::npos; dot = setting.key.find('.', dot + 1))
      candidates.push_back(setting.key.substr(0, dot));
  if (const std::string* meant = nearest(key, candidates)) return "unknown key; did you mean " + *meant + "?";
  const std::string table = key.substr(0, key.rfind('.') == std::string::npos ? 0 : key.rfind('.') + 1);
  std::vector<std::string> here;
  for (const Setting& setting : settings)
    if (setting.key.starts_with(table)) here.push_back(setting.key);
  for (const TableSetting& repeated : tables)
    if (repeated.key.starts_with(table)) here.push_back(repeated.key + ".NAME");
  constexpr std::size_t kMostNamed = 12;
  const bool more = here.size() > kMostNamed;
  here.resize(std::min(here.size(), kMostNamed));
  return here.empty() ? "unknown key" : "unknown key; known here: " + joined(here) + (more ? ", …" : "");
}

void Settings::Impl::walk(Settings& owner, const Node& table, const std::string& path, const std::string& file,
                          std::vector<std::pair<std::uint32_t, std::string>>& errors) {
  for (const Node& node : table.members) {
    const std::string& name = node.key;
    if (errors.size() > kMostErrors) return;
    const std::string key = child(path, name);
    const auto report = [&](std::string_view reason) {
      errors.emplace_back(node.line, file + ":" + std::to_string(node.line) + ": " + key + ": " + std::string(reason));
    };
    const bool dotted = name.find('.') != std::string::npos;  // a quoted key, which no setting has
    if (TableSetting* outer = path.empty() ? nullptr : find_table(path)) {
      if (node.kind != Node::Kind::kTable) {
        report("must be a table: [" + path + ".NAME]");
        continue;
      }
      if (Status status = open_table(owner, *outer, name); !status) {
        report(status.error().message);
        continue;
      }
      walk(owner, node, key, file, errors);
      continue;
    }
    if (Setting* setting = dotted ? nullptr : find(key); setting != nullptr && setting->read_array) {
      if (node.kind != Node::Kind::kArray) {
        report("is an array of tables: [[" + key + "]]");
        continue;
      }
      Complaints complaints(file);
      setting->read_array(node, key, complaints);
      setting->keep_literal(node);
      for (const Complaints::Line& line : complaints.lines()) errors.emplace_back(line.line, line.text);
    } else if (setting != nullptr) {
      if (Status status = assign(*setting, node, Origin::kFile); !status) report(status.error().message);
    } else if (!dotted && (find_table(key) != nullptr || leads_to_a_key(key))) {
      if (node.kind == Node::Kind::kTable)
        walk(owner, node, key, file, errors);
      else
        report("is a table: [" + key + "]");
    } else {
      report(unknown(key));
    }
  }
}

Status Settings::load_file(const std::string& path) {
  RESMON_ASSIGN(const std::string content, read_file(path, kLargestTomlBytes));
  return load_text(content, path);
}

Status Settings::load_text(std::string_view toml, const std::string& path_for_errors) {
  RESMON_ASSIGN(const Node root, parse_toml(toml, path_for_errors));
  std::vector<std::pair<std::uint32_t, std::string>> errors;
  impl_->walk(*this, root, "", path_for_errors, errors);
  if (errors.empty()) return {};
  const bool more = errors.size() > kMostErrors;
  errors.resize(std::min(errors.size(), kMostErrors));
  std::stable_sort(errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string message;
  for (const auto& [line, error] : errors) message.append(message.empty() ? "" : "\n").append(error);
  if (more) message += "\nand more";
  return fail(ErrorKind::kInvalid, std::move(message));
}

Status Settings::load_environment(const char* const* environment) {
  if (environment == nullptr) environment = ::environ;
  std::map<std::string, std::string_view, std::less<>> variables;
  for (; environment != nullptr && *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    const std::size_t equals = entry.find('=');
    // Container tools pass variables that were not given as empty ones, so empty means not set.
    if (equals == std::string_view::npos || equals + 1 == entry.size()) continue;
    variables.insert_or_assign(std::string(entry.substr(0, equals)), entry.substr(equals + 1));
  }
  const auto take = [&](Setting& setting, const std::string& variable, std::string_view value,
                        Origin origin) -> Status {
    Result<Node> node = setting.read_text(value);
    Status status = node ? impl_->assign(setting, *node, origin) : fail(std::move(node).error());
    if (!status) return fail(std::move(status).error().wrap(variable + ": " + setting.key));
    return {};
  };

  for (const auto& [variable, key] : std::vector(impl_->aliases)) {
    const auto found = variables.find(variable);
    if (found == variables.end()) continue;
    if (Setting* setting = impl_->find_or_open(*this, key))
      RESMON_TRY(take(*setting, variable, found->second, Origin::kAlias));
  }

  // A repeating table may exist in the environment alone: RESMON_SINK_INFLUX_URL makes [sink.influx]. A name made so
  // cannot hold an underscore, because nothing says where it would end.
  const auto names_a_setting = [&](std::string_view variable) {
    return std::any_of(impl_->settings.begin(), impl_->settings.end(),
                       [&](const Setting& setting) { return environment_name(setting.key) == variable; });
  };
  for (std::size_t i = 0; i < impl_->tables.size(); ++i) {
    const std::string table_key = impl_->tables[i].key;
    const std::string prefix = environment_name(table_key) + "_";
    for (auto at = variables.lower_bound(prefix); at != variables.end() && at->first.starts_with(prefix); ++at) {
      if (names_a_setting(at->first)) continue;
      std::string rest = at->first.substr(prefix.size());
      std::transform(rest.begin(), rest.end(), rest.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const std::string name = rest.substr(0, rest.find('_'));
      if (name.size() + 1 >= rest.size()) continue;
      const auto wrong = [&](std::string_view reason) {
        return fail(ErrorKind::kInvalid, at->first + ": " + std::string(reason));
      };
      if (Status status = impl_->open_table(*this, impl_->tables[i], name); !status)
        return wrong(status.error().message);
      if (!names_a_setting(at->first)) {
        const std::string key = table_key + "." + name + "." + rest.substr(name.size() + 1);
        return wrong(key + ": " + impl_->unknown(key));
      }
    }
  }
  for (std::size_t i = 0; i < impl_->settings.size(); ++i) {
    const std::string variable = environment_name(impl_->settings[i].key);
    if (const auto found = variables.find(variable); found != variables.end())
      RESMON_TRY(take(impl_->settings[i], variable, found->second, Origin::kEnvironment));
  }
  return {};
}

Status Settings::set(std::string_view key_equals_value) {
  const std::size_t equals = key_equals_value.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return fail(ErrorKind::kInvalid, "--set takes KEY=VALUE, such as log.level=debug");
  const std::string key(key_equals_value.substr(0, equals));
  Setting* setting = impl_->find_or_open(*this, key);
  if (setting == nullptr) return fail(ErrorKind::kInvalid, key + ": " + impl_->unknown(key));
  Result<Node> node = setting->read_text(key_equals_value.substr(equals + 1));
  Status status = node ? impl_->assign(*setting, *node, Origin::kFlag) : fail(std::move(node).error());
  if (!status) return fail(std::move(status).error().wrap(key));
  return {};
}

}  // namespace resmon::config
