#include "influxql/parse/params.h"

#include <boost/json.hpp>

#include "influxql/parse/duration.h"

namespace resmon::influxql {

namespace json = boost::json;

namespace {

std::string text_of(const json::value& v) {
  return std::string(v.as_string().data(), v.as_string().size());
}

// The name that Go gives to such a value: InfluxDB shows it.
const char* go_name(const json::value& v) {
  return v.is_null() ? "<nil>" : "[]interface {}";
}

Parameter typed(std::string_view type, const json::value& v) {
  if (type == "ident" || type == "identifier")
    return v.is_string() ? Parameter(Identifier{text_of(v)}) : Unbindable{"identifier must be a string value"};
  if (type == "regex")
    return v.is_string() ? Parameter(RegexText{text_of(v)}) : Unbindable{"regex literal must be a string value"};
  if (type == "string")
    return v.is_string() ? Parameter(text_of(v)) : Unbindable{"string literal must be a string value"};
  if (type == "float" || type == "number") {
    if (v.is_double()) return v.get_double();
    return v.is_int64() ? Parameter(static_cast<double>(v.get_int64()))
                        : Unbindable{"number literal must be a float value"};
  }
  if (type == "int" || type == "integer")
    return v.is_int64() ? Parameter(v.get_int64()) : Unbindable{"integer literal must be an integer value"};
  if (type == "duration") {
    if (v.is_string()) return Duration{text_of(v)};
    return v.is_int64() ? Parameter(Duration{format_duration(v.get_int64())})
                        : Unbindable{"duration literal must be a string or integer value"};
  }
  return Unbindable{"unknown bind object type: " + std::string(type)};
}

Parameter parameter(const json::value& v) {
  if (v.is_string()) return text_of(v);
  if (v.is_bool()) return v.get_bool();
  if (v.is_int64()) return v.get_int64();
  if (v.is_double()) return v.get_double();
  if (!v.is_object()) return Unbindable{std::string("unable to bind parameter with type ") + go_name(v)};
  const json::object& object = v.get_object();
  if (object.size() != 1) return Unbindable{"bound object parameter value must have exactly one entry"};
  return typed(object.begin()->key(), object.begin()->value());
}

}  // namespace

Result<Parameters> parse_params(std::string_view text) {
  Parameters out;
  if (text.empty()) return out;
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object())
    return fail(ErrorKind::kInvalid, "error parsing query parameters: not a JSON object");
  for (const auto& member : value.as_object()) {
    const std::string key(member.key());
    if (member.value().is_uint64())
      return fail(ErrorKind::kInvalid, "error parsing json value: " + key + " is out of range");
    out.insert_or_assign(key, parameter(member.value()));
  }
  return out;
}

}  // namespace resmon::influxql
