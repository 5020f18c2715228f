// The interfaces' counters from net/dev. Without an `include` only interfaces that are up and no loopback are reported,
// as Telegraf does; with one, whatever it names.
//
// Whether an interface is up is asked of sysfs every ten seconds and its speed once a minute: a question costs more
// than the interface's counters do, and some drivers take milliseconds to say their speed. The files are opened for it
// and closed again, for a host of containers has thousands of interfaces.

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "collect/collectors.h"
#include "collect/entity_table.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/net_dev.h"
#include "procfs/scan.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::seconds kSpeedInterval{60};
constexpr std::chrono::seconds kFlagsInterval{10};

enum NetField : std::size_t {
  kBytesSent,
  kBytesRecv,
  kPacketsSent,
  kPacketsRecv,
  kErrIn,
  kErrOut,
  kDropIn,
  kDropOut,
  kSpeed
};
constexpr FieldSpec kFields[] = {
    {"bytes_sent", kInteger},   {"bytes_recv", kInteger}, {"packets_sent", kInteger},
    {"packets_recv", kInteger}, {"err_in", kInteger},     {"err_out", kInteger},
    {"drop_in", kInteger},      {"drop_out", kInteger},   {"speed", kInteger},
};

using Time = std::chrono::steady_clock::time_point;

struct Known {
  RowSchema schema;
  bool wanted;
  std::int64_t speed = -1;
  bool speed_read = false;
  Time speed_at;
  unsigned flags = 0;
  bool flags_read = false;
  Time flags_at;
};

class Net final : public Collector {
 public:
  Net(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas, Shared& shared)
      : filter_(options.filter),
        check_flags_(options.filter.include.empty()),
        sys_(roots.sys),
        schemas_(schemas),
        shared_(shared),
        file_(roots.own_proc() ? roots.proc + "/net/dev" : roots.proc + "/1/net/dev", PinnedFile::Records::kShort),
        fallback_(roots.proc + "/net/dev") {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    auto text = file_.read(shared_.buffer());
    if (!text && text.error().kind == ErrorKind::kNotFound && file_.path() != fallback_) {
      file_ = PinnedFile(fallback_, PinnedFile::Records::kShort);
      text = file_.read(shared_.buffer());
    }
    if (!text) return fail(std::move(text).error());
    RESMON_TRY(in_file(file_.path(), procfs::parse_net_dev(*text, interfaces_)));
    known_.begin();
    Status status;
    for (const procfs::Interface& interface : interfaces_) {
      Known& known = known_.get(interface.name, [&] {
        return Known{RowSchema(schemas_, "net", {{"interface", std::string(interface.name)}}, kFields),
                     filter_.matches(interface.name),
                     -1,
                     false,
                     {},
                     0,
                     false,
                     {}};
      });
      if (!known.wanted) continue;
      status = known.schema.ready();
      if (!status) break;
      char name[IFNAMSIZ + 1] = {};
      if (interface.name.size() > IFNAMSIZ || interface.name.find('/') != std::string_view::npos) continue;
      interface.name.copy(name, interface.name.size());
      if (check_flags_ && !up(name, known, context)) continue;
      read_speed(name, known, context);
      metric::RowWriter row = known.schema.add(out, context.time);
      row.set(kBytesSent, clip(interface.bytes_sent));
      row.set(kBytesRecv, clip(interface.bytes_received));
      row.set(kPacketsSent, clip(interface.packets_sent));
      row.set(kPacketsRecv, clip(interface.packets_received));
      row.set(kErrIn, clip(interface.errors_in));
      row.set(kErrOut, clip(interface.errors_out));
      row.set(kDropIn, clip(interface.drops_in));
      row.set(kDropOut, clip(interface.drops_out));
      row.set(kSpeed, known.speed);
    }
    known_.end();
    return status;
  }

 private:
  bool up(const char* name, Known& known, const GatherContext& context) {
    if (!known.flags_read || context.steady - known.flags_at >= kFlagsInterval) {
      known.flags_read = true;
      known.flags_at = context.steady;
      char text[64];
      known.flags = read_attribute(name, "flags", text) ? static_cast<unsigned>(std::strtoul(text, nullptr, 16)) : 0;
    }
    return is_up(known.flags);
  }
  static bool is_up(unsigned flags) { return (flags & IFF_UP) != 0 && (flags & IFF_LOOPBACK) == 0; }

  void read_speed(const char* name, Known& known, const GatherContext& context) {
    if (known.speed_read && context.steady - known.speed_at < kSpeedInterval) return;
    known.speed_read = true;
    known.speed_at = context.steady;
    known.speed = -1;
    char text[64];
    if (!read_attribute(name, "speed", text)) return;  // EINVAL from an interface that is down or has none
    std::string_view line(text);
    line = line.substr(0, line.find('\n'));
    std::int64_t speed = 0;
    // Some drivers report "unknown" as 2^32 − 1.
    if (procfs::Fields(line).signed_number(speed) && speed >= 0 && speed < 0xffffffff) known.speed = speed;
  }

  bool read_attribute(const char* name, const char* attribute, char (&out)[64]) const {
    char path[512];
    const int length = std::snprintf(path, sizeof path, "%s/class/net/%s/%s", sys_.c_str(), name, attribute);
    if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return false;
    const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return false;
    const ssize_t got = ::read(fd.get(), out, sizeof out - 1);
    if (got <= 0) return false;
    out[got] = '\0';
    return true;
  }

  Filter filter_;
  bool check_flags_;
  std::string sys_;
  metric::SchemaTable& schemas_;
  Shared& shared_;
  PinnedFile file_;
  std::string fallback_;
  std::vector<procfs::Interface> interfaces_;
  EntityTable<Known> known_;
};

}  // namespace

std::unique_ptr<Collector> make_net(const Roots& roots, const CollectorOptions& options, metric::SchemaTable& schemas,
                                    Shared& shared) {
  return std::make_unique<Net>(roots, options, schemas, shared);
}

}  // namespace resmon::collect
