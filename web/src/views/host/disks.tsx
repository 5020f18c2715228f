// A row a file system: what is left of it, and when it will be full at the pace of its last week. The charts below show the same
// over the chosen range; a forecast from fifteen minutes would be noise, so this looks back further by itself.

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { forecast, type Forecast } from "../../core/forecast.ts";
import { format, formatDate, formatDuration } from "../../core/format.ts";
import { toGrid } from "../../core/grid.ts";
import { identifier, literal, mean, select } from "../../core/influxql.ts";
import type { Range } from "../../core/time_range.ts";
import { trendPath } from "../../core/trend.ts";
import { serverNow } from "../../net/live.ts";
import { runEach } from "../../net/query.ts";
import { Meter } from "../../ui/meter.tsx";
import { TableBox } from "../../ui/table_box.tsx";

const kDay = 86_400_000;
const kHour = 3_600_000;
const kRefreshMs = 60_000;
// The longest history with enough points decides: a week by the hour, a day by ten minutes.
const kHistories = [{ span: 7 * kDay, step: kHour }, { span: kDay, step: 600_000 }];

interface Disk {
  path: string;
  device: string;
  type: string;
  readOnly: boolean;
  total: number | null;
  free: number | null;
  used: number | null;
  inodes: number | null;
  history: (number | null)[];
  forecast: Forecast | null;
}

async function fetchDisks(host: string, end: number, signal: AbortSignal): Promise<Disk[]> {
  const columns = ["total", "free", "used_percent", "inodes_used_percent"];
  const latest =
    `SELECT ${columns.map((field) => `last(${identifier(field)}) AS ${identifier(field)}`).join(", ")} FROM "disk" ` +
    `WHERE "host" = ${literal(host)} AND time >= ${end - kDay}ms AND time < ${end}ms GROUP BY "path", "device", "fstype", "mode"`;
  const windows = kHistories.map(({ span, step }) => {
    const to = Math.ceil(end / step) * step;
    return { from: to - span, to, step };
  });
  const histories = windows.map((window) =>
    select({ columns: [mean("used_percent")], from: "disk", where: [["host", host]], by: ["path"] }, window));
  const [now, ...past] = await runEach([latest, ...histories], signal);
  if (now === undefined) return [];
  if (now.error !== null) throw new Error(now.error);
  const grids = past.map((result, index) => toGrid(result.series, windows[index] ?? { from: 0, to: 0, step: 1 }));
  return now.series.map((series): Disk => {
    const value = (column: string): number | null => {
      const found = series.values[0]?.[series.columns.indexOf(column)];
      return typeof found === "number" ? found : null;
    };
    const path = series.tags["path"] ?? "";
    const known = grids.map((grid) => grid.series.find((one) => one.tags["path"] === path)?.values ?? []);
    const told = known.flatMap((values, index) => {
      const found = forecast(values, kHistories[index]?.step ?? 1);
      return found === null ? [] : [found];
    });
    return {
      path, device: series.tags["device"] ?? "", type: series.tags["fstype"] ?? "", readOnly: series.tags["mode"] === "ro",
      total: value("total"), free: value("free"), used: value("used_percent"), inodes: value("inodes_used_percent"),
      history: known[0] ?? [], forecast: told[0] ?? null,
    };
  }).sort((a, b) => (b.used ?? 0) - (a.used ?? 0));
}

function FullIn({ disk, end }: { disk: Disk; end: number }) {
  if ((disk.used ?? 0) >= 99.95) return <strong class="error-text">{t("full")}</strong>;
  const left = disk.forecast?.fullInMs ?? null;
  if (left === null) return <span class="quiet">{t("not in sight")}</span>;
  const soon = left < 3 * kDay;
  return (
    <span class={soon ? "error-text" : ""}>
      <strong>{formatDuration(left / 1000)}</strong> <span class="quiet">{formatDate(end + left)}</span>
    </span>
  );
}

export function Disks({ host, range }: { host: string; range: Range }) {
  const [state, setState] = useState<{ disks: Disk[]; end: number } | null>(null);
  const until = range.kind === "absolute" ? range.to : null;
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState !== "visible") return;
      const end = Math.min(until ?? Infinity, serverNow() + 1000);
      // The charts say what is wrong with the server; this table only stays as it is.
      fetchDisks(host, Math.round(end), aborter.signal).then((disks) => setState({ disks, end }), () => undefined);
    };
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host, until]);
  if (state === null || state.disks.length === 0) return null;
  return (
    <div class="disks"><TableBox label={t("File systems")}>
      <table class="plain">
        <caption class="hidden">{t("File systems, the fullest first")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("Mount")}</th><th scope="col" class="numeric">{t("Used")}</th><th scope="col" class="numeric">{t("Free")}</th>
            <th scope="col" class="numeric rank-2">{t("Size")}</th><th scope="col" class="numeric rank-2">{t("Inodes")}</th>
            <th scope="col" class="rank-2">{t("Last 7 days")}</th><th scope="col" class="numeric rank-3">{t("A day")}</th><th scope="col">{t("Full in")}</th>
          </tr>
        </thead>
        <tbody>
          {state.disks.map((disk) => (
            <tr key={`${disk.path} ${disk.device}`}>
              <th scope="row">
                {disk.path} <span class="quiet rank-3">{disk.device} · {disk.type}{disk.readOnly ? ` · ${t("read-only")}` : ""}</span>
              </th>
              <td class="numeric"><Meter percent={disk.used} /></td>
              <td class="numeric">{format(disk.free, "bytes")}</td>
              <td class="numeric rank-2">{format(disk.total, "bytes")}</td>
              <td class="numeric rank-2">{format(disk.inodes, "percent")}</td>
              <td class="rank-2">
                <svg class="trend" viewBox="0 -1 96 22" role="img" aria-label={t("Use of {path} over seven days", { path: disk.path })}>
                  <path d={trendPath(disk.history, 96, 20)} />
                </svg>
              </td>
              <td class="numeric rank-3">
                {disk.forecast === null || disk.total === null ? <span class="quiet">–</span>
                  : `${disk.forecast.percentPerDay >= 0 ? "+" : "−"}${format(Math.abs(disk.forecast.percentPerDay / 100) * disk.total, "bytes")}`}
              </td>
              <td><FullIn disk={disk} end={state.end} /></td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableBox></div>
  );
}
