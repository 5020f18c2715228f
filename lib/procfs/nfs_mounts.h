#pragma once

// /proc/PID/mountstats: what NFS mounts did. Sources: show_vfsstat in fs/proc_namespace.c, nfs_show_stats in
// fs/nfs/super.c, rpc_clnt_show_stats in net/sunrpc/stats.c. And /proc/net/rpc/nfsd, of the NFS server: nfsd_show in
// fs/nfsd/stats.c, svc_seq_show in net/sunrpc/stats.c.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "procfs/scan.h"

namespace resmon::procfs {

// Of one operation, since it was mounted.
struct NfsOperation {
  Number operations;
  Number transmissions;  // with those that were sent again
  Number bytes;          // sent and received
  Number round_trip_milliseconds;
  Number execute_milliseconds;  // with the time that requests waited in the queue
};

struct NfsMount {
  std::string path;    // octal escapes decoded, as the next
  std::string device;  // "server:/export"
  NfsOperation read;
  NfsOperation write;
};

inline constexpr std::size_t kMostNfsMounts = 512;

// Mounts of other types are left out. An operation is complete, or nothing of it is there.
Status parse_nfs_mounts(std::string_view text, std::vector<NfsMount>& out, Skipped& skipped);

// Of the kernel's NFS server, since it was started. What a kernel does not tell is empty.
struct NfsServer {
  Number cache_hits;  // requests that came again and were answered from the reply cache
  Number cache_misses;
  Number read_bytes;
  Number written_bytes;
  Number threads;
  Number packets;
  Number tcp_connections;
  Number calls;
  Number bad_calls;
};
Status parse_nfs_server(std::string_view text, NfsServer& out, Skipped& skipped);

}  // namespace resmon::procfs
