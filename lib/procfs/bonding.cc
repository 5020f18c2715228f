#include "procfs/bonding.h"

#include <algorithm>

namespace resmon::procfs {

namespace {

bool take_link_state(std::string_view value, std::optional<bool>& out) {
  if (value == "up") {
    out = true;
  } else if (value == "down" || value == "going down" || value == "going back") {
    out = false;
  } else {
    return false;
  }
  return true;
}

constexpr std::size_t kLongestInterface = 15;  // IFNAMSIZ less its NUL

bool is_interface(std::string_view name) {
  return is_name(name) && is_ascii(name) && name.size() <= kLongestInterface &&
         name.find(' ') == std::string_view::npos;
}

bool is_bond_word(std::string_view text) {
  return is_name(text) && is_ascii(text) && text.size() <= 128;
}

class BondReader {
 public:
  BondReader(Bond& out, Skipped& skipped) : out_(out), skipped_(skipped) {}

  // False when the line is about something that is of use here, and cannot be read.
  bool take(std::string_view name, std::string_view value) {
    if (name == "Bonding Mode") return take_word(out_.mode, value);
    if (name == "Currently Active Slave") {
      active_seen_ = true;
      return value == "None" || (is_interface(value) && take_word(out_.active_slave, value));
    }
    if (name == "Slave Interface") return take_slave(value);
    if (name == "MII Status") return take_status(value);
    if (name == "Link Failure Count") return take_count(&BondSlave::failures, value);
    if (name == "Actor Churned Count") return take_count(&BondSlave::actor_churned, value);
    if (name == "Partner Churned Count") return take_count(&BondSlave::partner_churned, value);
    return true;
  }

  // What should have been there, and was not.
  void finish(std::size_t line_number) {
    if (out_.mode.empty() || !out_.up) skipped_.add(line_number, "a bond without its mode or state", out_.mode);
    if (out_.mode.find("active-backup") != std::string_view::npos && !active_seen_)
      skipped_.add(line_number, "a bond without its active interface", out_.mode);
    for (const BondSlave& slave : out_.slaves)
      if (!slave.up || !slave.failures || slave.actor_churned.has_value() != slave.partner_churned.has_value())
        skipped_.add(line_number, "an interface without its state", slave.name);
  }

 private:
  static bool take_word(std::string_view& out, std::string_view value) {
    if (!out.empty() || !is_bond_word(value)) return false;
    out = value;
    return true;
  }

  bool take_slave(std::string_view name) {
    in_bond_ = false;
    slave_ = nullptr;
    const auto same = [&](const BondSlave& one) { return one.name == name; };
    if (out_.slaves.size() >= kMostBondSlaves || !is_interface(name) ||
        std::any_of(out_.slaves.begin(), out_.slaves.end(), same))
      return false;
    slave_ = &out_.slaves.emplace_back();
    slave_->name = name;
    return true;
  }

  // A second state is that of an interface whose own line was lost.
  bool take_status(std::string_view value) {
    std::optional<bool>* up = in_bond_ ? &out_.up : slave_ != nullptr ? &slave_->up : nullptr;
    if (up == nullptr || *up) return lost();
    return take_link_state(value, *up);
  }

  bool take_count(Number BondSlave::*which, std::string_view value) {
    if (slave_ == nullptr || slave_->*which) return lost();
    return Fields(value).take(slave_->*which);
  }

  bool lost() {
    in_bond_ = false;
    slave_ = nullptr;
    return false;
  }

  Bond& out_;
  Skipped& skipped_;
  bool in_bond_ = true;
  bool active_seen_ = false;
  BondSlave* slave_ = nullptr;
};

}  // namespace

Status parse_bonding(std::string_view text, Bond& out, Skipped& skipped) {
  out = {};
  out.slaves.reserve(kMostBondSlaves);  // so that a pointer to one stays
  BondReader reader(out, skipped);
  Lines lines(text);
  std::string_view before;
  for (std::string_view line; lines.next(line); before = line) {
    if (line.empty() || line == "802.3ad info") continue;
    if (line == before) {
      skipped.add(lines.number(), "given twice", line);
      continue;
    }
    const std::size_t colon = line.find(": ");
    if (colon == std::string_view::npos) {
      if (!line.ends_with(':')) skipped.add(lines.number(), "not a name and a value", line);
      continue;
    }
    if (!reader.take(line.substr(0, colon), line.substr(colon + 2)))
      skipped.add(lines.number(), "not a bond's line", line);
  }
  reader.finish(lines.number());
  if (!out.up && out.slaves.empty()) return nothing_of_use(skipped, "empty");
  return {};
}

}  // namespace resmon::procfs
