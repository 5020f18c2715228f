// The fleet table's columns, in order. Which of them are drawn depends on the room there is: every column has the width it needs,
// and those of high rank go first, so that nothing is ever cut off but a long host name.

import type { ComponentChildren } from "preact";
import { format, formatAgo, formatDuration, formatTime } from "../../core/format.ts";
import { loadPerCore, type Host } from "../../core/hosts.ts";
import type { SortKey } from "../../core/route.ts";
import { kTrendPoints, trendCeiling, trendPath } from "../../core/trend.ts";
import { serverNow } from "../../net/live.ts";
import { trendOf, type TrendKind } from "../../net/trends.ts";
import { useSecond } from "../../ui/clock.ts";
import { level } from "../../ui/meter.tsx";
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
  cell: (host: Host, extras: ReadonlySet<Extra>) => ComponentChildren;
  attributes?: (host: Host) => CellAttributes;
}

// What the cell's own element says and shows, so that no other is needed for it: a row is born for each 34 pixels of scrolling.
export interface CellAttributes {
  class?: string;
  title?: string;
  style?: Record<string, string>;
}

// How long ago the last sample came.
function LastSeen({ host }: { host: Host }) {
  useSecond();
  return <>{formatAgo((serverNow() - host.last_seen) / 1000)}</>;
}

// "Down 3 h": since when is the first question after that it is.
function State({ host }: { host: Host }) {
  if (host.state === "up") return <StateMark state="up" />;
  return <Since host={host} />;
}

function Since({ host }: { host: Host }) {
  useSecond();
  const since = formatAgo((serverNow() - host.last_seen) / 1000).replace(" ago", "");
  return <StateMark state={host.state} since={since} />;
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

// A percentage: the number is the cell's text, its bar the cell's background (fleet.css), for the eye that runs down the column.
// What is set is the width of the empty part, over a bar of 40 pixels: a custom property would cost the browser four times as much.
const metered = (percent: number | null): CellAttributes => ({
  class: `metered level-${level(percent)}`,
  style: { "background-size": `${Math.round(40 - 0.4 * Math.min(100, Math.max(0, percent ?? 0)))}px 6px, 40px 6px` },
});

const network = (bytesPerSecond: number | null): string =>
  format(bytesPerSecond === null ? null : bytesPerSecond * 8, "bits_per_second");

export const kColumns: readonly FleetColumn[] = [
  { key: "state", title: "State", hint: "up, late or down, and since when", rank: 0, width: 128, narrow: 30, numeric: false, descendingFirst: false,
    cell: (host) => <State host={host} />,
    attributes: (host) => (host.state === "up" ? {} : { title: `silent since ${formatTime(host.last_seen)}` }) },
  { key: "host", title: "Host", hint: "name and tags", rank: 0, width: 190, narrow: 96, numeric: false, descendingFirst: false,
    cell: () => null },
  { key: "cpu", title: "CPU", hint: "all cores, with the last 15 minutes", rank: 0, width: 136, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("cpu") && <TrendLine host={host} kind="cpu" what="CPU" />}
        {format(host.summary.cpu_percent, "percent")}
      </>
    ),
    attributes: (host) => metered(host.summary.cpu_percent) },
  { key: "memory", title: "Memory", hint: "used share of memory, with the last 15 minutes", rank: 0, width: 136, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("memory") && <TrendLine host={host} kind="memory" what="Memory" />}
        {format(host.summary.memory_percent, "percent")}
      </>
    ),
    attributes: (host) => metered(host.summary.memory_percent) },
  { key: "swap", title: "Swap", hint: "used share of swap", rank: 8, width: 84, numeric: true, descendingFirst: true,
    cell: (host) => format(host.summary.swap_percent, "percent") },
  { key: "disk", title: "Disk", hint: "the fullest file system", rank: 0, width: 120, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("path") && <span class="disk-path">{host.summary.disk_path ?? ""}</span>}
        {format(host.summary.disk_percent, "percent")}
      </>
    ),
    attributes: (host) => ({ ...metered(host.summary.disk_percent), title: host.summary.disk_path ?? "" }) },
  { key: "receive", title: "Net in", hint: "received per second", rank: 2, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_receive_bytes_per_second) },
  { key: "send", title: "Net out", hint: "sent per second", rank: 3, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_send_bytes_per_second) },
  { key: "load", title: "Load/core", hint: "1 minute load per CPU, and the number of CPUs", rank: 1, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => <>{format(loadPerCore(host), "load")}<span class="quiet">{host.summary.n_cpus === null ? "" : ` ×${host.summary.n_cpus}`}</span></>,
    attributes: (host) => ({
      class: (loadPerCore(host) ?? 0) > 1 ? "over" : "", title: host.summary.load1 === null ? "" : `load ${format(host.summary.load1, "load")} on ${host.summary.n_cpus ?? "–"} CPUs`,
    }) },
  { key: "pressure", title: "Pressure", hint: "share of time in which a task waited, and for which resource", rank: 5, width: 118, numeric: true, descendingFirst: true,
    cell: (host) => (
      <>
        {format(host.summary.pressure_percent, "percent")}
        <span class="quiet unit-word"> {(host.summary.pressure_resource ?? "").replace("memory", "mem")}</span>
      </>
    ),
    attributes: (host) => ({ class: (host.summary.pressure_percent ?? 0) >= 40 ? "over" : "" }) },
  { key: "uptime", title: "Uptime", hint: "since boot", rank: 6, width: 96, numeric: true, descendingFirst: true,
    cell: (host) => formatDuration(host.summary.uptime_seconds) },
  { key: "version", title: "Version", hint: "of resmon-client", rank: 9, width: 84, numeric: true, descendingFirst: false,
    cell: (host) => host.version || "–" },
  { key: "seen", title: "Last seen", hint: "when the last sample arrived", rank: 4, width: 96, numeric: true, descendingFirst: false,
    cell: (host) => <LastSeen host={host} />,
    attributes: (host) => ({ title: formatTime(host.last_seen) }) },
];

export interface Layout {
  columns: readonly FleetColumn[];
  extras: ReadonlySet<Extra>;
  phone: boolean;
}

// What a cell may show beside its number, where there is room.
export type Extra = "cpu" | "memory" | "path";

const kExtraWidth: Record<Extra, number> = { cpu: 80, memory: 80, path: 62 };
const kExtraOf: Partial<Record<SortKey, Extra>> = { cpu: "cpu", memory: "memory", disk: "path" };
// In the order of their worth: a rank's columns, or an extra. Each is taken while there is room for it.
const kWorth: readonly (number | Extra)[] = [0, 1, "cpu", 2, 3, "path", 4, 5, "memory", 6, 8, 9];

export function layoutFor(width: number): Layout {
  const ofRank = (rank: number): FleetColumn[] => kColumns.filter((column) => column.rank === rank);
  if (width < 620) return { columns: ofRank(0), extras: new Set(), phone: true };
  let left = width;
  const ranks = new Set<number>();
  const extras = new Set<Extra>();
  for (const one of kWorth) {
    left -= typeof one === "number" ? ofRank(one).reduce((sum, column) => sum + column.width, 0) : kExtraWidth[one];
    if (left < 0 && one !== 0) break;
    if (typeof one === "number") ranks.add(one);
    else extras.add(one);
  }
  return { columns: kColumns.filter((column) => ranks.has(column.rank)), extras, phone: false };
}

// As CSS has it; nothing for the column that takes what is left.
export function widthOf(column: FleetColumn, layout: Layout): string | undefined {
  if (column.key === "host") return undefined;
  const extra = kExtraOf[column.key];
  const more = extra !== undefined && layout.extras.has(extra) ? kExtraWidth[extra] : 0;
  return `${layout.phone ? column.narrow ?? column.width : column.width + more}px`;
}
