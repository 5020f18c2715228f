// The fleet table's columns, in order. Which of them are drawn depends on the room there is: every column has the width it needs,
// and those of high rank go first, so that nothing is ever cut off but a long host name.

import type { ComponentChildren, VNode } from "preact";
import { t } from "../../core/texts.ts";
import { format, formatAgo, formatSince, formatSpan, formatDuration, formatTime } from "../../core/format.ts";
import { loadPerCore, shownState, type Host } from "../../core/hosts.ts";
import type { HeatKey, SortKey } from "../../core/route.ts";
import type { Trouble } from "../../core/trouble.ts";
import { kTrendPoints, trendCeiling, trendPath } from "../../core/trend.ts";
import { serverNow } from "../../net/live.ts";
import { troubleSince } from "../../net/since.ts";
import { trendOf, type TrendKind } from "../../net/trends.ts";
import { useSecond } from "../../ui/clock.ts";
import { kLevelClass, level, settings } from "../../ui/settings.ts";
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
  cell: (host: Host, extras: ReadonlySet<Extra>, trouble: Trouble | undefined) => ComponentChildren;
  attributes?: (host: Host, trouble: Trouble | undefined) => CellAttributes;
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
function State({ host, trouble }: { host: Host; trouble: Trouble | undefined }) {
  if (trouble === undefined && (host.state === "up" || host.state === "paused")) return <StateMark state={host.state} />;
  return <Since host={host} trouble={trouble} />;
}

// For how long, in one part: "12 min", "over 24 h" (short: "> 24 h"); nothing where it is not known.
export function lastingWords(trouble: Trouble, short = false): string | undefined {
  const { since, least } = troubleSince(trouble);
  if (since === null) return undefined;
  const words = formatSpan(Math.max(1, (serverNow() - since) / 1000));
  return !least ? words : short ? `> ${words}` : t("over {span}", { span: words });
}

// The same with the time when it began: "for 12 min, since 12:36". Where that lies before what was looked at, only for how long.
export function lastingSince(trouble: Trouble): string | undefined {
  const { since, least } = troubleSince(trouble);
  const lasting = lastingWords(trouble);
  if (since === null || lasting === undefined) return undefined;
  return least ? t("for {lasting}", { lasting }) : t("for {lasting}, since {time}", { lasting, time: formatSince(since, serverNow()) });
}

// For the tooltip of these words: the whole time.
export function sinceTitle(trouble: Trouble): string | undefined {
  const { since, least } = troubleSince(trouble);
  if (since === null) return undefined;
  return least ? t("since {time} or earlier", { time: formatTime(since) }) : t("since {time}", { time: formatTime(since) });
}

function Since({ host, trouble }: { host: Host; trouble: Trouble | undefined }) {
  useSecond();
  if (trouble !== undefined && shownState(host, () => true) === "trouble") return <StateMark state="trouble" since={lastingWords(trouble, true)} title={sinceTitle(trouble)} />;
  const since = formatSpan((serverNow() - host.last_seen) / 1000);
  return <StateMark state={host.state} since={since} />;
}

const kTrendWidth = 72;
const kTrendHeight = 22;

function trendLine(host: Host, kind: TrendKind, what: string): VNode {
  const values = trendOf(host.host, kind).values(serverNow());
  const line = trendPath(values, kTrendWidth, kTrendHeight - 2, trendCeiling(values));
  return (
    <svg class="trend" viewBox={`0 -1 ${kTrendWidth} ${kTrendHeight}`} preserveAspectRatio="none" role="img"
         aria-label={t("{what} trend, last {n} minutes", { what, n: (kTrendPoints * 30) / 60 })}>
      <path d={line} />
    </svg>
  );
}

// A percentage: the number is the cell's text, its bar the cell's background (fleet.css), for the eye that runs down the column.
// What is set is the width of the empty part, over a bar of 40 pixels: a custom property would cost the browser four times as much.
const metered = (host: Host, percent: number | null, key: HeatKey): CellAttributes => ({
  class: `metered level-${level(key, percent, host)}`,
  style: { "background-size": `${Math.round(40 - 0.4 * Math.min(100, Math.max(0, percent ?? 0)))}px 6px, 40px 6px` },
});

const coloured = (host: Host, key: HeatKey, value: number | null): string => kLevelClass[level(key, value, host)];

export const network = (bytesPerSecond: number | null): string =>
  format(bytesPerSecond === null ? null : bytesPerSecond * 8, "bits_per_second");

export const kColumns: readonly FleetColumn[] = [
  { key: "state", title: t("State"), hint: t("up, late, down, in trouble or paused, and since when"), rank: 0, width: 152, narrow: 30, numeric: false, descendingFirst: false,
    cell: (host, _, trouble) => <State host={host} trouble={trouble} />,
    attributes: (host, trouble) => {
      if (host.state !== "up" && (host.state !== "late" || trouble === undefined)) return { title: t("silent since {time}", { time: formatTime(host.last_seen) }) };
      return {};  // of trouble, the mark has it: when it began is learnt after the row is drawn
    } },
  { key: "host", title: t("Host"), hint: t("name and tags"), rank: 0, width: 190, narrow: 96, numeric: false, descendingFirst: false,
    cell: () => null },
  { key: "cpu", title: "CPU", hint: t("all cores, with the last 15 minutes"), rank: 0, width: 136, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("cpu") && trendLine(host, "cpu", "CPU")}
        {format(host.summary.cpu_percent, "percent")}
      </>
    ),
    attributes: (host) => metered(host, host.summary.cpu_percent, "cpu") },
  { key: "memory", title: t("Memory"), hint: t("used share of memory, with the last 15 minutes"), rank: 0, width: 136, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("memory") && trendLine(host, "memory", t("Memory"))}
        {format(host.summary.memory_percent, "percent")}
      </>
    ),
    attributes: (host) => metered(host, host.summary.memory_percent, "memory") },
  { key: "swap", title: t("Swap"), hint: t("used share of swap"), rank: 8, width: 84, numeric: true, descendingFirst: true,
    cell: (host) => format(host.summary.swap_percent, "percent"),
    attributes: (host) => ({ class: coloured(host, "swap", host.summary.swap_percent) }) },
  { key: "disk", title: t("Disk"), hint: t("the fullest file system"), rank: 0, width: 124, narrow: 66, numeric: true, descendingFirst: true,
    cell: (host, extras) => (
      <>
        {extras.has("path") && <span class="disk-path">{host.summary.disk_path ?? ""}</span>}
        {format(host.summary.disk_percent, "percent")}
      </>
    ),
    attributes: (host) => ({ ...metered(host, host.summary.disk_percent, "disk"), title: host.summary.disk_path ?? "" }) },
  { key: "receive", title: t("Net in"), hint: t("received per second"), rank: 2, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_receive_bytes_per_second) },
  { key: "send", title: t("Net out"), hint: t("sent per second"), rank: 3, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => network(host.summary.network_send_bytes_per_second) },
  { key: "load", title: t("Load/core"), hint: t("1 minute load per CPU, and the number of CPUs"), rank: 1, width: 104, numeric: true, descendingFirst: true,
    cell: (host) => <>{format(loadPerCore(host), "load")}<span class="quiet">{host.summary.n_cpus === null ? "" : ` ×${host.summary.n_cpus}`}</span></>,
    attributes: (host) => ({
      class: coloured(host, "load", loadPerCore(host)), title: host.summary.load1 === null ? "" : t("load {value} on {n} CPUs", { value: format(host.summary.load1, "load"), n: host.summary.n_cpus ?? "–" }),
    }) },
  { key: "pressure", title: t("Pressure"), hint: t("share of time in which a task waited, and for which resource"), rank: 5, width: 118, numeric: true, descendingFirst: true,
    cell: (host) => (
      <>
        {format(host.summary.pressure_percent, "percent")}
        <span class="quiet unit-word"> {host.summary.pressure_resource === "memory" ? t("mem") : host.summary.pressure_resource}</span>
      </>
    ),
    attributes: (host) => ({ class: coloured(host, "pressure", host.summary.pressure_percent) }) },
  { key: "uptime", title: t("Uptime"), hint: t("since boot"), rank: 6, width: 96, numeric: true, descendingFirst: true,
    cell: (host) => formatDuration(host.summary.uptime_seconds) },
  { key: "version", title: t("Version"), hint: t("of resmon-client"), rank: 9, width: 84, numeric: true, descendingFirst: false,
    cell: (host) => host.version || "–" },
  { key: "seen", title: t("Last seen"), hint: t("when the last sample arrived"), rank: 4, width: 96, numeric: true, descendingFirst: false,
    cell: (host) => <LastSeen host={host} />,
    attributes: (host) => ({ title: formatTime(host.last_seen) }) },
];

export const kFixedColumns: readonly SortKey[] = ["state", "host"];

export interface Layout {
  columns: readonly FleetColumn[];
  extras: ReadonlySet<Extra>;
  phone: boolean;
  hostWidth: number;  // pixels, of the host column
  trendWidth: number;  // pixels, of a trend beside a number
  rowHeight: number;
}

// What a cell may show beside its number, where there is room.
export type Extra = "cpu" | "memory" | "path" | "cause";

const kExtraWidth: Record<Exclude<Extra, "cause">, number> = { cpu: 80, memory: 80, path: 66 };
const kMostCause = 380;  // pixels; longer reasons are in the title, and whole on the host's page
const kExtraOf: Partial<Record<SortKey, Exclude<Extra, "cause">>> = { cpu: "cpu", memory: "memory", disk: "path" };
// A name further from its numbers than this is hard to follow to them, unless its reason is between; what is left over lengthens the trends.
const kWidestHost = 620;
const kLongestTrend = 240;
// In the order of their worth: a rank's columns, or an extra. Each is taken while there is room for it.
const kWorth: readonly (number | Extra)[] = [0, "cause", 1, "cpu", 2, 3, "path", 4, 5, "memory", 6, 8, 9];

// As in fleet.css. A phone's row has a second line.
const kRowHeight = { comfortable: 34, compact: 26 };
const kPhoneRowHeight = 58;
export const kPhoneBelow = 620;

// Those that a person chose, in that order; the state and the name are always there.
function chosenColumns(chosen: readonly SortKey[]): readonly FleetColumn[] {
  if (chosen.length === 0) return kColumns;
  const keys = [...kFixedColumns, ...chosen.filter((key) => !kFixedColumns.includes(key))];
  return keys.flatMap((key) => kColumns.filter((column) => column.key === key));
}

// `cause`: what the longest reason of a host's trouble takes beside its name, in pixels; 0: there is none.
export function layoutFor(width: number, cause = 0): Layout {
  const causeWidth = Math.min(kMostCause, cause);
  const all = chosenColumns(settings.value.columns);
  const ofRank = (rank: number): FleetColumn[] => all.filter((column) => column.rank === rank);
  if (width < kPhoneBelow) {
    const columns = ofRank(0);
    const others = columns.reduce((sum, column) => sum + (column.key === "host" ? 0 : column.narrow ?? column.width), 0);
    return { columns, extras: new Set(), phone: true, hostWidth: width - others, trendWidth: kTrendWidth, rowHeight: kPhoneRowHeight };
  }
  let left = width;
  const ranks = new Set<number>();
  const extras = new Set<Extra>();
  for (const one of kWorth) {
    const wanted = typeof one === "number" ? ofRank(one).reduce((sum, column) => sum + column.width, 0)
      : one === "cause" ? causeWidth : all.some((column) => kExtraOf[column.key] === one) ? kExtraWidth[one] : 0;
    if (left < wanted && one !== 0) break;
    left -= wanted;
    if (typeof one === "number") ranks.add(one);
    else extras.add(one);
  }
  const wide = (kColumns.find((column) => column.key === "host")?.width ?? 0) + Math.max(0, left) + (extras.has("cause") ? causeWidth : 0);
  const trends = [...extras].filter((one) => one === "cpu" || one === "memory").length;
  const longer = trends === 0 ? 0 : Math.min(kLongestTrend - kTrendWidth, Math.floor(Math.max(0, wide - kWidestHost - (extras.has("cause") ? causeWidth : 0)) / trends));
  return {
    columns: all.filter((column) => ranks.has(column.rank)), extras, phone: false, hostWidth: wide - longer * trends, trendWidth: kTrendWidth + longer, rowHeight: kRowHeight[settings.value.density],
  };
}

// As CSS has it; nothing for the column that takes what is left.
export function widthOf(column: FleetColumn, layout: Layout): string | undefined {
  if (column.key === "host") return undefined;
  const extra = kExtraOf[column.key];
  const longer = extra === "path" ? 0 : layout.trendWidth - kTrendWidth;
  const more = extra !== undefined && layout.extras.has(extra) ? kExtraWidth[extra] + longer : 0;
  return `${layout.phone ? column.narrow ?? column.width : column.width + more}px`;
}
