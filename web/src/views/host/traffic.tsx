// What each interface has received and sent since the reset day of its contract, from the counters that are stored anyway. Reset day and
// quota are this browser's: nothing on the server depends on them.

import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { format, formatDate } from "../../core/format.ts";
import { identifier, literal } from "../../core/influxql.ts";
import { parseBytes, periodOf, projected, type Period } from "../../core/traffic.ts";
import { serverNow } from "../../net/live.ts";
import { runStatements } from "../../net/query.ts";
import { TableBox } from "../../ui/table_box.tsx";

const kRefreshMs = 300_000;
const kKey = "resmon.traffic.";

interface Contract { resetDay: number; quota: string }

function contractOf(host: string): Contract {
  try {
    const kept = JSON.parse(localStorage.getItem(kKey + host) ?? "{}") as Partial<Contract>;
    const resetDay = Math.round(Number(kept.resetDay ?? 1));
    return { resetDay: resetDay >= 1 && resetDay <= 31 ? resetDay : 1, quota: typeof kept.quota === "string" ? kept.quota : "" };
  } catch {
    return { resetDay: 1, quota: "" };
  }
}

function keepContract(host: string, contract: Contract): void {
  try {
    localStorage.setItem(kKey + host, JSON.stringify(contract));
  } catch {
    // Storage switched off: it lives as long as the page.
  }
}

interface Traffic { name: string; received: number; sent: number }

// A counter that went back (a reboot) costs what came since the last full hour before it.
async function fetchTraffic(host: string, period: Period, end: number, signal: AbortSignal): Promise<Traffic[]> {
  const inner = ["bytes_recv", "bytes_sent"].map((field) => `non_negative_difference(max(${identifier(field)})) AS ${identifier(field)}`).join(", ");
  const [result] = await runStatements([
    `SELECT sum("bytes_recv") AS "received", sum("bytes_sent") AS "sent" FROM (SELECT ${inner} FROM "net" WHERE "host" = ${literal(host)} ` +
      `AND time >= ${period.from}ms AND time < ${end}ms GROUP BY time(1h), "interface" fill(none)) ` +
      `WHERE time >= ${period.from}ms AND time < ${end}ms GROUP BY "interface"`,
  ], signal);
  return (result?.series ?? []).map((series): Traffic => {
    const value = (column: string): number => Number(series.values[0]?.[series.columns.indexOf(column)] ?? 0);
    return { name: series.tags["interface"] ?? "", received: value("received"), sent: value("sent") };
  }).filter((one) => one.name !== "" && one.received + one.sent > 0).sort((a, b) => b.received + b.sent - a.received - a.sent);
}

export function Traffic({ host }: { host: string }) {
  const [contract, setContract] = useState(() => contractOf(host));
  const [state, setState] = useState<{ rows: Traffic[]; period: Period; now: number } | null>(null);
  useEffect(() => setContract(contractOf(host)), [host]);
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState !== "visible") return;
      const now = Math.round(serverNow());
      const period = periodOf(now, contract.resetDay);
      fetchTraffic(host, period, now, aborter.signal).then((rows) => setState({ rows, period, now }), () => undefined);
    };
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host, contract.resetDay]);
  if (state === null || state.rows.length === 0) return null;
  const change = (next: Contract): void => {
    setContract(next);
    keepContract(host, next);
  };
  const quota = parseBytes(contract.quota);
  const share = (used: number): string => (quota === null || quota === 0 ? "–" : format((100 * used) / quota, "percent"));
  return (
    <div class="disks things"><TableBox label={t("Traffic of the month")}>
      <div class="contract">
        <label>{t("Since day")}{" "}<input type="number" min={1} max={31} value={contract.resetDay}
                                onChange={(event) => change({ ...contract, resetDay: Math.min(31, Math.max(1, Math.round(Number(event.currentTarget.value)) || 1)) })} /></label>
        <label>{t("Quota")}{" "}<input type="text" placeholder="20 TB" value={contract.quota} aria-invalid={contract.quota !== "" && quota === null}
                            onChange={(event) => change({ ...contract, quota: event.currentTarget.value })} /></label>
        <span class="quiet">{t("of the month; kept in this browser")}</span>
      </div>
      <table class="plain">
        <caption class="hidden">{t("Traffic of each interface since {date}", { date: formatDate(state.period.from) })}</caption>
        <thead>
          <tr>
            <th scope="col">{t("Traffic since {date}", { date: formatDate(state.period.from) })}</th><th scope="col" class="numeric">{t("Received")}</th><th scope="col" class="numeric">{t("Sent")}</th>
            <th scope="col" class="numeric">{t("Together")}</th><th scope="col" class="numeric rank-2">{t("Of the quota")}</th>
            <th scope="col" class="numeric rank-2">{t("By {date}, at this pace", { date: formatDate(state.period.to) })}</th>
          </tr>
        </thead>
        <tbody>
          {state.rows.map((row) => {
            const used = row.received + row.sent;
            const end = projected(used, state.period, state.now);
            return (
              <tr key={row.name}>
                <th scope="row">{row.name}</th>
                <td class="numeric">{format(row.received, "bytes")}</td><td class="numeric">{format(row.sent, "bytes")}</td>
                <td class="numeric">{format(used, "bytes")}</td>
                <td class={`numeric rank-2 ${quota !== null && used > quota ? "error-text" : ""}`}>{share(used)}</td>
                <td class={`numeric rank-2 ${quota !== null && end !== null && end > quota ? "error-text" : ""}`}>{end === null ? "–" : format(end, "bytes")}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </TableBox></div>
  );
}
