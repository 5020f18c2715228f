#pragma once

// Every collector there is, in the order in which they run: the only place where one is registered. A collector NAME is
// a file that defines make_NAME, and a line here: name, one line for --list-collectors, what its `include` and
// `exclude` match (or ""), and how many seconds apart it runs by default (0: at client.interval).
// docs/schema.md describes its rows; the build takes the fields' types for the server from there.
//
// Collectors that ask devices come last: only they may wait for a moment, for a sensor or a mount that is slow for the
// first time.

#include <memory>

#include "collect/collector.h"

// clang-format off
#define RESMON_COLLECTORS(COLLECTOR) \
  COLLECTOR(cpu, "use of each CPU and of all, by mode, in percent", "the CPU's name: cpu0 …, cpu-total", 0) \
  COLLECTOR(mem, "memory by use", "", 0) \
  COLLECTOR(swap, "swap space, and pages swapped in and out", "", 0) \
  COLLECTOR(diskio, "requests, bytes and time of each block device", "the device's name", 0) \
  COLLECTOR(net, "bytes, packets, errors and drops of each network interface", "the interface's name", 0) \
  COLLECTOR(netstat, "TCP sockets by state, and UDP sockets", "", 0) \
  COLLECTOR(system, "load, CPUs, users and uptime", "", 0) \
  COLLECTOR(processes, "processes by state, and threads", "", 0) \
  COLLECTOR(procstat, "CPU, memory and disk use of the processes that use most, and of all others", "the process's name", 0) \
  COLLECTOR(kernel, "boot time, context switches, interrupts, forks, entropy", "", 0) \
  COLLECTOR(linux_sysctl_fs, "file handles, inodes and asynchronous I/O requests in use", "", 0) \
  COLLECTOR(pressure, "share of time that tasks waited for CPU, memory and I/O", "", 0) \
  COLLECTOR(cgroups, "CPU, memory, I/O, pressure and OOM kills of each container and service", "the container's or service's name", 10) \
  COLLECTOR(services, "states of systemd's services, and how often they were restarted", "the service's name", 10) \
  COLLECTOR(containers, "states, health and images of containers; needs containers.socket", "the container's name", 10) \
  COLLECTOR(host_info, "system, kernel, CPU model and memory size; sent when they change", "", 0) \
  COLLECTOR(nstat, "counters of IP, ICMP, TCP and UDP", "the counter's name", 30) \
  COLLECTOR(interrupts, "interrupts by line, and soft interrupts", "the interrupt's number or name", 30) \
  COLLECTOR(conntrack, "connections that the packet filter tracks", "", 30) \
  COLLECTOR(softnet, "packets that each CPU received, dropped, or was too slow for", "", 30) \
  COLLECTOR(mdstat, "software RAID", "the array's name", 30) \
  COLLECTOR(bond, "bonds of network interfaces, and their members", "the bond's name", 30) \
  COLLECTOR(wireless, "quality of wireless links", "the interface's name", 30) \
  COLLECTOR(nfsclient, "requests, bytes and times of each NFS mount", "the mount point", 30) \
  COLLECTOR(nfsserver, "requests, bytes and threads of the kernel's NFS server", "", 30) \
  COLLECTOR(zfs, "ZFS: its cache, and the state of each pool", "the pool's name", 30) \
  COLLECTOR(btrfs, "Btrfs: space by use, and errors of its devices", "the file system's label or UUID", 60) \
  COLLECTOR(timex, "whether the clock is synchronised, and how far it is off", "", 60) \
  COLLECTOR(rapl, "power of CPU packages and their memory", "the package's number", 30) \
  COLLECTOR(edac, "errors of memory, corrected or not", "", 60) \
  COLLECTOR(smart, "health of disks, as the helper resmon-smart finds it", "the disk's name", 60) \
  COLLECTOR(temp, "temperatures of CPUs, disks, mainboard", "the sensor's name", 30) \
  COLLECTOR(sensors, "fans, voltages, currents and power", "the chip's name", 30) \
  COLLECTOR(gpu, "use, memory and clock of GPUs of AMD, Intel and NVIDIA", "the card's name: card0, nvidia0", 30) \
  COLLECTOR(battery, "charge, power and state of batteries", "the battery's name", 60) \
  COLLECTOR(disk, "space and inodes of each mounted file system", "the mount point", 0)
// clang-format on

namespace resmon::collect {

#define RESMON_DECLARE(name, description, filters, apart) \
  std::unique_ptr<Collector> make_##name(const Roots&, const CollectorOptions&, metric::SchemaTable&, Shared&);
RESMON_COLLECTORS(RESMON_DECLARE)
#undef RESMON_DECLARE

}  // namespace resmon::collect
