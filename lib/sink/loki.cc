#include "sink/loki.h"

#include "base/json_text.h"

namespace resmon::sink {

namespace {

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (!out.ends_with('{')) out += ',';
  out += '"';
  append_json_escaped(out, name);
  out += "\":\"";
  append_json_escaped(out, value);
  out += '"';
}

}  // namespace

std::size_t append_loki_entry(const metric::Schema& schema, const metric::Batch& batch, const metric::Row& row,
                              std::string& out) {
  const std::vector<metric::Field>& fields = schema.fields;
  const auto is_text = [&](std::size_t i) { return fields[i].type == metric::FieldType::kString && batch.has(row, i); };
  std::size_t message = 0;
  while (message < row.fields && !(fields[message].name == "message" && is_text(message))) ++message;
  if (message == row.fields) return 0;
  out += "{\"stream\":{";
  for (const metric::Tag& tag : static_cast<const std::vector<metric::Tag>&>(schema.tags))
    append_member(out, tag.key == "appname" ? "service_name" : tag.key == "severity" ? "level" : tag.key, tag.value);
  out += "},\"values\":[[\"" + std::to_string(row.time) + "\",\"";
  append_json_escaped(out, batch.string(row, message));
  out += "\",{";
  for (std::size_t i = 0; i < row.fields; ++i)
    if (i != message && is_text(i)) append_member(out, fields[i].name, batch.string(row, i));
  out += "}]]},\n";
  return 1;
}

std::string loki_body(std::string_view entries) {
  if (entries.ends_with(",\n")) entries.remove_suffix(2);
  return "{\"streams\":[" + std::string(entries) + "]}";
}

}  // namespace resmon::sink
