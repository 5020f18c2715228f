#include "oidc/json_members.h"

#include <cmath>

namespace resmon::oidc {

Result<boost::json::object> parse_object(std::string_view json, std::size_t most_bytes) {
  if (json.size() >= most_bytes) return fail(ErrorKind::kInvalid, "it is too long");
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(boost::json::string_view(json.data(), json.size()), error);
  if (error || !value.is_object()) return fail(ErrorKind::kInvalid, "it is no JSON object");
  return std::move(value.get_object());
}

std::string text_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const member = object.if_contains(boost::json::string_view(key.data(), key.size()));
  if (member == nullptr || !member->is_string()) return {};
  return {member->get_string().data(), member->get_string().size()};
}

std::optional<std::int64_t> number_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const member = object.if_contains(boost::json::string_view(key.data(), key.size()));
  if (member == nullptr) return std::nullopt;
  if (member->is_int64()) return member->get_int64();
  constexpr double kBound = 9e18;
  if (member->is_double() && std::abs(member->get_double()) < kBound)
    return static_cast<std::int64_t>(member->get_double());
  return std::nullopt;
}

}  // namespace resmon::oidc
