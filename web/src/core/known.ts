// The measurements that the page has charts or tables of. All others get automatic ones.

export const kKnownMeasurements: ReadonlySet<string> = new Set((
  "cpu mem swap disk diskio net netstat system processes procstat kernel linux_sysctl_fs pressure docker_container_cpu docker_container_mem " +
  "docker_container_net docker_container_status docker_container_health docker_container_blkio systemd_units cgroup_pressure nstat interrupts " +
  "soft_interrupts conntrack softnet mdstat bond bond_slave wireless nfsstat nfsd zfs zfs_pool btrfs timex powerstat_package edac battery smart_device " +
  "sensors gpu temp host_info script_panel alert annotation internal_client internal_host internal_logs internal_collector internal_scrape internal_server internal_input internal_rule internal_sink"
).split(" "));
