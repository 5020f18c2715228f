#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "http/router.h"

namespace resmon::server {

// Builds one JSON object, member by member.
class JsonObject {
 public:
  JsonObject& text(std::string_view key, std::string_view value) { return raw(key, http::json_string(value)); }
  JsonObject& boolean(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  template <class T>
  JsonObject& number(std::string_view key, T value) {
    return raw(key, fmt::format("{}", value));
  }
  // Rounded: what is for people needs no seventeen digits.
  JsonObject& decimal(std::string_view key, double value, int digits) {
    return raw(key, fmt::format("{:.{}f}", value, digits));
  }
  JsonObject& decimal(std::string_view key, std::optional<double> value, int digits) {
    return value ? decimal(key, *value, digits) : raw(key, "null");
  }
  JsonObject& raw(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? '{' : ',';
    text_ += http::json_string(key);
    text_ += ':';
    text_ += json;
    return *this;
  }
  std::string finish() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

// Builds one JSON array, element by element.
class JsonArray {
 public:
  JsonArray& raw(std::string_view json) {
    text_ += text_.empty() ? '[' : ',';
    text_ += json;
    return *this;
  }
  JsonArray& text(std::string_view value) { return raw(http::json_string(value)); }
  JsonArray& object(const JsonObject& value) { return raw(value.finish()); }
  std::string finish() { return text_.empty() ? "[]" : std::move(text_) + "]"; }

 private:
  std::string text_;
};

inline std::string milliseconds_or_null(UnixNanos time) {  // null for 0
  return time == 0 ? "null" : std::to_string(time / 1'000'000);
}

template <class Tags>
std::string tags_json(const Tags& tags) {
  JsonObject out;
  for (const auto& tag : tags) out.text(tag.key, tag.value);
  return out.finish();
}

}  // namespace resmon::server
