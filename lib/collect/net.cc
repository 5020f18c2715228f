// The interfaces' counters from net/dev. Without an `include` only interfaces that are up and no loopback are reported,
// as Telegraf does; with one, whatever it names.
//
// sysfs is read every ten seconds for an interface's state and once a minute for its speed: a read costs more than all
// counters of the interface, and some drivers need milliseconds to return the speed. The files are not kept open,
// because a host of containers has thousands of interfaces.

#include <fcntl.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string_view>

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
constexpr FieldSpec kNetFields[] = {
    {"bytes_sent", kInteger},   {"bytes_recv", kInteger}, {"packets_sent", kInteger},
    {"packets_recv", kInteger}, {"err_in", kInteger},     {"err_out", kInteger},
    {"drop_in", kInteger},      {"drop_out", kInteger},   {"speed", kInteger},
};

using Time = std::chrono::steady_clock::time_point;

// An interface's facts in sysfs; empty without sysfs (in a container) and for an alias.
struct Known {
  RowSchema schema;
  bool wanted;
  std::optional<std::int64_t> speed = std::nullopt;
  bool speed_read = false;
  Time speed_at = {};
  procfs::Number flags = std::nullopt;
  bool flags_read = false;
  Time flags_at = {};
};

// "0x1003"
procfs::Number parse_flags(std::string_view text) {
  std::uint32_t flags = 0;
  if (!text.starts_with("0x") || text.size() < 3) return {};
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), flags, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return flags;
}

// "1000"; "-1", or 2^32 - 1 from some drivers, for unknown.
std::optional<std::int64_t> parse_speed(std::string_view text) {
  std::uint64_t speed = 0;
  if (text == "-1") return -1;
  if (!procfs::Fields(text).number(speed) || speed > 0xffffffff) return {};
  return speed == 0xffffffff ? -1 : static_cast<std::int64_t>(speed);
}

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
    procfs::Skipped skipped;
    Status parsed = in_file(file_.path(), procfs::parse_net_dev(*text, interfaces_, skipped));
    context.skipped(file_.path(), skipped);
    RESMON_TRY(std::move(parsed));
    known_.begin();
    Status status;
    for (const procfs::Interface& interface : interfaces_) {
      Known* known = known_.get(interface.name, [&] {
        return Known{.schema = RowSchema(schemas_, "net", {{"interface", std::string(interface.name)}}, kNetFields),
                     .wanted = filter_.matches(interface.name)};
      });
      if (known == nullptr) {
        context.skipped(file_.path(), "given twice", interface.name);
        continue;
      }
      if (!known->wanted) continue;
      status = known->schema.ready();
      if (!status) break;
      if (check_flags_ && !up(interface.name, *known, context)) continue;
      read_speed(interface.name, *known, context);
      row(interface, *known, context, out);
    }
    known_.end();
    return status;
  }

 private:
  static void row(const procfs::Interface& interface, const Known& known, const GatherContext& context,
                  metric::Batch& out) {
    metric::RowWriter row = known.schema.add(out, context.time);
    set(row, kBytesSent, interface.bytes_sent);
    set(row, kBytesRecv, interface.bytes_received);
    set(row, kPacketsSent, interface.packets_sent);
    set(row, kPacketsRecv, interface.packets_received);
    set(row, kErrIn, interface.errors_in);
    set(row, kErrOut, interface.errors_out);
    set(row, kDropIn, interface.drops_in);
    set(row, kDropOut, interface.drops_out);
    if (known.speed) row.set(kSpeed, *known.speed);
  }

  // An interface of which that cannot be told is reported, but for the one that is always loopback.
  bool up(std::string_view name, Known& known, const GatherContext& context) {
    if (!known.flags_read || context.steady - known.flags_at >= kFlagsInterval) {
      known.flags_read = true;
      known.flags_at = context.steady;
      known.flags.reset();
      Attribute attribute;
      if (read_attribute(name, "flags", attribute)) {
        known.flags = parse_flags(attribute.text());
        if (!known.flags) context.skipped(sys_ + "/class/net/*/flags", "no flags", attribute.text());
      } else {
        context.tell(sys_ + "/class/net/*/flags",
                     "an interface whose flags cannot be read is reported whether it is up or not");
      }
    }
    if (!known.flags) return name != "lo";
    return (*known.flags & IFF_UP) != 0 && (*known.flags & IFF_LOOPBACK) == 0;
  }

  void read_speed(std::string_view name, Known& known, const GatherContext& context) {
    if (known.speed_read && context.steady - known.speed_at < kSpeedInterval) return;
    known.speed_read = true;
    known.speed_at = context.steady;
    Attribute attribute;
    if (read_attribute(name, "speed", attribute)) {
      known.speed = parse_speed(attribute.text());
      if (!known.speed) context.skipped(sys_ + "/class/net/*/speed", "no speed", attribute.text());
    } else if (attribute.error == ENOENT || attribute.error == ENOTDIR || attribute.error == EACCES) {
      known.speed.reset();
    } else {
      known.speed = -1;  // EINVAL, from an interface that is down or has none
    }
  }

  struct Attribute {
    std::array<char, 64> bytes{};
    std::size_t size = 0;
    int error = 0;  // why there is none

    std::string_view text() const {
      std::string_view line;
      procfs::Lines({bytes.data(), size}).next(line);
      return line;
    }
  };

  bool read_attribute(std::string_view name, const char* attribute, Attribute& out) const {
    char path[512];
    out.error = ENOENT;
    if (name.find('/') != std::string_view::npos) return false;
    const int length = std::snprintf(path, sizeof path, "%s/class/net/%.*s/%s", sys_.c_str(),
                                     static_cast<int>(std::min<std::size_t>(name.size(), 256)), name.data(), attribute);
    if (length < 0 || static_cast<std::size_t>(length) >= sizeof path) return false;
    const Fd fd(::open(path, O_RDONLY | O_CLOEXEC));
    const ssize_t got = fd.valid() ? ::read(fd.get(), out.bytes.data(), out.bytes.size()) : -1;
    if (got < 0) {
      out.error = errno;
      return false;
    }
    out.size = static_cast<std::size_t>(got);
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
