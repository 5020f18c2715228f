#pragma once

// The live view: which hosts there are, which of them are up, and the few numbers that the overview shows of each. Fed
// by the sessions (who is connected) and by the log (what they say). Thread-safe.

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ingest/server.h"
#include "metric/batch.h"

namespace resmon::fleet {

// up: heard from as often as it should be. late: overdue by more than one interval and a bit. down: overdue by so much
// that a person should look.
enum class State { kUp, kLate, kDown };
std::string_view state_name(State state);

// Absent: never said, or not said for a while.
struct Summary {
  std::optional<double> cpu_percent;
  std::optional<double> memory_percent;
  std::optional<double> swap_percent;
  std::optional<double> disk_percent;  // of the fullest file system
  std::string disk_path;
  std::optional<double> network_receive_bytes_per_second;
  std::optional<double> network_send_bytes_per_second;
  std::optional<double> pressure_percent;  // of the last 10 s, the share in which some task waited for
  std::string pressure_resource;           // this: the worst of cpu, memory and io
  std::optional<double> load1;
  std::optional<std::int64_t> n_cpus;
  std::optional<std::int64_t> uptime_seconds;
};

struct Host {
  std::string name;
  State state = State::kDown;
  bool connected = false;
  UnixNanos connected_since = 0;  // its last HELLO; 0: none since this server started
  UnixNanos first_seen = 0;
  UnixNanos last_seen = 0;
  UnixNanos newest_sample = 0;  // its time; of a client that catches up it is far behind last_seen. 0: none yet
  std::string address;
  std::string software;
  std::chrono::nanoseconds interval{0};
  std::chrono::nanoseconds clock_skew{0};  // its clock less ours, when it last said hello
  std::vector<metric::Tag> tags;
  std::uint64_t received_samples = 0;
  std::int64_t backlog_samples = 0;  // as the client last said
  std::int64_t dropped_samples = 0;
  std::uint64_t refused_samples = 0;  // by this server, since it started
  std::string last_refusal;           // why the last of them were
  Summary summary;
  std::uint64_t version = 0;  // grows whenever anything here but the passing of time changes
};

class Fleet final : public ingest::Observer {
 public:
  // Both must outlive the fleet.
  Fleet(const metric::SchemaTable& schemas, const Clock& clock);
  ~Fleet() override;

  void connected(const ingest::ClientInfo& client) override;
  void heard_from(const std::string& host) override;
  void disconnected(const std::string& host) override;
  // What the log says. One thread.
  void observe(const metric::Batch& batch, UnixNanos received);
  // Samples of the host that the server does not store, and why. Of a host that is not known nothing is kept.
  void refused(const std::string& host, std::uint64_t samples, const std::string& reason);
  // A host that was there before this server started. Does nothing when it is known.
  void remember(const std::string& host, UnixNanos last_seen);

  // Sorted by name. With `after`, only those whose version is greater or whose state changed since `before`.
  std::vector<Host> hosts() const;
  std::vector<Host> changed(std::uint64_t after, UnixNanos before) const;
  std::uint64_t version() const;

 private:
  struct Entry;
  struct Role;
  Entry& entry(const std::string& host);  // REQUIRES: mutex_ held
  // What a schema's rows mean here: whose they are, and, of the few that say something of the overview, what.
  struct Meaning {
    std::uint32_t generation = 0;  // of the schema's id; another one is another schema
    Entry* entry = nullptr;        // of its host; null when it has none
    Role* role = nullptr;          // of roles_; null: nothing
  };
  const Meaning& meaning_of(metric::SchemaId id);
  void apply(Role& role, const metric::Batch& batch, const metric::Row& row);
  Host view(const Entry& entry, UnixNanos now) const;

  const metric::SchemaTable& schemas_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;
  std::vector<Meaning> meanings_;  // by SchemaId
  std::deque<Role> roles_;
  std::uint64_t version_ = 0;
};

}  // namespace resmon::fleet
