#include "influxql/params.h"

#include <boost/json.hpp>

namespace resmon::influxql {

namespace json = boost::json;

Result<Parameters> parse_params(std::string_view text) {
  Parameters out;
  if (text.empty()) return out;
  boost::system::error_code error;
  const json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object())
    return fail(ErrorKind::kInvalid, "error parsing query parameters: not a JSON object");
  for (const auto& member : value.as_object()) {
    const std::string key(member.key());
    const json::value& v = member.value();
    if (v.is_string())
      out[key] = std::string(v.as_string().c_str(), v.as_string().size());
    else if (v.is_bool())
      out[key] = v.as_bool();
    else if (v.is_int64())
      out[key] = v.as_int64();
    else if (v.is_double())
      out[key] = v.as_double();
    else
      return fail(ErrorKind::kInvalid,
                  "error parsing query parameters: " + key + " is neither text, number nor boolean");
  }
  return out;
}

}  // namespace resmon::influxql
