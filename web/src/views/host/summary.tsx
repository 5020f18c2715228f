import { t } from "../../core/texts.ts";
import { format, formatAgo, formatDuration, formatNumber, formatTime } from "../../core/format.ts";
import { loadPerCore, type Host } from "../../core/hosts.ts";
import { kSeverityWords, sortAlerts, whereOf } from "../../core/alerts.ts";
import { formatRoute, kAlertsRoute } from "../../core/route.ts";
import { alertsState } from "../../net/alerts.ts";
import { serverNow } from "../../net/live.ts";
import { troubles } from "../../net/trouble.ts";
import { useSecond } from "../../ui/clock.ts";
import { Meter } from "../../ui/meter.tsx";
import { kLevelClass, level } from "../../ui/settings.ts";
import { StateMark } from "../../ui/state_mark.tsx";
import { useObservable } from "../../ui/use_observable.ts";
import { EditHost } from "./edit_host.tsx";
import { Facts } from "./facts.tsx";
import { Forget } from "./forget.tsx";
import { Why } from "./why.tsx";

export function HostSummary({ host, compare, past, onStep }: {
  host: Host; compare: string;
  past: boolean;  // the charts below are of a range of the past, of which past_summary.tsx tells
  onStep: (by: number) => void;
}) {
  useSecond();
  const inTrouble = useObservable(troubles).has(host.host);
  return (
    <div class="summary">
      <div class="summary-head">
        <h1>{host.label}</h1>
        {host.label !== host.host && <span class="quiet">{host.host}</span>}
        <StateMark state={host.state === "up" && inTrouble ? "trouble" : host.state} />
        <span class="quiet">
          {host.state === "up" || host.state === "paused" ? t("last sample {ago}", { ago: formatAgo((serverNow() - host.last_seen) / 1000) })
            : t("silent since {time}, {ago}", { time: formatTime(host.last_seen), ago: formatAgo((serverNow() - host.last_seen) / 1000) })}
        </span>
        {host.server !== "" && <span class="quiet">{host.server_away ? t("was on {server}, which does not answer", { server: host.server }) : t("on {server}", { server: host.server })}</span>}
        {host.also_on !== "" && (
          <span class="tag tag-warning" title={t("Two clients use this name: their samples mix in one series")}>{t("also on {server}", { server: host.also_on })}</span>
        )}
        {Object.entries(host.tags).map(([key, value]) => <span key={key} class="tag">{key}:{value}</span>)}
        <span class="quiet summary-client">
          {[host.version === "" ? "" : `resmon-client ${host.version}`, t("every {n} s", { n: formatNumber(Number(host.interval_seconds.toPrecision(2))) }), host.address].filter((part) => part !== "").join(", ")}
        </span>
        <span class="grow" />
        <a class="button" href={compare} title={t("Compare several hosts in the same charts (c)")}>{t("Compare")}</a>
        <EditHost host={host} />
        <Forget host={host.host} />
        <span class="segments" role="group" aria-label={t("Other hosts")}>
          <button type="button" aria-label={t("Previous host")} title={t("Previous host ([)")} onClick={() => onStep(-1)}>‹</button>
          <button type="button" aria-label={t("Next host")} title={t("Next host (])")} onClick={() => onStep(1)}>›</button>
        </span>
      </div>
      {host.note !== "" && <p class="host-note">{host.note}</p>}
      {!past && <HostAlerts host={host.host} />}
      <Facts host={host.host} />
      {!past && <><Figures host={host} /><Why host={host} /></>}
    </div>
  );
}

function Figures({ host }: { host: Host }) {
  const summary = host.summary;
  const bits = (bytes: number | null): string => format(bytes === null ? null : bytes * 8, "bits_per_second");
  const perCore = loadPerCore(host);
  return (
    <dl class="facts">
      <div><dt>CPU</dt><dd><Meter percent={summary.cpu_percent} of="cpu" host={host} /></dd></div>
      <div><dt>{t("Memory")}</dt><dd><Meter percent={summary.memory_percent} of="memory" host={host} /></dd></div>
      <div><dt>{t("Swap")}</dt><dd><Meter percent={summary.swap_percent} of="swap" host={host} /></dd></div>
      <div><dt>{t("Disk {path}", { path: summary.disk_path ?? "" })}</dt><dd><Meter percent={summary.disk_percent} of="disk" host={host} /></dd></div>
      <div>
        <dt>{t("Load per core")}</dt>
        <dd class={kLevelClass[level("load", perCore, host)]}>
          {format(perCore, "load")}<span class="quiet">{" "}{t("{load} on {n}", { load: format(summary.load1, "load"), n: summary.n_cpus ?? "–" })}</span>
        </dd>
      </div>
      <div>
        <dt>{t("Pressure")}</dt>
        <dd class={kLevelClass[level("pressure", summary.pressure_percent, host)]}>{format(summary.pressure_percent, "percent")}<span class="quiet"> {summary.pressure_resource === "memory" ? t("memory") : summary.pressure_resource}</span></dd>
      </div>
      <div><dt>{t("Net in")}</dt><dd>{bits(summary.network_receive_bytes_per_second)}</dd></div>
      <div><dt>{t("Net out")}</dt><dd>{bits(summary.network_send_bytes_per_second)}</dd></div>
      <div><dt>{t("Uptime")}</dt><dd>{formatDuration(summary.uptime_seconds)}</dd></div>
      {host.backlog_samples > 0 && <div><dt>{t("Backlog")}</dt><dd>{t("{value} samples", { value: format(host.backlog_samples, "count") })}</dd></div>}
      {host.dropped_samples > 0 && (
        <div class="fact-warning"><dt>{t("Dropped")}</dt><dd>{t("{value} samples", { value: format(host.dropped_samples, "count") })}</dd></div>
      )}
      {host.refused_samples > 0 && (
        <div class="fact-warning" title={host.last_refusal}>
          <dt>{t("Refused")}</dt>
          <dd>{t("{value} samples", { value: format(host.refused_samples, "count") })}<span class="quiet"> {host.last_refusal}</span></dd>
        </div>
      )}
    </dl>
  );
}

function HostAlerts({ host }: { host: string }) {
  const state = useObservable(alertsState);
  const alerts = sortAlerts((state?.alerts ?? []).filter((one) => one.host === host && one.state !== "pending"));
  if (alerts.length === 0) return null;
  return (
    <ul class="host-alerts" aria-label={t("Alerts of this host")}>
      {alerts.map((one) => (
        <li key={one.id}>
          <span class={`severity is-${one.severity}`}>{kSeverityWords[one.severity]}</span>{" "}
          <a href={formatRoute(kAlertsRoute)}>{one.rule}</a> {whereOf({ host, tags: one.tags })}: {one.text}
        </li>
      ))}
    </ul>
  );
}
