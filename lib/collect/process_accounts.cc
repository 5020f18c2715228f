#include "collect/process_accounts.h"

#include <algorithm>
#include <utility>

#include "collect/merge_by_id.h"
#include "collect/row_schema.h"

namespace resmon::collect {

namespace {

constexpr int kMostGenerations = 64;  // of ancestors that are looked through

using Account = ProcessAccounts::Account;

Account* find(std::vector<Account>& accounts, std::uint32_t id) {
  const auto found = std::lower_bound(accounts.begin(), accounts.end(), id,
                                      [](const Account& account, std::uint32_t wanted) { return account.id < wanted; });
  return found != accounts.end() && found->id == id ? &*found : nullptr;
}

// A column that cannot be read this time has not advanced.
std::uint64_t or_before(procfs::Number value, std::uint64_t before) {
  return value.value_or(before);
}

}  // namespace

void ProcessAccounts::update(std::span<const ProcessTable::Process> processes, std::uint64_t most_ticks) {
  gone_.clear();
  // A number that is another process's by now: the one that had it has gone.
  const auto renumbered = [](const Account& account, const procfs::PidUsage& usage) {
    return usage.start_ticks && account.start_ticks != 0 && *usage.start_ticks != account.start_ticks;
  };
  merge_by_id(
      accounts_, processes.size(), [&](std::size_t i) { return processes[i].id; },
      [&](const Account& account) { gone_.push_back(account); });
  for (std::size_t i = 0; i < processes.size(); ++i) {
    const procfs::PidUsage& usage = processes[i].usage;
    Account& account = accounts_[i];
    bool is_new = std::exchange(account.is_new, false);
    if (!is_new && renumbered(account, usage)) {
      gone_.insert(std::upper_bound(gone_.begin(), gone_.end(), account,
                                    [](const Account& a, const Account& b) { return a.id < b.id; }),
                   account);
      account = Account();
      account.id = processes[i].id;
      account.is_new = false;
      is_new = true;
    }
    if (is_new) {
      account.start_ticks = usage.start_ticks.value_or(0);
      account.seen_from_start = !first_;
    }
    const Account before = account;
    account.parent = static_cast<std::uint32_t>(or_before(usage.parent_id, before.parent));
    if (usage.user_ticks && usage.system_ticks) account.own_ticks = *usage.user_ticks + *usage.system_ticks;
    if (usage.children_user_ticks && usage.children_system_ticks)
      account.children_ticks = *usage.children_user_ticks + *usage.children_system_ticks;
    account.minor_faults = or_before(usage.minor_faults, before.minor_faults);
    account.major_faults = or_before(usage.major_faults, before.major_faults);
    const bool counts = !(is_new && first_);
    account.used_ticks = counts ? std::min(advance(account.own_ticks, before.own_ticks), most_ticks) : 0;
    account.children_used = counts ? advance(account.children_ticks, before.children_ticks) : 0;
    account.new_minor_faults = counts ? advance(account.minor_faults, before.minor_faults) : 0;
    account.new_major_faults = counts ? advance(account.major_faults, before.major_faults) : 0;
  }
  settle();
  for (Account& account : accounts_) account.children_used = std::min(account.children_used, most_ticks);
  first_ = false;
}

void ProcessAccounts::settle() {
  for (const Account& gone : gone_) {
    std::uint32_t ancestor = gone.parent;
    for (int generation = 0; generation < kMostGenerations; ++generation) {
      if (Account* there = find(accounts_, ancestor)) {
        there->debt += gone.own_ticks + gone.children_ticks;
        break;
      }
      const Account* parted = find(gone_, ancestor);
      if (parted == nullptr) break;
      ancestor = parted->parent;
    }
  }
  for (Account& account : accounts_) {
    const std::uint64_t old_paid = std::min(account.children_used, account.old_debt);
    const std::uint64_t paid = std::min(account.children_used - old_paid, account.debt);
    account.children_used -= old_paid + paid;
    account.old_debt = account.debt - paid;
    account.debt = 0;
  }
}

}  // namespace resmon::collect
