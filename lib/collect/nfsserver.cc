// What the kernel's NFS server did: resmon's own, because Telegraf has nothing of it. A machine that exports nothing
// has no such file.

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "procfs/nfs_mounts.h"

namespace resmon::collect {

namespace {

constexpr FieldSpec kNfsServerFields[] = {
    {"read_bytes", kInteger}, {"written_bytes", kInteger},   {"calls", kInteger},
    {"bad_calls", kInteger},  {"cache_hits", kInteger},      {"cache_misses", kInteger},
    {"packets", kInteger},    {"tcp_connections", kInteger}, {"threads", kInteger}};

class NfsServerCollector final : public Collector {
 public:
  NfsServerCollector(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : shared_(shared),
        file_(roots.proc + (roots.own_proc() ? "/net/rpc/nfsd" : "/1/net/rpc/nfsd"), PinnedFile::Records::kUnknown),
        schema_(schemas, "nfsd", {}, kNfsServerFields) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (file_.missing()) return {};
    Sources sources(context);
    procfs::NfsServer read;
    const bool useful = sources.read(file_, shared_.buffer(), [&](std::string_view text, procfs::Skipped& skipped) {
      return procfs::parse_nfs_server(text, read, skipped);
    });
    // The file is there as soon as the module is: without a thread nothing is served.
    if (!useful || read.threads.value_or(1) == 0) return sources.finish();
    RESMON_TRY(schema_.ready());
    metric::RowWriter row = schema_.add(out, context.time);
    const procfs::Number values[] = {read.read_bytes, read.written_bytes,   read.calls,
                                     read.bad_calls,  read.cache_hits,      read.cache_misses,
                                     read.packets,    read.tcp_connections, read.threads};
    for (std::size_t field = 0; field < std::size(values); ++field) set(row, field, values[field]);
    return sources.finish();
  }

 private:
  Shared& shared_;
  PinnedFile file_;
  RowSchema schema_;
};

}  // namespace

std::unique_ptr<Collector> make_nfsserver(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                          Shared& shared) {
  return std::make_unique<NfsServerCollector>(roots, schemas, shared);
}

}  // namespace resmon::collect
