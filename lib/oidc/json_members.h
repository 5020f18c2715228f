#pragma once

// Reads JSON that a provider sent: bounded, and what has another type counts as absent.

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json_members.h"
#include "base/result.h"

namespace resmon::oidc {

// kInvalid: longer than that, no JSON, nested deeper than 32, or no object.
Result<boost::json::object> parse_object(std::string_view json, std::size_t most_bytes);
// Seconds or the like, also where a provider writes 1.7e9. Nothing: no number, or not one of 64 bits.
std::optional<std::int64_t> number_member(const boost::json::object& object, std::string_view key);

// Whether `value` is a text, or an array with a text, that `is_one` takes.
template <class IsOne>
bool any_text(const boost::json::value& value, const IsOne& is_one) {
  if (const auto* const text = value.if_string()) return is_one(std::string_view(text->data(), text->size()));
  if (const auto* const list = value.if_array())
    for (const boost::json::value& one : *list)
      if (const auto* const text = one.if_string();
          text != nullptr && is_one(std::string_view(text->data(), text->size())))
        return true;
  return false;
}

}  // namespace resmon::oidc
