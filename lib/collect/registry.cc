#include "collect/collectors.h"

namespace resmon::collect {

// disk comes last: it alone may wait for a moment, for a mount that has never been slow before.
const std::vector<CollectorInfo>& registry() {
  static const std::vector<CollectorInfo> kCollectors = {
      {"cpu", "use of each CPU and of all, by mode, in percent", "the CPU's name: cpu0 …, cpu-total", make_cpu},
      {"mem", "memory by use", "", make_mem},
      {"swap", "swap space, and pages swapped in and out", "", make_swap},
      {"diskio", "requests, bytes and time of each block device", "the device's name", make_diskio},
      {"net", "bytes, packets, errors and drops of each network interface", "the interface's name", make_net},
      {"netstat", "TCP sockets by state, and UDP sockets", "", make_netstat},
      {"system", "load, CPUs, users and uptime", "", make_system},
      {"processes", "processes by state, and threads", "", make_processes},
      {"kernel", "boot time, context switches, interrupts, forks, entropy", "", make_kernel},
      {"linux_sysctl_fs", "file handles, inodes and asynchronous I/O requests in use", "", make_linux_sysctl_fs},
      {"pressure", "share of time that tasks waited for CPU, memory and I/O", "", make_pressure},
      {"disk", "space and inodes of each mounted file system", "the mount point", make_disk},
  };
  return kCollectors;
}

}  // namespace resmon::collect
