#pragma once

// Internal to the engine: its state for each host, and the rules that concern each schema.

#include "alert/engine.h"

namespace resmon::alert {

inline std::string series_key(const std::vector<metric::Tag>& tags) {
  std::string out;
  for (const metric::Tag& tag : tags) out.append(tag.key).append(1, '\1').append(tag.value).append(1, '\2');
  return out;
}

inline std::string key_of(std::string_view rule, std::string_view host, const std::vector<metric::Tag>& tags) {
  std::string out(rule);
  out.append(1, '\0').append(host).append(1, '\0').append(series_key(tags));
  return out;
}

inline std::string_view tag_of(const std::vector<metric::Tag>& tags, std::string_view key) {
  for (const metric::Tag& tag : tags)
    if (tag.key == key) return tag.value;
  return {};
}

inline std::vector<metric::Tag> without(const std::vector<metric::Tag>& tags, std::string_view key) {
  std::vector<metric::Tag> out;
  for (const metric::Tag& tag : tags)
    if (tag.key != key) out.push_back(tag);
  return out;
}

// A rule as it counts on one host.
struct RuleOnHost {
  double limit = 0;
  std::optional<double> clear;
  std::int64_t wait = 0;
  bool selected = false;
};

struct Engine::Host {
  // A series of another selector than the rule's first: any of them counts.
  struct Side {
    std::uint32_t rule = 0;
    std::uint32_t operand = 0;
    std::string series;
    std::unique_ptr<Track> track;
  };

  fleet::Host view;
  bool is_server = false;
  bool in_fleet = false;
  bool listed = false;  // in the fleet at this tick
  bool silent = false;
  bool unheard = false;  // not heard of since the grace began, which has not ended
  UnixNanos newest = 0;  // of its rows
  std::vector<RuleOnHost> rules;
  std::vector<Alert*> alerts;
  std::vector<Side> sides;
  std::unordered_map<std::string, UnixNanos> others;  // of kReplaced: the newest row of what stood there before
  std::uint64_t late_count = 0;                       // transitions by late rows, not told yet
  UnixNanos late_from = 0, late_to = 0;
  bool late_over = false;

  const std::string& shown_name() const {
    static const std::string kNone;
    return is_server ? kNone : view.name;
  }
  std::int64_t interval() const { return view.interval.count(); }

  Track& side(std::uint32_t rule, std::uint32_t operand, const Operand& what, std::string series) {
    for (const Side& one : sides)
      if (one.rule == rule && one.operand == operand && one.series == series) return *one.track;
    sides.push_back({rule, operand, std::move(series), std::make_unique<Track>(what)});
    return *sides.back().track;
  }
};

struct Engine::Step {
  Alert* alert = nullptr;      // null: of another series than an alert's own
  Track* track = nullptr;      // null: only tells that another series is there
  UnixNanos* other = nullptr;  // of kReplaced
  std::uint32_t field = 0;
  metric::FieldType type = metric::FieldType::kFloat;
};

struct Engine::Plan {
  std::uint32_t generation = 0;
  Host* host = nullptr;
  std::vector<Step> steps;
};

}  // namespace resmon::alert
