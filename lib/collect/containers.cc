// States, health, images and ports of containers, from the engine's API, where a socket is configured
// (`containers.socket`). What they use comes from their cgroups (cgroups.cc), which asks nobody; the names learnt here
// are used there, too.
//
// The rows are Telegraf's docker_container_status and docker_container_health, but the id, which changes with each
// start, is nowhere, and the state is a field: as a tag each change of it would make another series.

#include <map>
#include <optional>
#include <string>

#include "collect/collectors.h"
#include "collect/container_api.h"
#include "collect/row_schema.h"
#include "collect/shared.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::minutes kWriteStatusAgain{1};

enum StatusField : std::size_t {
  kContainerState,
  kUptime,
  kStarted,
  kFinished,
  kExitCode,
  kOom,
  kContainerPid,
  kRestartCount,
  kPorts
};
constexpr FieldSpec kStatusFields[] = {{"state", kString},        {"uptime_ns", kInteger},     {"started_at", kInteger},
                                       {"finished_at", kInteger}, {"exitcode", kInteger},      {"oomkilled", kBoolean},
                                       {"pid", kInteger},         {"restart_count", kInteger}, {"ports", kString}};
enum HealthField : std::size_t { kHealthStatus, kFailingStreak };
constexpr FieldSpec kHealthFields[] = {{"health_status", kString}, {"failing_streak", kInteger}};

struct KnownContainer {
  ContainerStatus status;
  RowSchema rows;
  RowSchema health;
  std::chrono::steady_clock::time_point written;
  bool there = true;
};

class Containers final : public Collector {
 public:
  Containers(const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter), schemas_(schemas), shared_(shared), pool_(1) {
    if (!options.socket.empty()) api_ = std::make_shared<ContainerApi>(options.socket);
  }

  // The engine is never waited for: what it said since the last gather is written.
  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (!api_) return {};
    const HelperPool::State state = pool_.state(*api_);
    if (state == HelperPool::State::kQueued || state == HelperPool::State::kRunning) {
      if (asked_ && context.steady - asked_at_ > kPatience)
        return fail(ErrorKind::kUnavailable, "the container engine does not answer");
      return write(context, out);
    }
    Status status;
    if (state == HelperPool::State::kDone) {
      pool_.take(*api_);
      status = api_->status();
      take(context);
    }
    asked_ = true;
    asked_at_ = context.steady;
    pool_.ask(api_);
    if (Status written = write(context, out); !written) return written;
    return status;
  }

 private:
  static constexpr std::chrono::minutes kPatience{1};

  void take(const GatherContext&) {
    for (auto& [name, known] : known_) known.there = false;
    for (const ContainerStatus& status : api_->containers()) {
      shared_.container_names().learn(status.id, status.name);
      if (!filter_.matches(status.name)) continue;
      const auto found = known_.find(status.name);
      if (found != known_.end()) {
        found->second.there = true;
        if (found->second.status == status) continue;
        known_.erase(found);
      }
      std::vector<metric::Tag> tags = {
          {"container_name", status.name}, {"container_image", status.image}, {"container_version", status.version}};
      known_.emplace(status.name,
                     KnownContainer{status,
                                    RowSchema(schemas_, "docker_container_status", tags, kStatusFields),
                                    RowSchema(schemas_, "docker_container_health", std::move(tags), kHealthFields),
                                    {},
                                    true});
    }
    std::erase_if(known_, [](const auto& entry) { return !entry.second.there; });
  }

  Status write(const GatherContext& context, metric::Batch& out) {
    for (auto& [name, known] : known_) {
      if (known.written != std::chrono::steady_clock::time_point() &&
          context.steady - known.written < kWriteStatusAgain)
        continue;
      known.written = context.steady;
      RESMON_TRY(known.rows.ready());
      RESMON_TRY(known.health.ready());
      const ContainerStatus& status = known.status;
      metric::RowWriter row = known.rows.add(out, context.time);
      if (!status.state.empty()) row.set(kContainerState, std::string_view(status.state));
      const bool runs = status.state == "running" || status.state == "paused";
      if (status.started_at != 0) {
        row.set(kStarted, status.started_at);
        const std::int64_t until = runs ? context.time : status.finished_at;
        if (until >= status.started_at) row.set(kUptime, until - status.started_at);
      }
      if (status.finished_at != 0) row.set(kFinished, status.finished_at);
      row.set(kExitCode, status.exit_code);
      row.set(kOom, status.out_of_memory);
      if (status.process != 0) row.set(kContainerPid, status.process);
      row.set(kRestartCount, status.restarts);
      if (!status.ports.empty()) row.set(kPorts, std::string_view(status.ports));
      if (status.health.empty()) continue;
      metric::RowWriter health = known.health.add(out, context.time);
      health.set(kHealthStatus, std::string_view(status.health));
      health.set(kFailingStreak, status.failing_streak);
    }
    return {};
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  HelperPool pool_;
  std::shared_ptr<ContainerApi> api_;
  bool asked_ = false;
  std::chrono::steady_clock::time_point asked_at_;
  std::map<std::string, KnownContainer> known_;
};

}  // namespace

std::unique_ptr<Collector> make_containers(const Roots&, const CollectorOptions& options, metric::SchemaTable& schemas,
                                           Shared& shared) {
  return std::make_unique<Containers>(options, schemas, shared);
}

}  // namespace resmon::collect
