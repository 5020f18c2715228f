#pragma once

// Members of JSON objects that others wrote: one that is missing and one of another type count the same. Whoever
// includes this links Boost.JSON.

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace resmon {

inline boost::json::string_view json_view(std::string_view text) {
  return {text.data(), text.size()};
}

// kInvalid: no JSON, nested deeper than 32, or no object.
inline Result<boost::json::object> parse_json_object(std::string_view text) {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(json_view(text), error);
  if (error || !value.is_object()) return fail(ErrorKind::kInvalid, "not a JSON object");
  return std::move(value.get_object());
}

inline std::string text_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const member = object.if_contains(json_view(key));
  if (member == nullptr || !member->is_string()) return {};
  return {member->get_string().data(), member->get_string().size()};
}

inline std::int64_t integer_member(const boost::json::object& object, std::string_view key,
                                   std::int64_t otherwise = 0) {
  const boost::json::value* const member = object.if_contains(json_view(key));
  return member != nullptr && member->is_int64() ? member->get_int64() : otherwise;
}

inline bool flag_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* const member = object.if_contains(json_view(key));
  return member != nullptr && member->is_bool() && member->get_bool();
}

// Calls visit(value) for each element of a list.
template <class Visit>
void each_element(const boost::json::object& object, std::string_view key, const Visit& visit) {
  const boost::json::value* const list = object.if_contains(json_view(key));
  if (list == nullptr || !list->is_array()) return;
  for (const boost::json::value& one : list->get_array()) visit(one);
}

// Calls visit(key, text) for each member of an object that is a text.
template <class Visit>
void each_text(const boost::json::object& object, std::string_view key, const Visit& visit) {
  const boost::json::value* const inner = object.if_contains(json_view(key));
  if (inner == nullptr || !inner->is_object()) return;
  for (const auto& one : inner->get_object())
    if (one.value().is_string())
      visit(std::string(one.key().data(), one.key().size()),
            std::string(one.value().get_string().data(), one.value().get_string().size()));
}

}  // namespace resmon
