#include "collect/process_accounts.h"

#include <algorithm>
#include <utility>

#include "collect/merge_by_id.h"
#include "collect/row_schema.h"

namespace resmon::collect {

namespace {

constexpr int kMostGenerations = 64;  // of ancestors that are looked through
constexpr std::uint32_t kInit = 1;
constexpr std::uint64_t kRounding = 2;  // ticks of user and system time, each rounded down

using Account = ProcessAccounts::Account;

Account* find(std::vector<Account>& accounts, std::uint32_t id) {
  const auto found = std::lower_bound(accounts.begin(), accounts.end(), id,
                                      [](const Account& account, std::uint32_t wanted) { return account.id < wanted; });
  return found != accounts.end() && found->id == id ? &*found : nullptr;
}

// The same, where it can be an ancestor of a process that began at `start_ticks`: a later one has only its number.
Account* ancestor(std::vector<Account>& accounts, std::uint32_t id, std::uint64_t start_ticks) {
  Account* const found = find(accounts, id);
  return found != nullptr && found->start_ticks <= start_ticks ? found : nullptr;
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
  const auto stray = [this](std::uint32_t parent, std::uint64_t start_ticks, std::uint64_t ticks) {
    if (ticks != 0) strays_.push_back({parent, start_ticks, ticks, false});
  };
  for (const Account& gone : gone_) {
    const std::uint64_t ticks = gone.own_ticks + gone.children_ticks;
    if (Account* const parent = ancestor(accounts_, gone.parent, gone.start_ticks))
      parent->debt += ticks;
    else
      stray(gone.parent, gone.start_ticks, ticks);
    // Of children that it was not seen to have waited for.
    stray(gone.parent, gone.start_ticks, gone.old_debt);
  }
  for (Account& account : accounts_) {
    const std::uint64_t old_paid = std::min(account.children_used, account.old_debt);
    const std::uint64_t paid = std::min(account.children_used - old_paid, account.debt);
    account.children_used -= old_paid + paid;
    account.old_debt = account.debt - paid;
    account.debt = 0;
  }
  // The large ones first, which have the fewest ancestors that come into question.
  std::stable_sort(strays_.begin(), strays_.end(), [](const Stray& a, const Stray& b) { return a.ticks > b.ticks; });
  for (Stray& one : strays_) settle(one);
  std::erase_if(strays_, [](const Stray& one) { return one.ticks == 0; });
}

// Afterwards its ticks are 0 where there is nothing left to do.
void ProcessAccounts::settle(Stray& stray) {
  const auto paid_by = [&stray](Account& account) {
    if (account.children_used + kRounding < stray.ticks) return false;
    account.children_used -= std::min(account.children_used, stray.ticks);
    stray.ticks = 0;
    return true;
  };
  std::uint32_t id = stray.parent;
  std::uint32_t nearest = 0;
  for (int generation = 0; generation < kMostGenerations; ++generation) {
    Account* const there = ancestor(accounts_, id, stray.start_ticks);
    if (there != nullptr) {
      if (paid_by(*there)) return;
      if (nearest == 0) nearest = id;
    }
    const Account* const next = there != nullptr ? there : ancestor(gone_, id, stray.start_ticks);
    if (next == nullptr) break;
    id = next->parent;
  }
  Account* const init = find(accounts_, kInit);
  if (init != nullptr && paid_by(*init)) return;
  // Those that went are forgotten by the next time.
  stray.parent = nearest != 0 ? nearest : kInit;
  if (std::exchange(stray.again, true)) stray.ticks = 0;
}

void ProcessAccounts::limit(std::uint64_t all_ticks) {
  std::uint64_t sum = 0;
  by_children_.clear();
  for (Account& account : accounts_) {
    sum += account.used_ticks + account.children_used;
    if (account.children_used != 0) by_children_.push_back(&account);
  }
  if (sum <= all_ticks) return;
  std::uint64_t excess = sum - all_ticks;
  std::stable_sort(by_children_.begin(), by_children_.end(),
                   [](const Account* a, const Account* b) { return a->children_used > b->children_used; });
  for (Account* const account : by_children_) {
    const std::uint64_t taken = std::min(excess, account->children_used);
    account->children_used -= taken;
    excess -= taken;
    if (excess == 0) return;
  }
}

}  // namespace resmon::collect
