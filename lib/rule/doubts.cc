#include "rule/doubts.h"

#include <algorithm>

#include "config/table_reader.h"
#include "metric/pinned_types.h"

namespace resmon::rule {

bool may_write(std::span<const Rule> rules, const std::string& measurement, const std::string& field) {
  return std::any_of(rules.begin(), rules.end(), [&](const Rule& rule) {
    if (rule.verb == Verb::kRename) return rule.rename == measurement || rule.rename.find('*') != std::string::npos;
    if (rule.verb == Verb::kRenameFields)
      for (const auto& [from, to] : rule.pairs)
        if (to == field || to.find('*') != std::string::npos) return true;
    for (const auto& formula : rule.formulas)
      if (formula.first == field) return true;
    return std::any_of(rule.functions.begin(), rule.functions.end(),
                       [&](Function one) { return field.ends_with("_" + std::string(function_name(one))); });
  });
}

namespace {

using metric::NameDoubt;

class RuleDoubts {
 public:
  RuleDoubts(const config::Node& table, const std::string& path, const std::string& file,
             const std::vector<Rule>& rules, std::vector<NameDoubt>& out)
      : table_(table),
        path_(path),
        file_(file),
        before_(rules.data(), rules.size() - 1),
        rule_(rules.back()),
        out_(out) {}

  void find() {
    for (const Pattern& one : rule_.measurements.all()) {
      if (!one.is_literal() || may_write(before_, one.text(), "")) return;
      if (std::string text = metric::doubt_about_measurement(one.text()); !text.empty())
        add({"measurement", "namepass"}, {{one.text()}, "", std::move(text)});
      measurements_.push_back(one.text());
    }
    if (measurements_.empty()) return;
    for (const Pattern& one : rule_.fields.all()) look_at({"fields"}, one);
    for (const Condition& one : rule_.conditions) look_at({"value"}, one.field);
    if (rule_.verb == Verb::kKeepFields || rule_.verb == Verb::kDropFields)
      for (const Pattern& one : rule_.patterns.all())
        look_at({"keep_fields", "fieldinclude", "fieldpass", "drop_fields", "fieldexclude", "fielddrop"}, one);
    if (rule_.verb == Verb::kRenameFields)
      for (const auto& pair : rule_.pairs) look_at_name({"rename_field"}, pair.first);
    for (const auto& formula : rule_.formulas)
      for (const std::string& name : formula.second.names) look_at_name({"derive"}, name);
  }

 private:
  using Keys = std::initializer_list<std::string_view>;

  void look_at_name(Keys keys, const std::string& name) {
    if (const auto pattern = Pattern::make(name); pattern) look_at(keys, *pattern);
  }

  // One of the measurements that may have the field is enough.
  void look_at(Keys keys, const Pattern& field) {
    std::string text;
    for (const std::string& measurement : measurements_) {
      if (may_write(before_, measurement, field.text())) return;
      std::string doubt = about(measurement, field);
      if (doubt.empty()) return;
      if (text.empty() || text.find("did you mean") == std::string::npos) text = std::move(doubt);
    }
    add(keys, {measurements_, field.text(), std::move(text)});
  }

  static std::string about(const std::string& measurement, const Pattern& field) {
    // A name that is no field's is doubted for every measurement whose fields are known, and for no other.
    if (metric::doubt_about_field(measurement, "").empty()) return {};
    if (field.is_literal()) return metric::doubt_about_field(measurement, field.text());
    const std::vector<std::string> known = metric::documented_fields(measurement);
    if (std::any_of(known.begin(), known.end(), [&](const std::string& one) { return field.matches(one); })) return {};
    return "no collector writes a field of " + measurement + " that matches '" + field.text() + "'";
  }

  void add(Keys keys, NameDoubt doubt) {
    config::Complaints place(file_);
    for (const config::Node& member : table_.members)
      if (!place.any() && std::find(keys.begin(), keys.end(), member.key) != keys.end())
        place.add(member.value_line, member.value_column, path_ + "." + member.key, doubt.text);
    if (place.any()) doubt.text = place.text();
    out_.push_back(std::move(doubt));
  }

  const config::Node& table_;
  const std::string& path_;
  const std::string& file_;
  const std::span<const Rule> before_;
  const Rule& rule_;
  std::vector<NameDoubt>& out_;
  std::vector<std::string> measurements_;
};

}  // namespace

void find_doubts(const config::Node& table, const std::string& path, const std::string& file,
                 const std::vector<Rule>& rules, std::vector<NameDoubt>& out) {
  RuleDoubts(table, path, file, rules, out).find();
}

std::vector<std::string> unsettled(const std::vector<NameDoubt>& doubts,
                                   const std::function<std::vector<std::string>(const std::string&)>& fields_of) {
  std::vector<std::string> out;
  for (const NameDoubt& doubt : doubts) {
    const auto pattern = Pattern::make(doubt.field);
    const bool settled =
        std::any_of(doubt.measurements.begin(), doubt.measurements.end(), [&](const std::string& measurement) {
          const std::vector<std::string> fields = fields_of(measurement);
          return std::any_of(fields.begin(), fields.end(), [&](const std::string& one) {
            return doubt.field.empty() || (pattern && pattern->matches(one));
          });
        });
    if (!settled) out.push_back(doubt.text);
  }
  return out;
}

}  // namespace resmon::rule
