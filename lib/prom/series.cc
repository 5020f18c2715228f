#include "prom/series.h"

#include "base/bytes.h"

namespace resmon::prom {

std::string_view name_of(std::span<const Label> labels) {
  for (const Label& label : labels)
    if (label.name == kNameLabel) return label.value;
  return {};
}

Result<metric::SchemaId> Series::find(std::span<const Label> labels) {
  if (labels.size() > kMostLabels)
    return fail(ErrorKind::kInvalid, "more than " + std::to_string(kMostLabels) + " labels");
  std::size_t bytes = 0;
  for (const Label& label : labels) bytes += label.name.size() + label.value.size();
  if (bytes > kMostLabelBytes)
    return fail(ErrorKind::kInvalid, "labels of more than " + std::to_string(kMostLabelBytes) + " bytes");
  key_.clear();
  ByteWriter key(key_);
  for (const Label& label : labels) {
    key.text(label.name);
    key.text(label.value);
  }
  const auto found = known_.find(std::string_view(key_));
  if (found != known_.end() && schemas_.touch(found->second.schema, found->second.generation))
    return found->second.schema;
  RESMON_ASSIGN(const metric::SchemaId id, intern(labels));
  const Known known{id, schemas_.generation(id)};
  if (found != known_.end()) {
    found->second = known;
    return id;
  }
  const std::size_t more = key_.size() + sizeof(std::string) + sizeof(Known) + 4 * sizeof(void*);
  if (known_bytes_ + more > limit_bytes_) {
    known_.clear();
    known_bytes_ = 0;
  }
  known_bytes_ += more;
  known_.emplace(key_, known);
  return id;
}

Result<metric::SchemaId> Series::intern(std::span<const Label> labels) {
  metric::Schema schema;
  std::size_t tags = 0;
  bool named = false;
  std::vector<metric::Tag> list;
  for (const Label& label : labels) {
    if (label.name.empty()) return fail(ErrorKind::kInvalid, "a label without a name");
    if (label.value.empty()) continue;
    if (label.name == kNameLabel) {
      if (std::exchange(named, true)) return fail(ErrorKind::kInvalid, "label __name__ comes twice");
      schema.measurement = label.value;
      continue;
    }
    if (label.name == "time") return fail(ErrorKind::kInvalid, "label 'time' is reserved: no query could name it");
    list.push_back({std::string(label.name), std::string(label.value)});
    ++tags;
  }
  if (!named) return fail(ErrorKind::kInvalid, "no metric name: label __name__ is missing");
  metric::normalise_tags(list);
  if (list.size() != tags) return fail(ErrorKind::kInvalid, "a label comes twice");
  schema.tags = std::move(list);
  schema.fields = {{std::string(kValueField), metric::FieldType::kFloat}};
  return schemas_.intern(std::move(schema));
}

}  // namespace resmon::prom
