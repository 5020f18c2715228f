#include "host_settings.h"

#include <utility>

#include "json.h"

namespace resmon::server {

namespace {

namespace json = boost::json;

Status bad_member(std::string_view key, std::string_view what) {
  return fail(ErrorKind::kInvalid, std::string(key.substr(0, 64)) + ": " + std::string(what));
}

std::string text_in(const json::value& value) {
  return {value.as_string().data(), value.as_string().size()};
}

Status apply_text(std::string_view key, const json::value& value, std::string& out) {
  if (!value.is_string() && !value.is_null()) return bad_member(key, "a text is needed");
  out = value.is_null() ? std::string() : text_in(value);
  return {};
}

Status apply_tags(const json::value& value, std::vector<metric::Tag>& out) {
  out.clear();
  if (value.is_null()) return {};
  if (!value.is_object()) return bad_member("tags", "an object of texts is needed");
  for (const auto& [key, tag] : value.as_object()) {
    if (!tag.is_string()) return bad_member("tags", "an object of texts is needed");
    out.push_back({std::string(key.data(), key.size()), text_in(tag)});
  }
  return {};
}

}  // namespace

std::string thresholds_json(const fleet::Thresholds& thresholds) {
  JsonObject out;
  for (const fleet::Threshold& one : thresholds)
    out.raw(one.figure, JsonObject().number("raised", one.raised).number("high", one.high).finish());
  return out.finish();
}

Result<fleet::Thresholds> thresholds_of(const json::value& given) {
  fleet::Thresholds out;
  if (given.is_null()) return out;
  if (!given.is_object()) return fail(ErrorKind::kInvalid, "thresholds: an object is needed");
  for (const auto& [key, value] : given.as_object()) {
    const std::string figure(key.data(), key.size());
    if (value.is_null()) continue;
    const json::value* const raised = value.is_object() ? value.as_object().if_contains("raised") : nullptr;
    const json::value* const high = value.is_object() ? value.as_object().if_contains("high") : nullptr;
    if (raised == nullptr || high == nullptr || !raised->is_number() || !high->is_number())
      return fail(ErrorKind::kInvalid,
                  "thresholds." + figure.substr(0, 64) + ": the numbers raised and high are needed");
    out.push_back({figure, raised->to_number<double>(), high->to_number<double>()});
  }
  RESMON_TRY(fleet::check(out));
  return out;
}

std::string host_settings_json(const fleet::HostSettings& settings) {
  JsonObject out;
  if (!settings.display_name.empty()) out.text("name", settings.display_name);
  if (!settings.note.empty()) out.text("note", settings.note);
  if (!settings.tags.empty()) {
    JsonObject tags;
    for (const metric::Tag& tag : settings.tags) tags.text(tag.key, tag.value);
    out.raw("tags", tags.finish());
  }
  if (settings.paused) out.boolean("paused", true);
  if (!settings.thresholds.empty()) out.raw("thresholds", thresholds_json(settings.thresholds));
  return out.finish();
}

Status apply_host_settings(const json::object& given, fleet::HostSettings& settings) {
  for (const auto& [name, value] : given) {
    const std::string_view key(name.data(), name.size());
    if (key == "name") {
      RESMON_TRY(apply_text(key, value, settings.display_name));
    } else if (key == "note") {
      RESMON_TRY(apply_text(key, value, settings.note));
    } else if (key == "tags") {
      RESMON_TRY(apply_tags(value, settings.tags));
    } else if (key == "paused") {
      if (!value.is_bool()) return bad_member(key, "true or false is needed");
      settings.paused = value.as_bool();
    } else if (key == "thresholds") {
      RESMON_ASSIGN(settings.thresholds, thresholds_of(value));
    } else {
      return bad_member(key, "there is no such setting: name, note, tags, paused and thresholds are");
    }
  }
  return {};
}

}  // namespace resmon::server
