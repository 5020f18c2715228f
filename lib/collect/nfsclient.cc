// What NFS mounts did, as Telegraf's nfsclient has it without `fullstat`. The kernel answers from memory: no server is
// asked.

#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/nfs_mounts.h"

namespace resmon::collect {

namespace {

enum NfsField : std::size_t { kNfsOps, kNfsRetrans, kNfsBytes, kNfsRoundTrip, kNfsExecute, kNfsRoundTripPerOp };
constexpr FieldSpec kNfsFields[] = {{"ops", kInteger}, {"retrans", kInteger}, {"bytes", kInteger},
                                    {"rtt", kInteger}, {"exe", kInteger},     {"rtt_per_op", kFloat}};

struct KnownNfsMount {
  std::string device;
  RowSchema read;
  RowSchema write;
};

class NfsClient final : public Collector {
 public:
  NfsClient(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        schemas_(schemas),
        shared_(shared),
        file_(roots.proc + (roots.own_proc() ? "/self/mountstats" : "/1/mountstats"), PinnedFile::Records::kUnknown) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (file_.missing()) return {};
    Sources sources(context);
    read_.clear();
    sources.read(file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_nfs_mounts(text, read_, skipped);
    });
    known_.begin();
    for (const procfs::NfsMount& mount : read_) {
      if (!filter_.matches(mount.path)) continue;
      KnownNfsMount* known = known_.get(mount.path, [&] { return make(mount); });
      if (known == nullptr) continue;
      if (known->device != mount.device) *known = make(mount);
      RESMON_TRY(write(known->read, mount.read, context, out));
      RESMON_TRY(write(known->write, mount.write, context, out));
    }
    known_.end();
    return sources.finish();
  }

 private:
  KnownNfsMount make(const procfs::NfsMount& mount) {
    const auto schema = [&](const char* operation) {
      return RowSchema(schemas_, "nfsstat",
                       {{"mountpoint", mount.path}, {"serverexport", mount.device}, {"operation", operation}},
                       kNfsFields);
    };
    return {mount.device, schema("READ"), schema("WRITE")};
  }

  static Status write(const RowSchema& schema, const procfs::NfsOperation& operation, const GatherContext& context,
                      metric::Batch& out) {
    if (!operation.operations) return {};
    RESMON_TRY(schema.ready());
    metric::RowWriter row = schema.add(out, context.time);
    set(row, kNfsOps, operation.operations);
    row.set(kNfsRetrans, clip(advance(*operation.transmissions, *operation.operations)));
    set(row, kNfsBytes, operation.bytes);
    set(row, kNfsRoundTrip, operation.round_trip_milliseconds);
    set(row, kNfsExecute, operation.execute_milliseconds);
    row.set(kNfsRoundTripPerOp, *operation.operations == 0
                                    ? 0.0
                                    : round3(static_cast<double>(*operation.round_trip_milliseconds) /
                                             static_cast<double>(*operation.operations)));
    return {};
  }

  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::vector<procfs::NfsMount> read_;
  EntityTable<KnownNfsMount> known_;
};

}  // namespace

std::unique_ptr<Collector> make_nfsclient(const Roots& roots, const CollectorOptions& options,
                                          metric::SchemaTable& schemas, Shared& shared) {
  return std::make_unique<NfsClient>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
