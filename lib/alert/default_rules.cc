// The built-in rules. Each reports a fault, not load: a healthy machine under load, a reboot, a restart of the server
// and an update of a client send no message (replay_test.cc; ADayOfHealthyHostsSendsTheirTwoFaultsOnly in
// default_rules_test.cc; ARebootSaysNothing in engine_tick_test.cc). A rule whose series a host does not report costs
// nothing and never fires.

#include "alert/rules.h"

namespace resmon::alert {

namespace {

constexpr std::string_view kDefaultRules = R"toml(
[rule.host-silent]
when = 'host silent'
for = "2m"
clear_for = "10s"
severity = "critical"
help = "Its client, its network or the machine itself is down; see `systemctl status resmon-client` there."

[rule.disk-full]
when = 'disk{mode!="ro",fstype!="squashfs|iso9660|erofs|udf"}.used_percent >= 95'
clear = 93
for = "1m"
severity = "critical"
help = "Writes fail when it is full: delete or move files, or enlarge it."

[rule.disk-forecast]
when = 'forecast(disk{mode!="ro",fstype!="squashfs|iso9660|erofs|udf"}.used_percent, 7d) < 24h and disk{mode!="ro",fstype!="squashfs|iso9660|erofs|udf"}.used_percent > 60'
clear = "48h"
for = "10m"
unless = "disk-full"
help = "By the trend of the last seven days it is full within a day."

[rule.disk-inodes]
when = 'disk{mode!="ro"}.inodes_used_percent >= 95'
clear = 93
for = "1m"
help = "No new file can be made when they are used up: look for directories with very many small files."

[rule.disk-read-only]
when = 'replaced(disk{mode="ro",fstype!="squashfs|iso9660|erofs|udf"}.total, mode) == 1'
severity = "critical"
help = "The kernel mounts a file system read-only after errors: see `dmesg`."

[rule.memory-pressure]
when = 'pressure{resource="memory",type="full"}.avg60 > 20'
clear = 10
for = "5m"
severity = "critical"
help = "All tasks wait for memory at times: find the largest process, or add memory."

[rule.io-pressure]
when = 'pressure{resource="io",type="full"}.avg300 > 60'
clear = 40
for = "10m"
help = "All tasks wait for a disk most of the time."

[rule.cpu-pressure]
when = 'pressure{resource="cpu",type="some"}.avg300 > 80 and system.load5 / system.n_cpus > 4'
clear = 60
for = "15m"
help = "Far more tasks want to run than there are processors."

[rule.swap-thrash]
when = 'rate(swap.in, 5m) > 4MiB and rate(swap.out, 5m) > 4MiB'
clear = "1MiB"
for = "5m"
help = "The same pages go out to swap and come back: memory does not hold what is in use."

[rule.oom-kill]
when = 'increase(systemd_units.oom_kills, 10m) > 0'
help = "The kernel ended a process of a service for want of memory: see `journalctl -k -g oom`."

[rule.container-oom-kill]
when = 'increase(docker_container_mem.oom_kills, 10m) > 0'
help = "The kernel ended a process of a container for want of memory: the container needs a higher limit, or less."

[rule.reboot]
when = 'system.uptime < 10m'
severity = "info"
notify = []
help = "The machine started within the last ten minutes."

[rule.interface-errors]
when = 'rate(net.err_in, 5m) > 1 or rate(net.err_out, 5m) > 1'
clear = 0.2
for = "5m"
help = "Broken frames: check cable, port and duplex."

[rule.client-drops]
when = 'changed(internal_client.dropped_samples) > 0'
clear_for = "10m"
help = "The client's spool was full and it gave samples up: the server was away for too long, or spool.limit_bytes is small."

[rule.sink-behind]
when = 'internal_sink.lag_seconds > 5m'
clear = "1m"
for = "1m"
help = "A database behind the server refuses or does not take its samples: `./resmon status` says why."

[rule.sink-loses]
when = 'changed(internal_sink.lost_samples) > 0'
clear_for = "10m"
severity = "critical"
help = "The journal was full, and a database that was behind lost its oldest samples."

[rule.certificate]
when = 'internal_server.certificate_seconds < 14d'
clear = "15d"
help = "The server's TLS certificate expires soon; clients are refused then."

[rule.journal-full]
when = 'internal_server.log_bytes / internal_server.log_limit_bytes > 0.8'
clear = 0.6
for = "1m"
severity = "critical"
help = "When it is full nothing more is acknowledged, or a database that is behind loses samples."

[rule.store-limit]
when = 'internal_server.store_disk_bytes / internal_server.store_limit_bytes > 0.95'
clear = 0.9
for = "1h"
severity = "info"
notify = []
help = "The oldest samples are removed before their retention ends, to stay below store.disk_limit_bytes."

[rule.raid-degraded]
when = 'mdstat.DisksFailed > 0 or mdstat.DisksActive / mdstat.DisksTotal < 1'
for = "1m"
severity = "critical"
help = "A disk of the array failed or is missing: see `cat /proc/mdstat`."

[rule.zfs-degraded]
when = 'zfs_pool.health != "ONLINE"'
for = "1m"
severity = "critical"
help = "A disk of the pool failed or is missing, or the pool is suspended: see `zpool status`."

[rule.btrfs-errors]
when = 'btrfs.devices_missing > 0 or changed(btrfs.corruption_errors) > 0 or changed(btrfs.write_errors) > 0 or changed(btrfs.read_errors) > 0'
clear_for = "1h"
severity = "critical"
message = "a device of the file system is missing or has new errors"
help = "See `btrfs device stats` and `btrfs filesystem show` there."

[rule.smart-failing]
when = 'smart_device.health_ok < 1'
severity = "critical"
message = "the disk says of itself that it is failing"
help = "Save its data and replace it: see `smartctl -a` there."

[rule.clock-off]
when = 'timex.offset_seconds > 0.5 or timex.offset_seconds < -0.5 or (max(timex.sync_status, 30m) > 0 and max(timex.sync_status, 10m) < 1)'
clear = 'timex.sync_status == 1 and timex.offset_seconds < 0.1 and timex.offset_seconds > -0.1'
message = "the clock is off, or nothing keeps it right any more"
help = "See `timedatectl` and `chronyc tracking` there. Samples have the time of this clock."

[rule.service-restarts]
when = '''logs('"Scheduled restart job" OR "Start request repeated too quickly"') > 5 in 10m'''
clear = 0
message = "systemd restarts a service repeatedly"
help = "Find the service in the log lines or with `systemctl --failed`; then read `journalctl -u` of the unit."

[rule.temperature]
when = 'min(temp.temp, 5m) / temp.temp_crit > 0.97'
clear = 0.93
severity = "critical"
message = "for five minutes close to the sensor's own critical temperature: {value} of it"
help = "The hardware throttles or shuts down there: check fans and airflow."

[rule.temperature-high]
when = 'min(temp.temp, 5m) > 105'
clear = 95
unless = "temperature"
help = "Hotter than processors and disks should be: check fans and airflow."

[rule.unit-failed]
when = 'systemd_units.active_code == 3'
for = "1m"
help = "See `systemctl status` and `journalctl -u` of the unit."

[rule.container-unhealthy]
when = 'docker_container_health.health_status == "unhealthy"'
for = "2m"
help = "Its health check fails: see `docker inspect` and its logs."

[rule.container-restarts]
when = 'increase(docker_container_status.restart_count, 15m) > 3'
help = "It ends and is restarted repeatedly: see its logs."
)toml";

}  // namespace

std::string_view default_rules() {
  return kDefaultRules;
}

}  // namespace resmon::alert
