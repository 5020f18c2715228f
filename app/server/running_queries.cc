#include "running_queries.h"

namespace resmon::server {

namespace {
constexpr std::size_t kTextBytes = 4096;
}  // namespace

RunningQueries::Entry::Entry(RunningQueries& queries, std::string_view text, std::string_view database)
    : queries_(queries) {
  one_->text = text.substr(0, kTextBytes);
  one_->database = database;
  one_->begun = std::chrono::steady_clock::now();
  MutexLock lock(queries_.mutex_);
  id_ = queries_.next_id_++;
  queries_.ones_.emplace(id_, one_);
}

RunningQueries::Entry::~Entry() {
  MutexLock lock(queries_.mutex_);
  queries_.ones_.erase(id_);
}

std::vector<influxql::RunningQuery> RunningQueries::list() const {
  const auto now = std::chrono::steady_clock::now();
  std::vector<influxql::RunningQuery> out;
  MutexLock lock(mutex_);
  for (const auto& [id, one] : ones_) out.push_back({id, one->text, one->database, now - one->begun, one->killed});
  return out;
}

bool RunningQueries::kill(std::uint64_t id) {
  MutexLock lock(mutex_);
  const auto at = ones_.find(id);
  if (at == ones_.end()) return false;
  at->second->killed = true;
  return true;
}

}  // namespace resmon::server
