// The fleet table's columns, in order. `rank` says which go first when the window is narrow (1 always stays).

import type { ComponentChildren } from "preact";
import { format, formatAgo, formatDuration } from "../../core/format.ts";
import { loadPerCore, type Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { kTrendPoints, trendPath } from "../../core/trend.ts";
import { serverNow } from "../../net/live.ts";
import { trendOf } from "../../net/trends.ts";
import { useSecond } from "../../ui/clock.ts";
import { Meter } from "../../ui/meter.tsx";
import { StateMark } from "../../ui/state_mark.tsx";

export interface FleetColumn {
  key: SortKey;
  title: string;
  hint: string;
  rank: 1 | 2 | 3 | 4 | 5;
  numeric: boolean;
  descendingFirst: boolean;
  cell: (host: Host) => ComponentChildren;
}

function LastSeen({ host }: { host: Host }) {
  useSecond();
  return <>{formatAgo((serverNow() - host.last_seen) / 1000)}</>;
}

const kTrendWidth = 72;
const kTrendHeight = 22;

function TrendLine({ host }: { host: Host }) {
  const values = trendOf(host.host).values(serverNow());
  const line = trendPath(values, kTrendWidth, kTrendHeight - 2);
  return (
    <svg class="trend" viewBox={`0 -1 ${kTrendWidth} ${kTrendHeight}`} role="img"
         aria-label={`CPU trend, last ${(kTrendPoints * 30) / 60} minutes`}>
      <path d={line} />
    </svg>
  );
}

const network = (bytesPerSecond: number | null): string =>
  format(bytesPerSecond === null ? null : bytesPerSecond * 8, "bits_per_second");

export const kColumns: readonly FleetColumn[] = [
  { key: "state", title: "State", hint: "up, late or down", rank: 1, numeric: false, descendingFirst: false,
    cell: (host) => <StateMark state={host.state} /> },
  { key: "host", title: "Host", hint: "name and tags", rank: 1, numeric: false, descendingFirst: false,
    cell: () => null },
  { key: "cpu", title: "CPU", hint: "all cores, with the last 15 minutes", rank: 1, numeric: true, descendingFirst: true,
    cell: (host) => (
      <span class="cpu-cell">
        <TrendLine host={host} />
        <Meter percent={host.summary.cpu_percent} />
      </span>
    ) },
  { key: "memory", title: "Memory", hint: "used share of memory", rank: 1, numeric: true, descendingFirst: true,
    cell: (host) => <Meter percent={host.summary.memory_percent} /> },
  { key: "swap", title: "Swap", hint: "used share of swap", rank: 5, numeric: true, descendingFirst: true,
    cell: (host) => <Meter percent={host.summary.swap_percent} /> },
  { key: "disk", title: "Disk", hint: "the fullest file system", rank: 1, numeric: true, descendingFirst: true,
    cell: (host) => (
      <span class="disk-cell" title={host.summary.disk_path ?? undefined}>
        <span class="disk-path">{host.summary.disk_path ?? ""}</span>
        <Meter percent={host.summary.disk_percent} />
      </span>
    ) },
  { key: "receive", title: "Net in", hint: "received per second", rank: 2, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_receive_bytes_per_second) },
  { key: "send", title: "Net out", hint: "sent per second", rank: 2, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_send_bytes_per_second) },
  { key: "load", title: "Load", hint: "1 minute load and number of CPUs; sorts by load per CPU", rank: 3, numeric: true, descendingFirst: true,
    cell: (host) => {
      const perCore = loadPerCore(host);
      return (
        <span class={perCore !== null && perCore > 1 ? "over" : ""}>
          {format(host.summary.load1, "load")}
          <span class="quiet"> /{host.summary.n_cpus ?? "–"}</span>
        </span>
      );
    } },
  { key: "uptime", title: "Uptime", hint: "since boot", rank: 4, numeric: true, descendingFirst: true,
    cell: (host) => formatDuration(host.summary.uptime_seconds) },
  { key: "version", title: "Version", hint: "of resmon-client", rank: 5, numeric: true, descendingFirst: false,
    cell: (host) => host.version || "–" },
  { key: "seen", title: "Last seen", hint: "when the last sample came", rank: 3, numeric: true, descendingFirst: false,
    cell: (host) => <LastSeen host={host} /> },
];
