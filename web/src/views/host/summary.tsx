import { format, formatAgo, formatDuration } from "../../core/format.ts";
import type { Host } from "../../core/hosts.ts";
import { serverNow } from "../../net/live.ts";
import { useSecond } from "../../ui/clock.ts";
import { Meter } from "../../ui/meter.tsx";
import { StateMark } from "../../ui/state_mark.tsx";

export function HostSummary({ host }: { host: Host }) {
  useSecond();
  const summary = host.summary;
  const bits = (bytes: number | null): string => format(bytes === null ? null : bytes * 8, "bits_per_second");
  return (
    <div class="summary">
      <div class="summary-head">
        <h1>{host.host}</h1>
        <StateMark state={host.state} />
        <span class="quiet">last sample {formatAgo((serverNow() - host.last_seen) / 1000)}</span>
        {Object.entries(host.tags).map(([key, value]) => <span key={key} class="tag">{key}:{value}</span>)}
      </div>
      <dl class="facts">
        <div><dt>CPU</dt><dd><Meter percent={summary.cpu_percent} /></dd></div>
        <div><dt>Memory</dt><dd><Meter percent={summary.memory_percent} /></dd></div>
        {(summary.swap_percent ?? 0) > 0 && <div><dt>Swap</dt><dd><Meter percent={summary.swap_percent} /></dd></div>}
        <div><dt>Disk {summary.disk_path ?? ""}</dt><dd><Meter percent={summary.disk_percent} /></dd></div>
        <div><dt>Load, CPUs</dt><dd>{format(summary.load1, "load")}<span class="quiet"> /{summary.n_cpus ?? "–"}</span></dd></div>
        <div><dt>Net in</dt><dd>{bits(summary.network_receive_bytes_per_second)}</dd></div>
        <div><dt>Net out</dt><dd>{bits(summary.network_send_bytes_per_second)}</dd></div>
        <div><dt>Uptime</dt><dd>{formatDuration(summary.uptime_seconds)}</dd></div>
        <div><dt>Interval</dt><dd>{host.interval_seconds} s</dd></div>
        {host.backlog_samples > 0 && <div><dt>Backlog</dt><dd>{format(host.backlog_samples, "count")} samples</dd></div>}
        {host.dropped_samples > 0 && (
          <div class="fact-warning"><dt>Dropped</dt><dd>{format(host.dropped_samples, "count")} samples</dd></div>
        )}
        <div><dt>Client</dt><dd>{host.version || "–"}<span class="quiet"> {host.address}</span></dd></div>
      </dl>
    </div>
  );
}
