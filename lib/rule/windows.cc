#include "rule/windows.h"

#include <algorithm>
#include <cmath>

#include "metric/number.h"

namespace resmon::rule {

namespace {

using metric::Cell;
using metric::FieldType;

constexpr std::int64_t kSilence = 300'000'000'000;  // a silent host's windows are closed after it
constexpr std::int64_t kLeastPast = 10'000'000'000;
constexpr std::int64_t kForgetHosts = 3'600'000'000'000;
constexpr std::size_t kMostValues = 4096;
constexpr std::int64_t kLookEvery = 1'000'000'000;

bool less(FieldType type, Cell a, Cell b) {
  switch (type) {
    case FieldType::kFloat:
      return metric::as_float(a) < metric::as_float(b);
    case FieldType::kInteger:
      return metric::as_integer(a) < metric::as_integer(b);
    default:
      return a < b;
  }
}

std::int64_t clamp_unsigned(Cell cell) {
  return cell > static_cast<Cell>(INT64_MAX) ? INT64_MAX : static_cast<std::int64_t>(cell);
}

void add_number(Total& total, FieldType type, Cell cell, bool keep_values) {
  if (total.count == 0 || less(type, cell, total.least)) total.least = cell;
  if (total.count == 0 || less(type, total.most, cell)) total.most = cell;
  const double value = metric::as_number(type, cell);
  total.sum += value;
  if (type != FieldType::kFloat) {
    const std::int64_t whole = type == FieldType::kInteger ? metric::as_integer(cell) : clamp_unsigned(cell);
    if (__builtin_add_overflow(total.whole_sum, whole, &total.whole_sum))
      total.whole_sum = whole < 0 ? INT64_MIN : INT64_MAX;
  }
  if (!keep_values || total.count % total.stride != 0) return;
  if (total.values.size() == kMostValues) {
    for (std::size_t i = 0; i < kMostValues / 2; ++i) total.values[i] = total.values[2 * i];
    total.values.resize(kMostValues / 2);
    total.stride *= 2;
    if (total.count % total.stride != 0) return;
  }
  total.values.push_back(value);
}

// Of integers: the nearest one, so that a field keeps its type.
Cell in_type(FieldType type, double value) {
  if (type == FieldType::kFloat) return metric::cell_of(value);
  constexpr double kMost = 9223372036854774784.0;  // the largest double below 2^63
  const double whole = std::clamp(std::round(value), type == FieldType::kUnsigned ? 0.0 : -kMost, kMost);
  return metric::cell_of(static_cast<std::int64_t>(whole));
}

// As InfluxDB's percentile().
double p95(std::vector<double> values) {
  const auto rank = static_cast<std::size_t>(std::floor(static_cast<double>(values.size()) * 0.95 + 0.5));
  const std::size_t at = rank == 0 ? 0 : rank - 1;
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Cell value_of(const Total& total, FieldType type, Function function) {
  switch (function) {
    case Function::kMean:
      return in_type(type, (type == FieldType::kFloat ? total.sum : static_cast<double>(total.whole_sum)) /
                               static_cast<double>(total.count));
    case Function::kMin:
      return total.least;
    case Function::kMax:
      return total.most;
    case Function::kSum:
      return type == FieldType::kFloat ? metric::cell_of(total.sum) : metric::cell_of(total.whole_sum);
    case Function::kCount:
      return metric::cell_of(static_cast<std::int64_t>(total.count));
    case Function::kP95:
      return total.values.empty() ? total.last : in_type(type, p95(total.values));
    case Function::kLast:
      break;
  }
  return total.last;
}

}  // namespace

Windows::Windows(std::size_t rule, const Rule& from)
    : rule_(rule),
      span_(from.verb == Verb::kEvery ? from.span.count() : 0),
      wait_(from.wait.count()),
      most_(static_cast<std::size_t>(from.max_series)),
      functions_(from.functions),
      keep_values_(std::find(from.functions.begin(), from.functions.end(), Function::kP95) != from.functions.end()) {}

void Windows::find(const RowIn& row, UnixNanos start, Place& place, Taken& taken) {
  auto at = hosts_.find(row.host);
  if (at == hosts_.end()) {
    if (hosts_.size() >= most_) {
      taken = Taken::kFull;
      return;
    }
    at = hosts_.emplace(row.host, Host()).first;
    at->second.name = row.host;
  }
  Host& host = at->second;
  auto bucket = host.buckets.find(start);
  const std::int64_t number = number_of(start);
  if (bucket == host.buckets.end()) {
    const bool known = host.newest_closed != INT64_MIN && span_ != 0;
    if (known && number <= host.newest_closed) {
      const auto before = static_cast<std::uint64_t>(host.newest_closed - number);
      if (before == 0 || (before <= 64 && (host.closed >> (before - 1) & 1U) != 0)) {
        taken = row.moment.position <= again_until_ ? Taken::kAgain : Taken::kLate;
        return;
      }
    }
  }
  const bool is_new = bucket == host.buckets.end() || !bucket->second.entries.contains(row.key);
  if (is_new && entries_ >= most_) {
    taken = Taken::kFull;
    return;
  }
  if (bucket == host.buckets.end()) {
    bucket = host.buckets.emplace(start, Bucket()).first;
    Bucket& made = bucket->second;
    made.host = &host;
    made.start = start;
    made.first = row.moment.position;
    made.past = span_ != 0 && host.newest != INT64_MIN && start + span_ + wait_ <= host.newest;
    made.close_at = made.past ? row.moment.received + std::max(wait_, kLeastPast)
                              : std::max(start + span_, row.moment.received) + wait_ + kSilence;
  }
  const auto [entry, fresh] = bucket->second.entries.try_emplace(row.key);
  if (fresh) {
    entry->second.base = row.base;
    ++entries_;
  }
  place.bucket = &bucket->second;
  place.entry = &entry->second;
  place.start = start;
  place.epoch = epoch_;
  place.slots.clear();
  for (const metric::Field& field : row.fields) {
    std::vector<Slot>& slots = entry->second.slots;
    const Slot wanted{field.name, field.type};
    auto slot = std::find(slots.begin(), slots.end(), wanted);
    if (slot == slots.end()) slot = slots.insert(slots.end(), wanted);
    place.slots.push_back(static_cast<std::uint32_t>(slot - slots.begin()));
  }
  entry->second.totals.resize(entry->second.slots.size());
}

Windows::Taken Windows::add(const RowIn& row, Place& place) {
  UnixNanos start = row.time;
  if (span_ != 0) {
    std::int64_t into = row.time % span_;
    if (into < 0) into += span_;
    if (__builtin_sub_overflow(row.time, into, &start) || start > INT64_MAX / 2) return Taken::kLate;
  }
  if (place.epoch != epoch_ || place.start != start) {
    Taken taken = Taken::kYes;
    find(row, start, place, taken);
    if (taken != Taken::kYes) {
      place.epoch = 0;
      return taken;
    }
  }
  Host& host = *place.bucket->host;
  host.newest = std::max(host.newest, row.time);
  host.seen = row.moment.received;
  if (!std::exchange(host.touched, true)) touched_.push_back(&host);
  place.bucket->last = std::max(place.bucket->last, row.moment.position);
  for (std::size_t f = 0; f < row.fields.size(); ++f) {
    if ((row.presence[f / 64] >> (f % 64) & 1U) == 0) continue;
    Total& total = place.entry->totals[place.slots[f]];
    const FieldType type = row.fields[f].type;
    if (is_number(type)) add_number(total, type, row.cells[f], keep_values_);
    if (type == FieldType::kString)
      total.text = metric::as_string(row.cells[f], row.text);
    else
      total.last = row.cells[f];
    ++total.count;
  }
  return Taken::kYes;
}

void Windows::close(Host& host, std::map<UnixNanos, Bucket>::iterator bucket, const Emit& emit) {
  emit(bucket->second);
  ++epoch_;
  entries_ -= bucket->second.entries.size();
  if (span_ != 0) {
    closed_.push_back({rule_, host.name, bucket->first, bucket->second.first, bucket->second.last});
    mark(closed_.back());
  }
  host.buckets.erase(bucket);
}

void Windows::mark(const ClosedWindow& window) {
  Host& host = hosts_[window.host];
  host.name = window.host;
  const std::int64_t number = number_of(window.start);
  if (host.newest_closed == INT64_MIN) {
    host.newest_closed = number;
    return;
  }
  if (number > host.newest_closed) {
    const auto steps = static_cast<std::uint64_t>(number - host.newest_closed);
    host.closed = steps >= 64 ? 0 : host.closed << steps;
    if (steps <= 64) host.closed |= std::uint64_t{1} << (steps - 1);
    host.newest_closed = number;
  } else if (const auto before = static_cast<std::uint64_t>(host.newest_closed - number); before >= 1 && before <= 64) {
    host.closed |= std::uint64_t{1} << (before - 1);
  }
}

void Windows::restore_newest(const std::string& name, UnixNanos newest) {
  Host& host = hosts_[name];
  host.name = name;
  host.newest = newest;
}

std::vector<std::pair<std::string, UnixNanos>> Windows::pasts() const {
  std::vector<std::pair<std::string, UnixNanos>> out;
  for (const auto& [name, host] : hosts_)
    if (std::any_of(host.buckets.begin(), host.buckets.end(), [](const auto& one) { return one.second.past; }))
      out.emplace_back(name, host.newest);
  return out;
}

void Windows::end_batch(const Emit& emit) {
  for (Host* const host : touched_) {
    host->touched = false;
    for (auto at = host->buckets.begin(); at != host->buckets.end();) {
      const auto bucket = at++;
      if (span_ == 0 || (!bucket->second.past && bucket->first + span_ + wait_ <= host->newest))
        close(*host, bucket, emit);
    }
  }
  touched_.clear();
  // A merge's windows are of one batch, and so is what it knows of hosts.
  if (span_ == 0) hosts_.clear();
}

void Windows::close_until(UnixNanos now, const Emit& emit) {
  now = now / kLookEvery * kLookEvery;  // the same looks whoever calls how often
  if (now == looked_) return;
  looked_ = now;
  for (auto& [name, host] : hosts_)
    for (auto at = host.buckets.begin(); at != host.buckets.end();) {
      const auto bucket = at++;
      if (bucket->second.close_at <= now) close(host, bucket, emit);
    }
  forget_hosts(now);
}

void Windows::forget_hosts(UnixNanos now) {
  std::erase_if(hosts_, [&](const auto& one) {
    return one.second.buckets.empty() && one.second.seen != 0 && !one.second.touched &&
           now - one.second.seen > kForgetHosts;
  });
}

void Windows::close_all(const Emit& emit) {
  end_batch(emit);
  for (auto& [name, host] : hosts_)
    while (!host.buckets.empty()) close(host, host.buckets.begin(), emit);
}

std::uint64_t Windows::oldest_position() const {
  std::uint64_t oldest = UINT64_MAX;
  for (const auto& [name, host] : hosts_)
    for (const auto& [start, bucket] : host.buckets) oldest = std::min(oldest, bucket.first);
  return oldest;
}

std::vector<metric::Field> Windows::fields_of(const Entry& entry) const {
  std::vector<metric::Field> out;
  for (const Slot& slot : entry.slots) {
    bool last_given = false;
    for (const Function function : functions_) {
      const bool count = function == Function::kCount;
      if (!is_number(slot.type) && !count && std::exchange(last_given, true)) continue;
      const bool plain = !count && (functions_.size() == 1 || !is_number(slot.type));
      out.push_back({plain ? slot.name : slot.name + "_" + std::string(function_name(function)),
                     count ? FieldType::kInteger
                     : slot.type == FieldType::kUnsigned && function != Function::kLast && function != Function::kMin &&
                             function != Function::kMax
                         ? FieldType::kInteger
                         : slot.type});
    }
  }
  return out;
}

void Windows::values_of(const Entry& entry, const std::function<void(std::size_t, Cell)>& write,
                        const std::function<void(std::size_t, std::string_view)>& write_text) const {
  std::size_t field = 0;
  for (std::size_t i = 0; i < entry.slots.size(); ++i) {
    const FieldType type = entry.slots[i].type;
    const Total& total = entry.totals[i];
    bool last_given = false;
    for (const Function function : functions_) {
      const bool count = function == Function::kCount;
      if (!is_number(type) && !count && std::exchange(last_given, true)) continue;
      if (total.count > 0) {
        if (count || is_number(type))
          write(field, value_of(total, type, function));
        else if (type == FieldType::kString)
          write_text(field, total.text);
        else
          write(field, total.last);
      }
      ++field;
    }
  }
}

}  // namespace resmon::rule
