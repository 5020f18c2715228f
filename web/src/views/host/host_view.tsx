import { useMemo, useState } from "preact/hooks";
import { t, tx } from "../../core/texts.ts";
import { kDisk, kHardware, kNetwork, kPanels, kProcesses, kSections } from "../../charts/panels.ts";
import { formatRoute, kFleetRoute, type HostRoute } from "../../core/route.ts";
import { termOf } from "../../core/log_lines.ts";
import { kMinimumSpanMs, paceOf } from "../../core/time_range.ts";
import { formatTime } from "../../core/format.ts";
import { sortHosts } from "../../core/hosts.ts";
import { chartsOf } from "../../net/ahead.ts";
import { fleet, loaded, serverNow } from "../../net/live.ts";
import { Annotate, EventList } from "../../ui/annotate.tsx";
import { kFullShortcut } from "../../ui/full_screen.ts";
import { useShortcuts } from "../../ui/keyboard.ts";
import { later } from "../../ui/later.tsx";
import { go } from "../../ui/navigation.ts";
import { PanelView } from "../../ui/panel_view.tsx";
import { RangeBar } from "../../ui/range_bar.tsx";
import { useAlertSpans } from "../../ui/use_alert_spans.ts";
import { useEvents } from "../../ui/use_events.ts";
import { useObservable, usePicked } from "../../ui/use_observable.ts";
import { usePanels } from "../../ui/use_panels.ts";
import { useRange } from "../../ui/use_range.ts";
import { Disks } from "./disks.tsx";
import { HardwareTables } from "./hardware_tables.tsx";
import { HostLogs, logsOf, useHostLogs } from "./host_logs.tsx";
import { kOthersId, Others } from "./others.tsx";
import { ProcessesNow } from "./processes_now.tsx";
import type { PastProps } from "./past_summary.tsx";
import { HostSummary } from "./summary.tsx";
import { Traffic } from "./traffic.tsx";
import { Users } from "./users.tsx";

const PastSummary = later((part) => part.PastSummary);

const sectionId = (section: string): string => `section-${section}`;

// The charts do not wait for the fleet: of a thousand hosts its list is long, and a link to one of them needs only that one. A host
// whose interval turns out to be another than the usual is asked for again, where that makes other questions.
export function HostView({ route }: { route: HostRoute }) {
  const ready = useObservable(loaded);
  const host = usePicked(fleet, (hosts) => hosts.get(route.host), route.host);
  const intervalSeconds = paceOf(route.range, host?.interval_seconds);
  const { data, error, busy, retry } = usePanels(...chartsOf(route, intervalSeconds));
  const actions = useRange(route);
  const lines = useHostLogs(route);
  const [hasOthers, setHasOthers] = useState(false);
  const { spans, spansOn } = useAlertSpans(route.host);
  const about = useMemo(() => [route.host], [route.host]);
  const [restarts, setRestarts] = useState<readonly number[]>([]);
  const events = useEvents(about, route.range, restarts);

  const step = (by: number): void => {
    const names = sortHosts([...fleet.value.values()], "host", false).map((one) => one.host);
    const next = names[(names.indexOf(route.host) + by + names.length) % names.length];
    if (next !== undefined) go({ ...route, host: next });
  };
  const shortcuts = useMemo(() => [
    ...actions.shortcuts,
    kFullShortcut,
    { keys: "[", what: t("Previous host"), run: () => step(-1) },
    { keys: "]", what: t("Next host"), run: () => step(1) },
    { keys: "c", what: t("Compare with other hosts"), run: () => go({ view: "compare", hosts: [route.host], range: route.range }) },
    { keys: "l", what: t("Logs of this host and range"), run: () => go({ view: "logs", query: termOf("host", route.host), range: route.range, show: "lines" }) },
    { keys: "/", what: t("Search hosts"), run: () => {
      go(kFleetRoute);
      requestAnimationFrame(() => document.querySelector<HTMLInputElement>(".search input")?.focus());
    } },
  ], [actions]);
  useShortcuts(t("Host"), shortcuts);

  const context = { host: route.host, range: route.range, intervalSeconds, actions };
  const panels = [...(data?.values() ?? [])];
  const hasAny = panels.some((panel) => panel.grids.some((grid) => grid.series.length > 0));
  // Programs can have written what is older than the server's first sight of the host.
  const began = host?.first_seen ?? null;
  const older = useMemo(() => began !== null && [...(data?.values() ?? [])].some(({ grids }) => grids.some(({ from, step, series }) =>
    series.some(({ values }) => values.some((value, at) => value !== null && from + (at + 2) * step < began)))), [data, began]);
  const past: PastProps | null = route.range.kind === "last" ? null
    : { name: route.host, host, range: route.range, intervalSeconds, panels: data, began: older ? null : began, alerts: spans, onRestarts: setRestarts };
  const blank = data !== null && !hasAny && !busy && panels.every((panel) => panel.error === null);
  return (
    <>
      {host !== undefined ? (
        <HostSummary host={host} compare={formatRoute({ view: "compare", hosts: [route.host], range: route.range })} past={past !== null} onStep={step} />
      ) : (
        <div class="summary">
          <div class="summary-head"><h1>{route.host}</h1>{!ready && <span class="quiet">{t("asking how it is…")}</span>}</div>
          {ready && <p class="quiet">{t("The server's list has no host of this name. The charts below show its stored data.")} <a href="#/">{t("All hosts")}</a></p>}
        </div>
      )}
      {past !== null && <div class={blank ? "summary" : "summary is-past"}><PastSummary {...past} /></div>}
      <RangeBar range={route.range} busy={busy} onRange={actions.show} onPan={actions.move} onZoomOut={actions.zoomOut} began={older ? null : began} name={route.host}>
        <Annotate hosts={about} range={route.range} />
        {route.range.kind === "absolute" && <a class="button" href={logsOf(route)}>{t("Logs of this range")}</a>}
        <span class="grow" />
        <nav class="jumps" aria-label={t("Sections")}>
          {kSections.map(([section, , short]) => (
            <button key={section} type="button" onClick={() => document.getElementById(sectionId(section))?.scrollIntoView({ block: "start" })}>
              {short}
            </button>
          ))}
          {hasOthers && !blank && (
            <button type="button" title={t("From scripts, inputs and metrics of logs")} onClick={() => document.getElementById(kOthersId)?.scrollIntoView({ block: "start" })}>
              {t("Scripts, inputs")}
            </button>
          )}
        </nav>
      </RangeBar>
      <EventList events={events} />
      {error !== null && data !== null && (
        <div class="banner" role="alert">
          <strong>{t("Not up to date:")}</strong> {error}. <button type="button" onClick={retry}>{t("Try again")}</button>
        </div>
      )}
      {blank ? (
        <div class="empty" role="status">
          <p>{tx("Nothing is stored of {host} in this range.", { host: <q>{route.host}</q> })}</p>
          {began !== null && route.range.kind === "absolute" && route.range.to <= began ? (
            <p class="quiet">
              {t("Its first sample is of {time}.", { time: formatTime(began) })}{" "}
              <button type="button" class="link" onClick={() => actions.show({ kind: "absolute", from: began, to: Math.round(Math.max(serverNow(), began + kMinimumSpanMs)) })}>
                {t("Show the time since then")}
              </button>
            </p>
          ) : (
            <p class="quiet">{t("Choose a longer one above; a client that has just started needs two samples before its first chart.")}</p>
          )}
        </div>
      ) : (
        kSections.map(([section, title]) => (
          <section key={section} class="section" id={sectionId(section)} aria-label={title}>
            <h2>{title}</h2>
            {section === kDisk && <Disks host={route.host} range={route.range} />}
            {section === kNetwork && <Traffic host={route.host} />}
            {section === kHardware && <HardwareTables {...context} />}
            {section === kProcesses && <><Users {...context} /><ProcessesNow {...context} /></>}
            <div class="panels">
              {kPanels.filter((panel) => panel.section === section).map((panel) => (
                <PanelView key={panel.id} panel={panel} data={data?.get(panel.id)} failed={error} actions={actions} onRetry={retry}
                           marks={lines.marks} spans={spansOn(panel)} events={events} />
              ))}
            </div>
          </section>
        ))
      )}
      {!blank && <Others {...context} onFound={setHasOthers} />}
      <HostLogs route={route} lines={lines} onZoom={actions.zoom} />
    </>
  );
}
