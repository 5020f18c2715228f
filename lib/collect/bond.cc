// Bonds of network interfaces, as Telegraf's bond has them. No row on a machine without bonds.

#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "collect/sources.h"
#include "collect/sys_tree.h"
#include "procfs/bonding.h"

namespace resmon::collect {

namespace {

constexpr std::size_t kMostBonds = 64;

enum BondField : std::size_t { kActiveSlave, kBondStatus };
constexpr FieldSpec kBondFields[] = {{"active_slave", kString}, {"status", kInteger}};
enum SlaveField : std::size_t { kLinkFailures, kSlaveStatus, kActorChurned, kPartnerChurned, kTotalChurned };
constexpr FieldSpec kSlaveFields[] = {{"failures", kInteger},
                                      {"status", kInteger},
                                      {"actor_churned", kInteger},
                                      {"partner_churned", kInteger},
                                      {"total_churned", kInteger}};
constexpr FieldSpec kCountFields[] = {{"count", kInteger}};

struct KnownBond {
  RowSchema bond;
  RowSchema count;
  EntityTable<RowSchema> slaves;
};

class BondCollector final : public Collector {
 public:
  BondCollector(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : folder_(roots.proc + (roots.own_proc() ? "/net/bonding" : "/1/net/bonding")),
        filter_(options.filter),
        schemas_(schemas),
        shared_(shared) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    if (const std::size_t mark = listing_mark(folder_); mark != mark_) {
      mark_ = mark;
      names_ = sorted_entries(folder_);
      std::erase_if(names_, [&](const std::string& name) { return !procfs::is_name(name) || !filter_.matches(name); });
      if (names_.size() > kMostBonds) names_.resize(kMostBonds);
    }
    Sources sources(context);
    known_.begin();
    for (const std::string& name : names_) {
      const std::string path = folder_ + "/" + name;
      const auto text = read_once(path.c_str(), shared_.buffer());
      if (!text) {
        sources.failed(Error(text.error()));
        continue;
      }
      procfs::Skipped skipped;
      if (!sources.parsed(path, procfs::parse_bonding(*text, read_, skipped), skipped)) continue;
      if (KnownBond* known = known_.get(name, [&] { return make(name); }))
        RESMON_TRY(write(*known, name, context, out));
    }
    known_.end();
    return sources.finish();
  }

 private:
  KnownBond make(const std::string& name) {
    return {RowSchema(schemas_, "bond", {{"bond", name}}, kBondFields),
            RowSchema(schemas_, "bond_slave", {{"bond", name}}, kCountFields),
            {}};
  }

  Status write(KnownBond& known, const std::string& name, const GatherContext& context, metric::Batch& out) {
    RESMON_TRY(known.bond.ready());
    RESMON_TRY(known.count.ready());
    metric::RowWriter bond = known.bond.add(out, context.time);
    if (!read_.active_slave.empty()) bond.set(kActiveSlave, read_.active_slave);
    if (read_.up) bond.set(kBondStatus, std::int64_t{*read_.up});
    known.slaves.begin();
    for (const procfs::BondSlave& slave : read_.slaves) {
      const RowSchema* schema = known.slaves.get(slave.name, [&] {
        return RowSchema(schemas_, "bond_slave", {{"bond", name}, {"interface", std::string(slave.name)}},
                         kSlaveFields);
      });
      if (schema == nullptr) continue;
      RESMON_TRY(schema->ready());
      metric::RowWriter row = schema->add(out, context.time);
      set(row, kLinkFailures, slave.failures);
      if (slave.up) row.set(kSlaveStatus, std::int64_t{*slave.up});
      set(row, kActorChurned, slave.actor_churned);
      set(row, kPartnerChurned, slave.partner_churned);
      if (slave.actor_churned && slave.partner_churned)
        row.set(kTotalChurned, clip(*slave.actor_churned + *slave.partner_churned));
    }
    known.slaves.end();
    known.count.add(out, context.time).set(0, static_cast<std::int64_t>(read_.slaves.size()));
    return {};
  }

  const std::string folder_;
  Filter filter_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  std::size_t mark_ = 0;
  std::vector<std::string> names_;
  procfs::Bond read_;
  EntityTable<KnownBond> known_;
};

}  // namespace

std::unique_ptr<Collector> make_bond(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                     Shared& shared) {
  return std::make_unique<BondCollector>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
