#include "peer_reader.h"

#include <algorithm>

#include "peer_reader_internal.h"

namespace resmon::server {

namespace {

// Between the store's own ids, which are small, and those of SyslogReader.
constexpr store::GroupId kFirstMergedGroup = 0x4000'0000U;
constexpr store::GroupId kLastMergedGroup = 0xe000'0000U;
constexpr std::size_t kSeriesAtOnce = 512;
constexpr std::size_t kMostExpected = 1'000'000;
constexpr std::size_t kSeriesKept = 4096;  // of pages, before they are used

const std::vector<metric::Tag>& tags_of(const store::Group* group) {
  return group->tags;
}

}  // namespace

std::string PeerReader::Question::key() const {
  std::string key = merged->name;
  const auto add = [&key](std::int64_t number) { key.append(1, '\0').append(std::to_string(number)); };
  for (const std::int64_t number :
       {static_cast<std::int64_t>(source), range.first, range.last, static_cast<std::int64_t>(descending),
        static_cast<std::int64_t>(aggregates), width})
    add(number);
  add(alone ? 1 : 0);
  for (const store::ColumnId column : columns) add(column);
  return key;
}

PeerReader::PeerReader(const store::Reader& own, RowSources& peers)
    : own_(own), peers_(peers), present_(peers.present()), next_group_(kFirstMergedGroup) {}

PeerReader::~PeerReader() = default;

std::string PeerReader::lacking() const {
  {
    const MutexLock lock(mutex_);
    for (const auto& [peer, reason] : left_out_) return peers_.shown(peer) + " does not answer: " + reason;
  }
  return peers_.lacking();
}

void PeerReader::leave_out(std::size_t peer, const std::string& reason) const {
  const MutexLock lock(mutex_);
  left_out_.emplace(peer, reason);
}

bool PeerReader::left_out(std::size_t peer) const {
  const MutexLock lock(mutex_);
  return left_out_.contains(peer);
}

std::vector<std::string> PeerReader::measurements() const {
  std::vector<std::string> out = own_.measurements();
  for (const std::size_t peer : present_) {
    if (left_out(peer)) continue;
    const auto catalog = peers_.catalog(peer, "");
    if (!catalog)
      leave_out(peer, catalog.error().message);
    else
      out.insert(out.end(), (*catalog)->measurements.begin(), (*catalog)->measurements.end());
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::shared_ptr<const store::Listing> PeerReader::listing(std::string_view measurement) const {
  const Merged* const found = merged(measurement);
  return found == nullptr ? own_.listing(measurement) : found->listing;
}

std::vector<store::Column> PeerReader::columns(std::string_view measurement) const {
  const Merged* const found = merged(measurement);
  return found == nullptr ? own_.columns(measurement) : found->columns;
}

const PeerReader::Merged* PeerReader::merged(std::string_view measurement) const {
  {
    const MutexLock lock(mutex_);
    if (const auto found = merged_.find(measurement); found != merged_.end()) return found->second.get();
  }
  std::unique_ptr<Merged> made = merge(std::string(measurement));
  const MutexLock lock(mutex_);
  const auto [at, fresh] = merged_.try_emplace(std::string(measurement), std::move(made));
  if (fresh && at->second) by_first_[at->second->first] = at->second.get();
  return at->second.get();
}

// Null where no other server has anything of it.
std::unique_ptr<PeerReader::Merged> PeerReader::merge(const std::string& measurement) const {
  auto out = std::make_unique<Merged>();
  out->name = measurement;
  for (const std::size_t peer : present_) {
    if (left_out(peer)) continue;
    const auto catalog = peers_.catalog(peer, measurement);
    if (!catalog)
      leave_out(peer, catalog.error().message);
    else if (!(*catalog)->series.empty())
      out->sources.push_back({peer, *catalog, {}});
  }
  if (out->sources.empty()) return nullptr;
  out->own = own_.listing(measurement);
  out->merge_columns();
  out->merge_series();
  {
    const MutexLock lock(mutex_);
    if (out->groups.size() > kLastMergedGroup - next_group_) return nullptr;
    out->first = next_group_;
    next_group_ += static_cast<store::GroupId>(out->groups.size());
  }
  std::vector<const store::Group*> groups;
  for (std::size_t i = 0; i < out->groups.size(); ++i) {
    out->groups[i].id = out->first + static_cast<store::GroupId>(i);
    groups.push_back(&out->groups[i]);
  }
  out->listing = std::make_shared<const store::Listing>(out->columns, std::move(groups));
  return out;
}

// All fields, with the type that they have here, or in the first source that has them.
void PeerReader::Merged::merge_columns() {
  std::map<std::string, metric::FieldType> types;
  for (const store::Column& column : own->columns()) types.emplace(column.name, column.type);
  for (const Source& source : sources)
    for (const metric::Field& field : source.catalog->fields) types.emplace(field.name, field.type);
  for (const auto& [field, type] : types) {
    columns.push_back({static_cast<store::ColumnId>(columns.size()), field, type});
    std::optional<store::ColumnId> here;
    for (const store::Column& column : own->columns())
      if (column.name == field) here = column.id;
    own_columns.push_back(here);
  }
  for (Source& source : sources) {
    source.columns.resize(columns.size(), Has::kNo);
    for (const metric::Field& field : source.catalog->fields) {
      const auto at = static_cast<std::size_t>(std::distance(types.begin(), types.find(field.name)));
      source.columns[at] = types[field.name] == field.type ? Has::kYes : Has::kOtherType;
    }
  }
}

// All series, by tags. Here and in each source they are sorted by tags.
void PeerReader::Merged::merge_series() {
  std::vector<std::size_t> next(sources.size(), 0);
  std::size_t next_own = 0;
  const auto& own_groups = own->groups();
  while (true) {
    const std::vector<metric::Tag>* least = next_own < own_groups.size() ? &tags_of(own_groups[next_own]) : nullptr;
    for (std::size_t s = 0; s < next.size(); ++s) {
      const auto& series = sources[s].catalog->series;
      if (next[s] < series.size() && (least == nullptr || series[next[s]] < *least)) least = &series[next[s]];
    }
    if (least == nullptr) return;
    Where at;
    at.in.resize(next.size());
    groups.push_back({0, metric::SharedList<metric::Tag>(*least)});
    const std::vector<metric::Tag>& tags = groups.back().tags;
    if (next_own < own_groups.size() && tags_of(own_groups[next_own]) == tags) at.own = own_groups[next_own++]->id;
    for (std::size_t s = 0; s < next.size(); ++s) {
      const auto& series = sources[s].catalog->series;
      if (next[s] < series.size() && series[next[s]] == tags) at.in[s] = next[s]++;
    }
    where.push_back(std::move(at));
  }
}

const PeerReader::Merged* PeerReader::of_group(store::GroupId group) const {
  const MutexLock lock(mutex_);
  auto after = by_first_.upper_bound(group);
  if (after == by_first_.begin()) return nullptr;
  return std::prev(after)->second;
}

void PeerReader::expect(std::span<const store::GroupId> groups) const {
  const MutexLock lock(mutex_);
  if (expected_.size() > kMostExpected) {
    expected_.clear();
    place_.clear();
  }
  for (const store::GroupId group : groups) {
    if (group < kFirstMergedGroup || group >= kLastMergedGroup) continue;  // only this server has it
    place_[group] = expected_.size();
    expected_.push_back(group);
  }
}

// The series of `group`, and those that are expected after it.
std::vector<std::size_t> PeerReader::batch(const Question& question, const Fetched& fetched,
                                           store::GroupId group) const {
  const Merged& merged = *question.merged;
  std::vector<std::size_t> out{group - merged.first};
  const auto at = place_.find(group);
  if (question.alone || at == place_.end() || fetched.series.size() >= kSeriesKept) return out;
  for (std::size_t i = at->second + 1; i < expected_.size() && out.size() < kSeriesAtOnce; ++i) {
    const store::GroupId one = expected_[i];
    if (one < merged.first || one >= merged.first + merged.groups.size()) continue;
    if (merged.where[one - merged.first].in[question.source] && !fetched.series.contains(one))
      out.push_back(one - merged.first);
  }
  return out;
}

// What comes first of a series; nothing, as if that were all, of a peer that does not answer.
peer::Page::Series PeerReader::fetch(const Question& question, store::GroupId group) const {
  const Merged& merged = *question.merged;
  const std::size_t peer = merged.sources[question.source].peer;
  const peer::Page::Series nothing{0, true, {}};
  Fetched* fetched = nullptr;
  {
    const MutexLock lock(mutex_);
    auto& known = fetched_[question.alone ? std::string() : question.key()];
    if (!known) known = std::make_unique<Fetched>();
    fetched = known.get();
  }
  std::unique_lock asking(fetched->asking, std::defer_lock);
  if (!question.alone) asking.lock();
  peer::RowsRequest request;
  std::vector<std::size_t> series;
  {
    const MutexLock lock(mutex_);
    if (const auto found = fetched->series.find(group); !question.alone && found != fetched->series.end()) {
      peer::Page::Series out = std::move(found->second);
      fetched->series.erase(found);
      return out;
    }
    if (left_out_.contains(peer)) return nothing;
    series = batch(question, *fetched, group);
  }
  request.measurement = merged.name;
  for (const store::ColumnId column : question.columns) request.columns.push_back(merged.columns[column].name);
  for (const std::size_t one : series) request.series.emplace_back(merged.groups[one].tags);
  request.range = question.range;
  request.descending = question.descending;
  request.aggregates = question.aggregates;
  request.width = question.width;
  auto page = peers_.rows(peer, request, *merged.sources[question.source].catalog);
  if (!page) {
    leave_out(peer, page.error().message);
    return nothing;
  }
  peer::Page::Series out = nothing;
  bool any = false;
  const MutexLock lock(mutex_);
  for (peer::Page::Series& one : page->series) {
    if (one.place >= series.size()) continue;
    const auto id = merged.first + static_cast<store::GroupId>(series[one.place]);
    if (id != group) {
      fetched->series.emplace(id, std::move(one));
      continue;
    }
    out = std::move(one);
    any = true;
  }
  if (!any || (!out.whole && out.blocks.empty())) left_out_.emplace(peer, "it answers without what it was asked for");
  return out;
}

}  // namespace resmon::server
