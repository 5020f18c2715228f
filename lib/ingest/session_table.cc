#include "ingest/session_table.h"

#include "ingest/crowd.h"
#include "ingest/session.h"
#include "net/spawn.h"

namespace resmon::ingest {

namespace {

constexpr auto kNameSilence = std::chrono::seconds(30);  // a client silent this long may lose its name to another

}  // namespace

bool SessionTable::enter(const std::shared_ptr<Session>& session, const asio::ip::address& address, Crowd& crowd) {
  const MutexLock lock(mutex_);
  if (closed_) return false;
  sessions_.emplace(session.get(), session);
  const void* const gone = crowd.enter(session.get(), address);
  if (gone == nullptr) return true;
  if (const auto other = find(gone)) {
    net::post(other->connection->executor(), [other] {
      if (other->greeted) return;
      other->ending.makes_room = true;
      other->connection->close();
    });
  }
  return true;
}

Status SessionTable::claim(const std::shared_ptr<Session>& session, const wire::Hello& hello, Log& log) {
  MutexLock lock(mutex_);
  const auto now = steady_clock::now();
  std::shared_ptr<ClientStream> claimed;
  if (const auto it = streams_.find(hello.stream); it != streams_.end()) claimed = it->second.lock();
  if (const auto it = names_.find(hello.client); it != names_.end()) {
    if (const std::shared_ptr<Session> other = it->second.lock()) {
      const auto silent = std::chrono::nanoseconds(now.time_since_epoch().count() - other->heard_at.load());
      if ((!claimed || other->stream != claimed) && silent < kNameSilence) {
        session->ending.refuse = wire::RefuseCode::kNameInUse;
        return fail(ErrorKind::kUnavailable, "another client named '" + hello.client + "' is connected from " +
                                                 other->client.address + "; give each its own client.host");
      }
      other->ending.told_to_go = true;
      net::post(other->connection->executor(), [other] { other->connection->close(); });
    }
  }
  if (!claimed) {
    claimed = std::make_shared<ClientStream>();
    claimed->log = log.stream(hello.stream);
    streams_[hello.stream] = claimed;
  }
  names_[hello.client] = session;
  {
    MutexLock stream_lock(claimed->mutex);
    claimed->owner = session.get();
  }
  session->stream = std::move(claimed);
  return {};
}

// The observer hears of a name's coming and going under the lock: a connection that another has replaced must not take
// the name down after its successor brought it up.
void SessionTable::tell_observer(const std::shared_ptr<Session>& session) {
  MutexLock lock(mutex_);
  if (const auto it = names_.find(session->client.host); it != names_.end() && it->second.lock() == session)
    observer_.connected(session->client);
}

void SessionTable::leave(const std::shared_ptr<Session>& session) {
  MutexLock lock(mutex_);
  sessions_.erase(session.get());
  if (!session->stream) return;
  const wire::StreamId id = session->stream->log->id;
  session->stream.reset();
  if (const auto it = streams_.find(id); it != streams_.end() && it->second.expired()) streams_.erase(it);
  if (const auto it = names_.find(session->client.host); it != names_.end() && it->second.lock() == session) {
    names_.erase(it);
    if (session->greeted) observer_.disconnected(session->client.host);
  }
}

std::size_t SessionTable::size() const {
  const MutexLock lock(mutex_);
  return sessions_.size();
}

std::shared_ptr<Session> SessionTable::of(const std::string& host) const {
  const MutexLock lock(mutex_);
  const auto it = names_.find(host);
  return it == names_.end() ? nullptr : it->second.lock();
}

std::vector<std::shared_ptr<Session>> SessionTable::all() const {
  const MutexLock lock(mutex_);
  return everybody();
}

std::vector<std::shared_ptr<Session>> SessionTable::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  return everybody();
}

void SessionTable::on_each(const std::function<void(Session&)>& work) const {
  for (const auto& session : all()) net::post(session->connection->executor(), [session, work] { work(*session); });
}

void SessionTable::cut(const std::vector<const void*>& sessions) const {
  if (sessions.empty()) return;
  const MutexLock lock(mutex_);
  for (const void* one : sessions)
    if (const auto other = find(one))
      net::post(other->connection->executor(), [other] {
        other->ending.makes_room = true;
        other->connection->stop_reading();
      });
}

std::vector<std::shared_ptr<Session>> SessionTable::everybody() const {
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& [key, weak] : sessions_)
    if (auto session = weak.lock()) all.push_back(std::move(session));
  return all;
}

std::shared_ptr<Session> SessionTable::find(const void* session) const {
  const auto at = sessions_.find(static_cast<const Session*>(session));
  return at == sessions_.end() ? nullptr : at->second.lock();
}

}  // namespace resmon::ingest
