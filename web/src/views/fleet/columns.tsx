// The fleet table's columns, in order. Which of them are drawn depends on the room there is: every column has the width it needs,
// and the ones of high rank go first, so that nothing is ever cut off but a long host name.

import type { ComponentChildren } from "preact";
import { format, formatAgo, formatDuration, formatTime } from "../../core/format.ts";
import { loadPerCore, type Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { kTrendPoints, trendCeiling, trendPath } from "../../core/trend.ts";
import { serverNow } from "../../net/live.ts";
import { trendOf, type TrendKind } from "../../net/trends.ts";
import { useSecond } from "../../ui/clock.ts";
import { Meter } from "../../ui/meter.tsx";
import { StateMark } from "../../ui/state_mark.tsx";

export interface FleetColumn {
  key: SortKey;
  title: string;
  hint: string;
  rank: number;   // 0 always stays
  width: number;  // pixels; the host column takes what is left
  narrow?: number;  // its width on a phone
  numeric: boolean;
  descendingFirst: boolean;
  cell: (host: Host, wide: boolean) => ComponentChildren;
}

// Down since when, or how long ago the last sample came.
function LastSeen({ host }: { host: Host }) {
  useSecond();
  const ago = formatAgo((serverNow() - host.last_seen) / 1000);
  return <span title={formatTime(host.last_seen)}>{ago}</span>;
}

const kTrendWidth = 72;
const kTrendHeight = 22;

function TrendLine({ host, kind, what }: { host: Host; kind: TrendKind; what: string }) {
  const values = trendOf(host.host, kind).values(serverNow());
  const line = trendPath(values, kTrendWidth, kTrendHeight - 2, trendCeiling(values));
  return (
    <svg class="trend" viewBox={`0 -1 ${kTrendWidth} ${kTrendHeight}`} role="img"
         aria-label={`${what} trend, last ${(kTrendPoints * 30) / 60} minutes`}>
      <path d={line} />
    </svg>
  );
}

const network = (bytesPerSecond: number | null): string =>
  format(bytesPerSecond === null ? null : bytesPerSecond * 8, "bits_per_second");

export const kColumns: readonly FleetColumn[] = [
  { key: "state", title: "State", hint: "up, late or down", rank: 0, width: 86, narrow: 30, numeric: false, descendingFirst: false,
    cell: (host) => <StateMark state={host.state} /> },
  { key: "host", title: "Host", hint: "name and tags", rank: 0, width: 190, narrow: 96, numeric: false, descendingFirst: false,
    cell: () => null },
  { key: "cpu", title: "CPU", hint: "all cores, with the last 15 minutes", rank: 0, width: 216, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, wide) => (
      <span class="trend-cell">
        {wide && <TrendLine host={host} kind="cpu" what="CPU" />}
        <Meter percent={host.summary.cpu_percent} />
      </span>
    ) },
  { key: "memory", title: "Memory", hint: "used share of memory, with the last 15 minutes", rank: 0, width: 216, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, wide) => (
      <span class="trend-cell">
        {wide && <TrendLine host={host} kind="memory" what="Memory" />}
        <Meter percent={host.summary.memory_percent} />
      </span>
    ) },
  { key: "swap", title: "Swap", hint: "used share of swap", rank: 8, width: 84, numeric: true, descendingFirst: true,
    cell: (host) => format(host.summary.swap_percent, "percent") },
  { key: "disk", title: "Disk", hint: "the fullest file system", rank: 0, width: 182, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, wide) => (
      <span class="disk-cell" title={host.summary.disk_path ?? undefined}>
        {wide && <span class="disk-path">{host.summary.disk_path ?? ""}</span>}
        <Meter percent={host.summary.disk_percent} />
      </span>
    ) },
  { key: "receive", title: "Net in", hint: "received per second", rank: 2, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_receive_bytes_per_second) },
  { key: "send", title: "Net out", hint: "sent per second", rank: 3, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_send_bytes_per_second) },
  { key: "load", title: "Load/core", hint: "1 minute load per CPU, and the number of CPUs", rank: 1, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => {
      const perCore = loadPerCore(host);
      return (
        <span class={perCore !== null && perCore > 1 ? "over" : ""} title={`load ${format(host.summary.load1, "load")} on ${host.summary.n_cpus ?? "–"} CPUs`}>
          {format(perCore, "load")}<span class="quiet"> ×{host.summary.n_cpus ?? "–"}</span>
        </span>
      );
    } },
  { key: "pressure", title: "Pressure", hint: "share of time that some task waited, and for what", rank: 5, width: 118, numeric: true, descendingFirst: true,
    cell: (host) => (
      <>
        <span class={(host.summary.pressure_percent ?? 0) >= 40 ? "over" : ""}>{format(host.summary.pressure_percent, "percent")}</span>
        <span class="quiet unit-word"> {(host.summary.pressure_resource ?? "").replace("memory", "mem")}</span>
      </>
    ) },
  { key: "uptime", title: "Uptime", hint: "since boot", rank: 6, width: 96, numeric: true, descendingFirst: true,
    cell: (host) => formatDuration(host.summary.uptime_seconds) },
  { key: "version", title: "Version", hint: "of resmon-client", rank: 9, width: 84, numeric: true, descendingFirst: false,
    cell: (host) => host.version || "–" },
  { key: "seen", title: "Last seen", hint: "when the last sample came", rank: 4, width: 96, numeric: true, descendingFirst: false,
    cell: (host) => <LastSeen host={host} /> },
];

export interface Layout {
  columns: readonly FleetColumn[];
  wide: boolean;  // room for trends and paths in the cells
  phone: boolean;
}

const kTrendRoom = 80;
const kMemoryTrendRoom = 80;
const kPathRoom = 62;

// The columns that fit into `width` pixels, the most important first.
export function layoutFor(width: number): Layout {
  if (width < 620) return { columns: kColumns.filter((column) => column.rank === 0), wide: false, phone: true };
  const bare = kTrendRoom + kMemoryTrendRoom + kPathRoom;
  const needed = (rank: number): number =>
    kColumns.filter((column) => column.rank <= rank).reduce((sum, column) => sum + column.width, 0);
  const wide = width >= needed(4);
  const room = wide ? width : width + bare;
  const ranks = [0, 1, 2, 3, 4, 5, 6, 8, 9];
  const rank = ranks.filter((one) => needed(one) <= room).at(-1) ?? 0;
  return { columns: kColumns.filter((column) => column.rank <= rank), wide, phone: false };
}

// As CSS has it; nothing for the column that takes what is left.
export function widthOf(column: FleetColumn, layout: Layout): string | undefined {
  if (column.key === "host") return undefined;
  const less = layout.wide ? 0
    : column.key === "cpu" ? kTrendRoom : column.key === "memory" ? kMemoryTrendRoom : column.key === "disk" ? kPathRoom : 0;
  return `${layout.phone ? column.narrow ?? column.width : column.width - less}px`;
}
