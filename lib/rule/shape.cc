#include "rule/shape.h"

#include <algorithm>
#include <functional>

#include "tail/redact.h"

namespace resmon::rule {

namespace {

using metric::FieldType;
constexpr std::string_view kHostTag = "host";

const std::string* value_of(const metric::Schema& schema, const Context& context, std::string_view key) {
  if (const std::string* const value = tag_of(schema, key)) return value;
  for (const metric::Tag& tag : context.tags)
    if (tag.key == key) return &tag.value;
  return key == kHostTag && !context.host.empty() ? &context.host : nullptr;
}

bool selects_tags(const Rule& rule, const metric::Schema& schema, const Context& context) {
  const auto matches = [&](const TagPatterns& one) {
    const std::string* const value = value_of(schema, context, one.key);
    return value != nullptr && one.values.matches(*value);
  };
  if (!rule.hosts.empty()) {
    const std::string* const host = value_of(schema, context, kHostTag);
    if (host == nullptr || !rule.hosts.matches(*host)) return false;
  }
  return std::all_of(rule.tags.begin(), rule.tags.end(), matches) &&
         (rule.tag_pass.empty() || std::any_of(rule.tag_pass.begin(), rule.tag_pass.end(), matches)) &&
         std::none_of(rule.tag_drop.begin(), rule.tag_drop.end(), matches);
}

bool selects(const Rule& rule, const metric::Schema& schema, const Context& context, Plan& plan) {
  if (!rule.measurements.empty() && !rule.measurements.matches(schema.measurement)) return false;
  if (rule.not_measurements.matches(schema.measurement)) return false;
  if (!selects_tags(rule, schema, context)) return false;
  for (std::uint32_t f = 0; f < schema.fields.size(); ++f)
    if (rule.fields.empty() || rule.fields.matches(schema.fields[f].name)) plan.fields.push_back(f);
  if (plan.fields.empty()) return false;
  for (const Condition& condition : rule.conditions) {
    std::vector<std::uint32_t>& fields = plan.condition_fields.emplace_back();
    for (std::uint32_t f = 0; f < schema.fields.size(); ++f)
      if (condition.field.matches(schema.fields[f].name)) fields.push_back(f);
    if (fields.empty()) return false;
  }
  return true;
}

// Whether the verb has something to do with the fields.
bool has_work(const Rule& rule, const metric::Schema& schema, const Plan& plan) {
  const auto some_field = [&](const auto& wanted) {
    return std::any_of(plan.fields.begin(), plan.fields.end(),
                       [&](std::uint32_t f) { return wanted(schema.fields[f]); });
  };
  switch (rule.verb) {
    case Verb::kRound:
      return some_field([&](const metric::Field& one) {
        return one.type == FieldType::kFloat || (rule.number < 0 && one.type == FieldType::kInteger);
      });
    case Verb::kRedact:
      return rule.fields.empty() || some_field([](const metric::Field& one) { return one.type == FieldType::kString; });
    case Verb::kMerge:
      return std::any_of(rule.merge.begin(), rule.merge.end(),
                         [&](const std::string& key) { return tag_of(schema, key) != nullptr; });
    case Verb::kDropTags:
      return std::any_of(schema.tags.begin(), schema.tags.end(),
                         [&](const metric::Tag& tag) { return rule.patterns.matches(tag.key); });
    case Verb::kDropFields:
      return some_field([&](const metric::Field& one) { return rule.patterns.matches(one.name); });
    case Verb::kRenameFields:
      return some_field([&](const metric::Field& one) {
        return std::any_of(rule.pairs.begin(), rule.pairs.end(),
                           [&](const auto& pair) { return pair.first == one.name; });
      });
    case Verb::kMap:
      return std::any_of(rule.maps.begin(), rule.maps.end(), [&](const ValueMap& map) {
        return tag_of(schema, map.of) != nullptr || some_field([&](const metric::Field& one) {
                 return one.name == map.of && one.type != FieldType::kFloat;
               });
      });
    default:
      return true;
  }
}

std::string starred(std::string_view pattern, const std::string& name) {
  std::string out;
  for (const char c : pattern) {
    if (c == '*')
      out += name;
    else
      out += c;
  }
  return out;
}

void set_tag(std::vector<metric::Tag>& tags, const std::string& key, const std::string& value) {
  const auto at = std::find_if(tags.begin(), tags.end(), [&](const metric::Tag& tag) { return tag.key == key; });
  if (at != tags.end())
    at->value = value;
  else
    tags.push_back({key, value});
}

void plan_tags(const Rule& rule, Place place, std::vector<metric::Tag>& tags) {
  const auto fixed = [&](const metric::Tag& tag) { return place != Place::kSink && tag.key == kHostTag; };
  switch (rule.verb) {
    case Verb::kKeepTags:
      std::erase_if(tags, [&](const metric::Tag& tag) { return !fixed(tag) && !rule.patterns.matches(tag.key); });
      break;
    case Verb::kDropTags:
      std::erase_if(tags, [&](const metric::Tag& tag) { return !fixed(tag) && rule.patterns.matches(tag.key); });
      break;
    case Verb::kMerge:
      std::erase_if(tags, [&](const metric::Tag& tag) {
        return std::find(rule.merge.begin(), rule.merge.end(), tag.key) != rule.merge.end();
      });
      break;
    case Verb::kSetTags:
      for (const auto& [key, value] : rule.pairs) set_tag(tags, key, value);
      break;
    case Verb::kRenameTags:
      for (const auto& pair : rule.pairs) {
        const auto at =
            std::find_if(tags.begin(), tags.end(), [&](const metric::Tag& tag) { return tag.key == pair.first; });
        if (at == tags.end()) continue;
        std::string value = std::move(at->value);
        tags.erase(at);
        set_tag(tags, pair.second, value);
      }
      break;
    case Verb::kMap:
      for (metric::Tag& tag : tags)
        for (const ValueMap& map : rule.maps)
          if (map.of == tag.key)
            if (const ValueMap::To* const to = map.find(tag.value)) tag.value = to->text;
      break;
    case Verb::kRedact:
      if (!rule.fields.empty()) break;
      for (metric::Tag& tag : tags)
        if (!fixed(tag)) rule.redactor->redact(tag.value);
      break;
    default:
      break;
  }
  metric::normalise_tags(tags);
}

// A column of the name is put in the other's place.
void put(std::vector<metric::Field>& fields, std::vector<Column>& columns, metric::Field field, Column column) {
  const auto at =
      std::find_if(fields.begin(), fields.end(), [&](const metric::Field& one) { return one.name == field.name; });
  if (at == fields.end()) {
    fields.push_back(std::move(field));
    columns.push_back(std::move(column));
    return;
  }
  columns[static_cast<std::size_t>(at - fields.begin())] = std::move(column);
  *at = std::move(field);
}

void plan_fields(const Rule& rule, const metric::Schema& from, std::vector<metric::Field>& fields,
                 std::vector<Column>& columns) {
  const auto renamed = [&](const std::string& name) {
    for (const auto& [old, fresh] : rule.pairs)
      if (old == name) return fresh;
    return name;
  };
  for (std::uint32_t f = 0; f < from.fields.size(); ++f) {
    metric::Field field = from.fields[f];
    Column column;
    column.from = f;
    if (rule.verb == Verb::kKeepFields && !rule.patterns.matches(field.name)) continue;
    if (rule.verb == Verb::kDropFields && rule.patterns.matches(field.name)) continue;
    if (rule.verb == Verb::kRenameFields) field.name = renamed(field.name);
    if (rule.verb == Verb::kMap)
      for (const ValueMap& map : rule.maps)
        if (map.of == field.name && field.type != FieldType::kFloat) {
          column.map = &map;
          field.type = map.type;
        }
    put(fields, columns, std::move(field), std::move(column));
  }
  if (rule.verb != Verb::kDerive) return;
  for (const auto& [name, formula] : rule.formulas) {
    Column column;
    column.formula = &formula;
    bool complete = true;
    for (const std::string& operand : formula.names) {
      const auto at = std::find_if(from.fields.begin(), from.fields.end(),
                                   [&](const metric::Field& one) { return one.name == operand; });
      complete = complete && at != from.fields.end() && at->type != FieldType::kString;
      column.operands.push_back(complete ? static_cast<std::uint32_t>(at - from.fields.begin()) : Column::kNone);
    }
    if (complete) put(fields, columns, {name, FieldType::kFloat}, std::move(column));
  }
}

}  // namespace

const std::string* tag_of(const metric::Schema& schema, std::string_view key) {
  for (const metric::Tag& tag : schema.tags)
    if (tag.key == key) return &tag.value;
  return nullptr;
}

bool changes_schema(Verb verb) {
  switch (verb) {
    case Verb::kKeepFields:
    case Verb::kDropFields:
    case Verb::kKeepTags:
    case Verb::kDropTags:
    case Verb::kRename:
    case Verb::kRenameFields:
    case Verb::kRenameTags:
    case Verb::kSetTags:
    case Verb::kMap:
    case Verb::kRedact:
    case Verb::kDerive:
      return true;
    default:
      return false;
  }
}

bool may_apply(const Rule& rule, const metric::Schema& schema, const Context& context, Step& step, Plan& plan) {
  step.rule = &rule;
  const bool selected = selects(rule, schema, context, plan);
  if (rule.verb == Verb::kFilter) {
    step.unselected = !selected;
    return !selected || !rule.conditions.empty() || !rule.fields.empty();
  }
  if (rule.verb == Verb::kDedup)
    for (const std::uint32_t f : plan.fields)
      plan.name_hashes.push_back(std::hash<std::string_view>()(schema.fields[f].name));
  return selected && has_work(rule, schema, plan);
}

metric::Schema planned(const Rule& rule, Place place, const metric::Schema& from, std::vector<Column>& columns) {
  metric::Schema out;
  out.measurement = rule.verb == Verb::kRename ? starred(rule.rename, from.measurement) : from.measurement;
  std::vector<metric::Tag> tags = from.tags;
  plan_tags(rule, place, tags);
  out.tags = std::move(tags);
  std::vector<metric::Field> fields;
  plan_fields(rule, from, fields, columns);
  out.fields = std::move(fields);
  return out;
}

}  // namespace resmon::rule
