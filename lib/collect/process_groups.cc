#include "collect/process_groups.h"

#include <algorithm>
#include <cmath>

namespace resmon::collect {

namespace {

constexpr std::size_t kMostGroups = 4096;
constexpr double kHalfLifeSeconds = 60;
constexpr double kIncumbent = 1.25;  // how much more another must use to take a group's rank
constexpr double kNothing = 1e-3;    // of a tick or a byte a second
constexpr std::size_t kDetails = 7;
constexpr int kRenewedDetails = 2;  // groups a gather whose details are written again
constexpr UnixNanos kDetailsAgain = 300'000'000'000;
constexpr UnixNanos kDay = 86'400'000'000'000;

std::uint64_t hash_of(std::uint64_t hash, std::string_view text) {  // FNV-1a; the end counts, too
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return (hash ^ 0xff) * 0x100000001b3;
}

}  // namespace

std::uint32_t ProcessGroups::find(std::string_view name, const ProcessIdentity& identity) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::string_view part : {name, identity.user, identity.service, identity.container})
    hash = hash_of(hash, part);
  for (std::uint32_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].hash == hash && groups_[i].name == name && groups_[i].user == identity.user &&
        groups_[i].service == identity.service && groups_[i].container == identity.container)
      return i;
  std::uint32_t at = 0;
  if (!free_.empty()) {
    at = free_.back();
    free_.pop_back();
  } else if (groups_.size() < kMostGroups) {
    at = static_cast<std::uint32_t>(groups_.size());
    groups_.emplace_back();
  } else {
    return kNone;
  }
  ProcessGroup& group = groups_[at] = ProcessGroup{};
  group.name = name;
  group.user = identity.user;
  group.service = identity.service;
  group.container = identity.container;
  group.hash = hash;
  return at;
}

void ProcessGroups::begin_gather() {
  for (ProcessGroup& group : groups_) {
    group.members = 0;
    group.ticks = group.pages = group.threads = 0;
    group.new_read_bytes = group.new_written_bytes = 0;
    group.leader = 0;
    group.leader_ticks = group.leader_pages = 0;
  }
}

void ProcessGroups::score(double seconds) {
  const double decay = std::exp2(-seconds / kHalfLifeSeconds);
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    ProcessGroup& group = groups_[i];
    if (group.hash == 0) continue;
    // A group without processes decays faster.
    const double kept = group.members == 0 ? decay / 2 : decay;
    group.cpu_score = std::max(static_cast<double>(group.ticks) / seconds, group.cpu_score * kept);
    group.io_score =
        std::max(static_cast<double>(group.new_read_bytes + group.new_written_bytes) / seconds, group.io_score * kept);
    if (group.cpu_score < kNothing) group.cpu_score = 0;
    if (group.io_score < kNothing) group.io_score = 0;
    if (group.members != 0 || group.cpu_score > 0 || group.io_score > 0) continue;
    group.hash = 0;
    group.shown = false;
    group.name.clear();
    free_.push_back(i);
  }
}

// The indices of the largest, in descending order.
template <class Value>
void ProcessGroups::rank(std::vector<std::uint32_t>& out, Value value) const {
  const auto standing = [&](std::uint32_t i) { return value(groups_[i]) * (groups_[i].shown ? kIncumbent : 1); };
  out.clear();
  for (std::uint32_t i = 0; i < groups_.size(); ++i)
    if (groups_[i].hash != 0 && groups_[i].wanted && value(groups_[i]) > 0) out.push_back(i);
  const std::size_t most = std::min(kRanks, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(most), out.end(),
                    [&](std::uint32_t a, std::uint32_t b) {
                      const double x = standing(a);
                      const double y = standing(b);
                      return x != y ? x > y : groups_[a].hash < groups_[b].hash;
                    });
  out.resize(most);
}

bool ProcessGroups::may_be_shown(const ProcessGroup& group, UnixNanos time) {
  if (const std::int64_t today = time / kDay; today != day_) {
    day_ = today;
    series_today_.clear();
  }
  if (std::find(series_today_.begin(), series_today_.end(), group.hash) != series_today_.end()) return true;
  if (series_today_.size() >= kMostSeriesADay) return false;
  const auto known = std::lower_bound(series_in_all_.begin(), series_in_all_.end(), group.hash);
  if (known == series_in_all_.end() || *known != group.hash) {
    if (series_in_all_.size() >= kMostSeriesInAll) return false;
    series_in_all_.insert(known, group.hash);
  }
  series_today_.push_back(group.hash);
  return true;
}

void ProcessGroups::choose(double seconds, UnixNanos time) {
  score(std::max(seconds, 1e-3));
  rank(by_cpu_, [](const ProcessGroup& group) { return group.cpu_score; });
  rank(by_memory_, [](const ProcessGroup& group) { return static_cast<double>(group.pages); });
  rank(by_io_, [](const ProcessGroup& group) { return group.io_score; });
  for (ProcessGroup& group : groups_) group.shown = group.with_io = group.with_details = false;
  merged_ = 0;
  std::size_t left = kMostValues - kOtherValues;
  for (std::size_t rank = 0; rank < kRanks; ++rank) {
    for (const std::vector<std::uint32_t>* ranks : {&by_cpu_, &by_memory_, &by_io_}) {
      if (rank >= ranks->size()) continue;
      ProcessGroup& group = groups_[(*ranks)[rank]];
      const bool for_io = ranks == &by_io_ && group.io_known;
      const std::size_t values = (group.shown ? 0U : 2U) + (for_io && !group.with_io ? 2U : 0U);
      if (values == 0 || values > left) continue;
      if (!group.shown && !may_be_shown(group, time)) {
        ++merged_;
        continue;
      }
      group.shown = true;
      group.with_io = group.with_io || for_io;
      left -= values;
    }
  }
  choose_details(left, time);
}

void ProcessGroups::choose_details(std::size_t values_left, UnixNanos time) {
  int renewed = 0;
  // Also where the clock was set back.
  const auto due = [time](const ProcessGroup& group) {
    return group.detailed_at == INT64_MIN || time - group.detailed_at >= kDetailsAgain || time < group.detailed_at;
  };
  while (values_left >= kDetails) {
    ProcessGroup* longest_ago = nullptr;
    for (ProcessGroup& group : groups_)
      if (group.shown && !group.with_details && due(group) &&
          (longest_ago == nullptr || group.detailed_at < longest_ago->detailed_at))
        longest_ago = &group;
    if (longest_ago == nullptr) return;
    if (longest_ago->detailed_at != INT64_MIN && ++renewed > kRenewedDetails) return;
    longest_ago->with_details = true;
    longest_ago->detailed_at = time;
    values_left -= kDetails;
  }
}

}  // namespace resmon::collect
