#pragma once

// The live view: which hosts there are, which of them are up, and the few numbers that the overview shows of each. Fed
// by the sessions (who is connected) and by the log (what they say). Thread-safe.
//
// Nothing here only grows: a host that has not been heard from for as long as rows are kept is forgotten, and so is a
// series that its host no longer writes (forget_unused).

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "fleet/host.h"
#include "fleet/series.h"
#include "ingest/server.h"
#include "metric/batch.h"

namespace resmon::fleet {

// A host that was taken off by hand. It comes back with what is newer than this.
struct ForgottenHost {
  std::string name;
  UnixNanos newest_sample = 0;
};

// The state of a host that must survive a restart; the rest of it is in the store.
struct Memory {
  std::vector<Host> hosts;
  std::vector<ForgottenHost> forgotten;
  Thresholds thresholds;  // of the fleet
};

struct FleetLimits {
  std::size_t hosts = 100'000;
  std::size_t series = 2'000'000;  // that the overview is made of, of all hosts
  std::size_t forgotten = 10'000;  // the oldest of them is dropped for a new one
};

struct FleetStats {
  std::size_t hosts = 0;
  std::size_t series = 0;
  std::size_t forgotten = 0;
  std::uint64_t refused_hosts = 0;   // rows of hosts that there was no room for, since start
  std::uint64_t refused_series = 0;  // rows of series that there was no room for, since start
  FleetLimits limits;
};

// Whose hosts are meant: those that this server has heard from, as it has; or also those of other servers, and each as
// the server says that heard from it last.
enum class Scope { kOwn, kAll };

// What another server says of its hosts.
struct PeerReport {
  std::string peer;    // who, always the same
  std::string shown;   // its name for people
  bool whole = false;  // these are all of its hosts; otherwise those that have changed
  std::vector<Host> hosts;
  std::vector<std::string> removed;
  UnixNanos now = 0;  // when it said so, by our clock
};

// A client of that name is at work here and there at the same time.
struct Doubled {
  std::string host;
  std::string server;  // the other one
  bool over = false;   // it was until now
};

class Fleet final : public ingest::Observer {
 public:
  enum class Forgotten { kDone, kConnected, kUnknown };

  // Both must outlive the fleet.
  Fleet(const metric::SchemaTable& schemas, const Clock& clock) : Fleet(schemas, clock, FleetLimits()) {}
  Fleet(const metric::SchemaTable& schemas, const Clock& clock, FleetLimits limits);
  ~Fleet() override;

  void connected(const ingest::ClientInfo& client) override;
  void heard_from(const std::string& host) override;
  void disconnected(const std::string& host) override;
  // Applies rows of the log. One thread.
  void observe(const metric::Batch& batch, UnixNanos received);

  // Adds hosts saved by an earlier run. Hosts that are already in the list do not change.
  void restore(const Memory& memory);
  Memory memory() const;
  // Grows whenever memory() says something else than before that must not be lost; times that pass by do not count.
  std::uint64_t memory_version() const;
  // Samples of the host that the server does not store, and why. Of a host that is not known nothing is kept.
  void refused(const std::string& host, std::uint64_t samples, const std::string& reason);
  // A host that was there before this server started. Does nothing when it is known, or was taken off by hand since.
  void remember(const std::string& host, UnixNanos last_seen);
  // A row from before this server started: values are by field of `schema`, which need not be interned. Does nothing
  // for a host that is not known. What a host's rows say together shows after replayed().
  void replay(const metric::Schema& schema, UnixNanos time, std::span<const std::optional<double>> values);
  void replayed(const std::string& host);

  // Takes a host off the list, unless its client is connected. It comes back when newer data of it come.
  Forgotten forget(const std::string& host);
  // Changes them in one step and checks them; an error changes nothing. kNotFound: there is no such host.
  Status change_settings(const std::string& host, const std::function<Status(HostSettings&)>& change);
  // Of the whole fleet: those that differ from the built-in ones.
  Thresholds thresholds() const;
  void set_thresholds(Thresholds thresholds);
  // Forgets hosts that are not connected and not paused and were last heard from before `hosts_before`, and series that
  // their host has not written for a while. Call about once a minute.
  void forget_unused(UnixNanos hosts_before);

  // Takes over what another server says, and returns which names that makes or ends on both.
  std::vector<Doubled> peer_says(const PeerReport& report);
  // It does not answer, or does so again.
  void peer_away(const std::string& peer, bool away);

  // Sorted by name. With `after`, only those whose version is greater or whose state changed since `before`.
  std::vector<Host> hosts(Scope scope = Scope::kOwn) const;
  std::vector<Host> changed(std::uint64_t after, UnixNanos before, Scope scope = Scope::kOwn) const;
  // The other server that has it; empty: none, or this one.
  std::string server_of(std::string_view host) const;
  // Those that this server has heard from, as rules about them want them: while another server has one and answers, it
  // is up here, since that one tells of it.
  std::vector<Host> hosts_to_watch() const;
  std::uint64_t version() const;
  // The names of those that were forgotten since; some may be back. Nothing where there were too many: then hosts()
  // says who is there.
  std::optional<std::vector<std::string>> removed(std::uint64_t after) const;
  FleetStats stats() const;

 private:
  struct Entry;
  // Another server, and one of its hosts.
  struct Peer {
    std::string shown;
    bool away = false;
    UnixNanos answered = 0;
  };
  struct Elsewhere;
  // The place of each field of a schema in its series.
  struct Reading {
    Series* series = nullptr;
    std::array<int, kMostFields> fields{-1, -1, -1};
  };
  // What a schema's rows mean here, found out once: whose they are, and, of the few that say something of the
  // overview, what.
  struct Meaning {
    std::uint32_t generation = 0;  // of the schema's id; another one is another schema. 0: not found out
    std::uint32_t reading = 0;     // of readings_, plus 1; 0: nothing
    Entry* entry = nullptr;        // of its host; null when it has none
  };
  Entry* find(std::string_view host) const REQUIRES(mutex_);  // that this server has heard from
  Entry& entry(const std::string& host) REQUIRES(mutex_);     // made where it is not known
  Entry* entry_for_data(const std::string& host, UnixNanos time) REQUIRES(mutex_);
  Meaning make_meaning(const metric::Schema& schema, std::uint32_t generation, UnixNanos time) REQUIRES(mutex_);
  const Meaning& meaning_of(metric::SchemaId id, UnixNanos time) REQUIRES(mutex_);
  Series* series_of(Entry& entry, Kind kind, const metric::Schema& schema) REQUIRES(mutex_);
  void read_row(Entry& entry, const Reading& reading, const metric::Schema& schema, const metric::Batch& batch,
                const metric::Row& row, UnixNanos heard) REQUIRES(mutex_);
  void note_client(Host& host, const Series& series) const REQUIRES(mutex_);
  void sum_up(Entry& entry) REQUIRES(mutex_);
  void remove(Entry& entry) REQUIRES(mutex_);
  void drop_meanings() REQUIRES(mutex_);
  void note_removal(const std::string& name) REQUIRES(mutex_);
  void drop_elsewhere(Entry& entry, const std::string& peer) REQUIRES(mutex_);
  State state_there(const Elsewhere& there, UnixNanos now) const REQUIRES(mutex_);
  const Elsewhere* shown_there(const Entry& entry, UnixNanos now) const
      REQUIRES(mutex_);  // null: what is shown is our own
  std::string also_on(const Entry& entry, UnixNanos now) const REQUIRES(mutex_);
  State state_of(const Entry& entry, UnixNanos now, Scope scope) const REQUIRES(mutex_);
  Host view(const Entry& entry, UnixNanos now, Scope scope = Scope::kOwn) const REQUIRES(mutex_);

  const metric::SchemaTable& schemas_;
  const Clock& clock_;
  const FleetLimits limits_;
  mutable Mutex mutex_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_ GUARDED_BY(mutex_);
  std::size_t own_ GUARDED_BY(mutex_) = 0;  // of these, heard from here
  std::map<std::string, Peer, std::less<>> peers_ GUARDED_BY(mutex_);
  std::map<std::string, UnixNanos, std::less<>> forgotten_ GUARDED_BY(mutex_);  // newest_sample of each
  std::vector<Meaning> meanings_ GUARDED_BY(mutex_);                            // by SchemaId
  std::vector<Reading> readings_ GUARDED_BY(mutex_);
  std::vector<Entry*> touched_ GUARDED_BY(mutex_);  // by the batch being observed
  std::size_t series_ GUARDED_BY(mutex_) = 0;       // of all entries
  std::uint64_t refused_hosts_ GUARDED_BY(mutex_) = 0;
  std::uint64_t refused_series_ GUARDED_BY(mutex_) = 0;
  std::uint64_t version_ GUARDED_BY(mutex_) = 0;
  std::deque<std::pair<std::uint64_t, std::string>> removals_
      GUARDED_BY(mutex_);                                  // the newest, with the version that each made
  std::uint64_t unknown_removals_ GUARDED_BY(mutex_) = 0;  // version of the newest that is not among them
  std::uint64_t memory_version_ GUARDED_BY(mutex_) = 0;
  Thresholds thresholds_ GUARDED_BY(mutex_);
};

}  // namespace resmon::fleet
