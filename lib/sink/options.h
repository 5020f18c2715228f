#pragma once

// How a sink is configured: one [sink.NAME] table of server.toml.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "metric/schema.h"

namespace resmon::sink {

struct SinkOptions {
  std::string name = "influx";  // for logs, stats and files
  // "influx": rows as line protocol. "loki": rows of log lines as Loki's push (loki.h); then `url` is what comes before
  // /loki/api/v1/push, `org` the tenant, `token` a bearer's, and of the rest what is about HTTP, batches and retries.
  // "otlp": rows as OTLP's metrics (otlp/row_encoder.h); `url` is what comes before /v1/metrics.
  // "remote_write": rows as Prometheus' remote write 1.0 (prom/write_encoder.h); `url` is the whole address, `org` and
  // `token` are as for loki.
  std::string kind = "influx";
  // http:// or https://, host, optional port and base path: "http://db:8086", "https://example.org/insert/0/influx". A
  // user and password in it count like `username` and `password`.
  std::string url = "http://127.0.0.1:8086";
  // Which write API: "1" (/write), "2" (/api/v2/write), or "auto": 2 when org, bucket or a token is given, else 1.
  std::string version = "auto";

  // 1.x: the database, and the retention policy (empty: the database's default one).
  std::string database = "resmon";
  std::string retention_policy;
  // 1.x: make the database when the server says that it does not know it.
  bool create_database = true;

  // 2.x.
  std::string org;
  std::string bucket;  // empty: called as the database

  // Authorization: Token where a token is given, else Basic where a username is given. A …_file holds the secret in its
  // first line, is read at start, and again when the server denies access, so that a secret can be changed while
  // running.
  std::string token;
  std::string token_file;
  std::string username;
  std::string password;
  std::string password_file;

  // The lines' timestamps: "ns", "ms" or "s". Coarser ones are shorter and merge points that fall together.
  std::string precision = "ns";
  // Tags put on every line that does not have them.
  std::vector<metric::Tag> extra_tags{};
  // Write unsigned integers with `u`. 1.x refuses that; it is off for version 1 whatever this says.
  bool unsigned_integers = false;

  // Compress requests. Costs some CPU time here and there, saves nine tenths of the traffic.
  bool gzip = true;
  // A request is sent when this much text is waiting, or when the oldest of it has waited for `linger`. Larger requests
  // are cheaper, and lose more time when one must be repeated. At most 8 MiB: servers refuse bodies of 10 to 25 MB.
  std::uint64_t batch_bytes = 1U << 20U;
  std::chrono::nanoseconds linger = std::chrono::seconds(1);

  // For each step of an exchange: resolving, connecting, handshake, and writing or reading a part.
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);
  // Between attempts, doubled from the first to the last with a random half taken off.
  std::chrono::nanoseconds retry_first = std::chrono::milliseconds(500);
  std::chrono::nanoseconds retry_last = std::chrono::seconds(30);

  // Data stays in the log for so long after its delivery. It is sent again when the database was away meanwhile: some
  // acknowledge before data is durable, and forget the last seconds when they are killed. Must be 0 where the same
  // data twice is not the same as once (log lines).
  std::chrono::nanoseconds resend_window = std::chrono::seconds(60);

  // https: the certificates to trust, in PEM. Empty: the system's.
  std::string tls_ca_file;
  // false accepts any certificate, and so anybody in between. For tests.
  bool tls_verify = true;

  // Where lines go that the server refuses, with its reason, for a person to look at. Empty: they are only counted and
  // logged. When the file is larger than refused_file_bytes it becomes FILE.1, in place of the one before.
  std::string refused_file;
  std::uint64_t refused_file_bytes = 4U << 20U;
};

}  // namespace resmon::sink
