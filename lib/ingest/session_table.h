#pragma once

// The sessions that there are, and which of them has a client's name and its stream. Thread-safe.

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "wire/samples.h"

namespace resmon::ingest {

class Crowd;
class Log;
class Observer;
struct ClientStream;
struct Session;

class SessionTable {
 public:
  explicit SessionTable(Observer& observer) : observer_(observer) {}

  // False after close(). `crowd` says who goes for it.
  bool enter(const std::shared_ptr<Session>& session, const boost::asio::ip::address& address, Crowd& crowd);
  // Finds or makes the stream's state and makes `session` its owner. Fails when the name is taken.
  Status claim(const std::shared_ptr<Session>& session, const wire::Hello& hello, Log& log);
  // That it is connected, if the name is still its own.
  void tell_observer(const std::shared_ptr<Session>& session);
  void leave(const std::shared_ptr<Session>& session);

  std::size_t size() const;
  std::shared_ptr<Session> of(const std::string& host) const;  // null: it is not connected
  std::vector<std::shared_ptr<Session>> all() const;
  // Takes no more. Those that there are.
  std::vector<std::shared_ptr<Session>> close();
  // Soon, for each that is there now, on its own executor.
  void on_each(const std::function<void(Session&)>& work) const;
  // These read no more: their unfinished frames take too much.
  void cut(const std::vector<const void*>& sessions) const;

 private:
  std::vector<std::shared_ptr<Session>> everybody() const REQUIRES(mutex_);
  std::shared_ptr<Session> find(const void* session) const REQUIRES(mutex_);

  Observer& observer_;
  mutable Mutex mutex_;
  bool closed_ GUARDED_BY(mutex_) = false;
  std::map<const Session*, std::weak_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  std::map<wire::StreamId, std::weak_ptr<ClientStream>> streams_ GUARDED_BY(mutex_);     // of connected clients
  std::map<std::string, std::weak_ptr<Session>, std::less<>> names_ GUARDED_BY(mutex_);  // connected clients
};

}  // namespace resmon::ingest
