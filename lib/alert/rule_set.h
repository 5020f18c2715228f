#pragma once

// The rules of one file as the engine looks them up: those that read a measurement, those about silence, as a rule
// counts on one host, and the rule that goes on with an alert of an earlier set. Immutable, so any thread may read it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alert/alert.h"
#include "alert/rules.h"
#include "fleet/host.h"

namespace resmon::alert {

// A number that stays the same as long as the rule judges in the same way: a change of its texts and channels, or of
// its severity, keeps it.
std::uint64_t rule_mark_of(const Rule& rule);
// Whether both ask for the same values of the same series, perhaps with other limits.
bool same_quantities(const Condition& a, const Condition& b);

// A rule as it counts on one host.
struct RuleOnHost {
  double limit = 0;
  std::optional<double> clear;
  std::int64_t wait = 0;
  bool selected = false;
};

// An operand whose values are numbers of log lines.
struct LogOperand {
  std::uint32_t rule = 0;
  std::uint32_t operand = 0;
  const Operand* what = nullptr;
};

inline constexpr std::uint32_t kNoRule = UINT32_MAX;

// The rule that goes on with what an earlier set's rule knew; kNoRule: none, for a reason.
struct Heir {
  std::uint32_t rule = kNoRule;
  bool unchanged = false;
  const char* reason = nullptr;
};

class RuleSet {
 public:
  // `config` must outlive the set.
  explicit RuleSet(const Config& config);

  const Config& config() const { return config_; }
  const Rule& operator[](std::uint32_t rule) const { return config_.rules[rule]; }
  std::uint32_t find(std::string_view name) const;                       // kNoRule: there is none
  std::uint64_t mark(std::uint32_t rule) const { return marks_[rule]; }  // rule_mark_of

  struct Place {
    std::uint32_t rule = 0;
    std::uint32_t operand = 0;
    const Operand& of(const RuleSet& rules) const { return rules[rule].when.operands[operand]; }
    // Its series is the alert's; of another selector than the rule's first operand, any series of the host counts.
    bool of_own_series(const RuleSet& rules) const {
      return of(rules).selector == rules[rule].when.operands[0].selector;
    }
  };
  // The operands that may read rows of a measurement, of rules that are in use.
  const std::vector<Place>& reading(std::string_view measurement) const;
  const std::vector<std::uint32_t>& about_silence() const { return about_silence_; }
  const std::vector<LogOperand>& log_operands() const { return log_operands_; }

  // Which rules look at the host, and with which limits, by rule.
  void select(const fleet::Host& host, std::vector<RuleOnHost>& out) const;
  // What select() answers depends on more than a host's tags, address, software and settings.
  bool volatile_selection() const { return volatile_selection_; }

  std::vector<Heir> heirs_of(const RuleSet& before) const;  // by rule of `before`
  Heir heir_of(const AlertRecord& kept) const;

 private:
  const Config& config_;
  std::vector<std::uint64_t> marks_;  // by rule
  std::unordered_map<std::string_view, std::vector<Place>> by_measurement_;
  std::vector<std::uint32_t> about_silence_;
  std::vector<LogOperand> log_operands_;
  bool volatile_selection_ = false;
};

}  // namespace resmon::alert
