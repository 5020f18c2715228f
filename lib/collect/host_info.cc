// The machine's system, kernel, CPU and memory: one row of mostly texts. It is read once a minute, and written at the
// start, after a change, and once an hour, so that a query over the last hours finds it.

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "collect/collectors.h"
#include "collect/row_schema.h"
#include "collect/shared.h"
#include "procfs/host_facts.h"
#include "procfs/load.h"

namespace resmon::collect {

namespace {

constexpr std::chrono::minutes kLookInterval{1};
constexpr std::chrono::hours kRepeatInterval{1};
constexpr int kRowsAtStart = 2;  // the client's first reading is not sent
constexpr std::size_t kMostAddresses = 8;
constexpr std::size_t kCpuinfoBytes = 4U << 20U;

enum HostField : std::size_t {
  kOs,
  kOsVersion,
  kOsId,
  kKernel,
  kArchitecture,
  kCpuModel,
  kVirtualization,
  kAddresses,
  kClientVersion,
  kTexts,
  kMemoryTotal = kTexts,
  kBootTime,
  kMemoryLimit,
  kCpuLimit
};
constexpr FieldSpec kHostFields[] = {
    {"os", kString},
    {"os_version", kString},
    {"os_id", kString},
    {"kernel", kString},
    {"architecture", kString},
    {"cpu_model", kString},
    {"virtualization", kString},
    {"addresses", kString},
    {"client_version", kString},
    {"memory_total", kInteger},
    {"boot_time", kInteger},
    {"memory_limit", kInteger},
    {"cpu_limit", kFloat},
};

struct HostFacts {
  std::string texts[kTexts];  // by HostField
  procfs::Number memory_total;
  procfs::Number boot_time;
  procfs::Number memory_limit;
  std::optional<double> cpu_limit;  // CPUs
  bool operator==(const HostFacts&) const = default;
};

bool exists(const std::string& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// The firmware's name of a virtual machine, and the usual name of its hypervisor.
std::string hypervisor(std::string_view vendor, std::string_view product) {
  constexpr std::pair<std::string_view, std::string_view> kKnown[] = {{"QEMU", "kvm"},
                                                                      {"KVM", "kvm"},
                                                                      {"Amazon EC2", "amazon"},
                                                                      {"Google", "google"},
                                                                      {"VMware", "vmware"},
                                                                      {"innotek", "virtualbox"},
                                                                      {"VirtualBox", "virtualbox"},
                                                                      {"Xen", "xen"},
                                                                      {"Parallels", "parallels"},
                                                                      {"OpenStack", "kvm"},
                                                                      {"DigitalOcean", "kvm"},
                                                                      {"Hetzner", "kvm"},
                                                                      {"Bochs", "bochs"},
                                                                      {"Virtual Machine", "microsoft"}};
  for (const auto& [text, name] : kKnown)
    if (vendor.find(text) != std::string_view::npos || product.find(text) != std::string_view::npos)
      return std::string(name);
  return {};
}

class HostInfo final : public Collector {
 public:
  HostInfo(const Roots& roots, metric::SchemaTable& schemas, Shared& shared)
      : roots_(roots), shared_(shared), schema_(schemas, "host_info", {}, kHostFields) {}

  Status gather(const GatherContext& context, metric::Batch& out) override {
    RESMON_TRY(schema_.ready());
    const bool at_start = rows_ < kRowsAtStart;
    if (!at_start && context.steady - looked_ < kLookInterval) return {};
    looked_ = context.steady;
    HostFacts now = look(context);
    if (!at_start && now == written_ && context.steady - written_at_ < kRepeatInterval) return {};
    written_ = std::move(now);
    written_at_ = context.steady;
    rows_ = std::min(rows_ + 1, kRowsAtStart);
    metric::RowWriter row = schema_.add(out, context.time);
    for (std::size_t field = 0; field < kTexts; ++field)
      if (!written_.texts[field].empty()) row.set(field, std::string_view(written_.texts[field]));
    set(row, kMemoryTotal, written_.memory_total);
    set(row, kBootTime, written_.boot_time);
    set(row, kMemoryLimit, written_.memory_limit);
    if (written_.cpu_limit) row.set(kCpuLimit, *written_.cpu_limit);
    return {};
  }

 private:
  // Facts that cannot be read are absent: no machine has all of them.
  HostFacts look(const GatherContext& context) {
    HostFacts facts;
    procfs::OsRelease os;
    for (const char* path : {"/etc/os-release", "/usr/lib/os-release"}) {
      const std::string file = roots_.root + path;
      const auto text = read_once(file.c_str(), shared_.buffer());
      if (!text) continue;
      procfs::Skipped skipped;
      const bool useful = procfs::parse_os_release(*text, os, skipped).has_value();
      context.skipped(file, skipped);
      if (useful) break;
    }
    facts.texts[kOs] = os.name;
    facts.texts[kOsVersion] = os.version;
    facts.texts[kOsId] = os.id;
    facts.texts[kKernel] = read_line(roots_.proc + "/sys/kernel/osrelease");
    facts.texts[kClientVersion] = RESMON_VERSION;
    if (const auto text = read_once((roots_.proc + "/cpuinfo").c_str(), shared_.buffer(), kCpuinfoBytes))
      facts.texts[kCpuModel] = procfs::cpu_model(*text);
    facts.texts[kVirtualization] = virtualization();
    if (roots_.own_proc()) {
      ::utsname names{};
      if (::uname(&names) == 0) facts.texts[kArchitecture] = names.machine;
      facts.texts[kAddresses] = addresses();
    }
    if (const auto memory = shared_.mem_info(context)) facts.memory_total = (*memory)->total;
    if (const auto stat = shared_.stat(context)) facts.boot_time = (*stat)->boot_time_seconds;
    look_for_limits(facts);
    return facts;
  }

  // In a container the root of the control groups is the container's own. The machine's root has no such files, or in
  // version 1 numbers that are no limit.
  void look_for_limits(HostFacts& facts) const {
    constexpr std::int64_t kNoCgroupLimit = 1LL << 62;
    const std::string root = roots_.sys + "/fs/cgroup/";
    const auto number = [&](const char* file) {
      std::int64_t value = 0;
      procfs::Skipped skipped;
      return procfs::parse_signed(read_line(root + file), value, skipped) ? value : -1;
    };
    const bool version_2 = exists(root + "cgroup.controllers");
    const std::int64_t memory = number(version_2 ? "memory.max" : "memory/memory.limit_in_bytes");
    if (memory > 0 && memory < kNoCgroupLimit) facts.memory_limit = static_cast<std::uint64_t>(memory);
    procfs::Number quota;
    procfs::Number period;
    if (version_2) {
      const std::string line = read_line(root + "cpu.max");  // "150000 100000", "max 100000"
      procfs::Fields fields(line);
      fields.take(quota);
      fields.take(period);
    } else if (const std::int64_t used = number("cpu/cpu.cfs_quota_us"); used > 0) {
      quota = static_cast<std::uint64_t>(used);
      period = static_cast<std::uint64_t>(std::max<std::int64_t>(number("cpu/cpu.cfs_period_us"), 0));
    }
    if (quota && period && *period != 0)
      facts.cpu_limit = round2(static_cast<double>(*quota) / static_cast<double>(*period));
  }

  std::string virtualization() const {
    // systemd and container managers say it themselves.
    if (std::string name = read_line(roots_.root + "/run/systemd/container"); !name.empty()) return name;
    if (exists(roots_.root + "/.dockerenv")) return "docker";
    if (exists(roots_.root + "/run/.containerenv")) return "podman";
    if (std::string type = read_line(roots_.sys + "/hypervisor/type"); !type.empty()) return type;
    const std::string dmi = roots_.sys + "/class/dmi/id/";
    return hypervisor(read_line(dmi + "sys_vendor"), read_line(dmi + "product_name"));
  }

  // Those by which others may reach it, "192.0.2.7 2001:db8::7".
  static std::string addresses() {
    ::ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return {};
    std::vector<std::string> found;
    for (const ::ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0) continue;
      char text[INET6_ADDRSTRLEN] = {};
      if (one->ifa_addr->sa_family == AF_INET) {
        const auto* address = reinterpret_cast<const ::sockaddr_in*>(one->ifa_addr);
        ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
      } else if (one->ifa_addr->sa_family == AF_INET6) {
        const auto* address = reinterpret_cast<const ::sockaddr_in6*>(one->ifa_addr);
        if (IN6_IS_ADDR_LINKLOCAL(&address->sin6_addr)) continue;
        ::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text);
      }
      if (*text != '\0') found.emplace_back(text);
    }
    ::freeifaddrs(all);
    // In an order of their own, so that a change of the kernel's is none.
    std::sort(found.begin(), found.end());
    std::string out;
    for (std::size_t i = 0; i < std::min(found.size(), kMostAddresses); ++i) out += (i == 0 ? "" : " ") + found[i];
    return out;
  }

  Roots roots_;
  Shared& shared_;
  RowSchema schema_;
  int rows_ = 0;
  HostFacts written_;
  std::chrono::steady_clock::time_point looked_;
  std::chrono::steady_clock::time_point written_at_;
};

}  // namespace

std::unique_ptr<Collector> make_host_info(const Roots& roots, const CollectorOptions&, metric::SchemaTable& schemas,
                                          Shared& shared) {
  return std::make_unique<HostInfo>(roots, schemas, shared);
}

}  // namespace resmon::collect
