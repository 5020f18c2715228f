#include "oidc/json_members.h"

#include <cmath>

namespace resmon::oidc {

Result<boost::json::object> parse_object(std::string_view json, std::size_t most_bytes) {
  if (json.size() >= most_bytes) return fail(ErrorKind::kInvalid, "it is too long");
  return parse_json_object(json);
}

std::optional<std::int64_t> number_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const member = object.if_contains(json_view(key));
  if (member == nullptr) return std::nullopt;
  if (member->is_int64()) return member->get_int64();
  constexpr double kBound = 9e18;
  if (member->is_double() && std::abs(member->get_double()) < kBound)
    return static_cast<std::int64_t>(member->get_double());
  return std::nullopt;
}

}  // namespace resmon::oidc
