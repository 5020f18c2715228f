// Several hosts over one another: one figure a chart, one line a host, the same colour everywhere.

import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import { t, tx } from "../../core/texts.ts";
import { kComparisons } from "../../charts/comparisons.ts";
import { formatRoute, kMostCompared, type CompareRoute } from "../../core/route.ts";
import { sortHosts, type Host } from "../../core/hosts.ts";
import { anyHost } from "../../core/log_lines.ts";
import { paceOf } from "../../core/time_range.ts";
import { fleet, loaded } from "../../net/live.ts";
import { Annotate, EventList } from "../../ui/annotate.tsx";
import { kFullShortcut } from "../../ui/full_screen.ts";
import { useShortcuts } from "../../ui/keyboard.ts";
import { go, refine } from "../../ui/navigation.ts";
import { PanelView } from "../../ui/panel_view.tsx";
import { RangeBar } from "../../ui/range_bar.tsx";
import { StateMark } from "../../ui/state_mark.tsx";
import { useEvents } from "../../ui/use_events.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { usePanels } from "../../ui/use_panels.ts";
import { useRange } from "../../ui/use_range.ts";
import { hostLink } from "../fleet/row.tsx";

const kSuggestions: readonly [string, (host: Host) => number | null][] = [
  [t("Busiest CPUs"), (host) => host.summary.cpu_percent],
  [t("Most memory used"), (host) => host.summary.memory_percent],
  [t("Fullest disks"), (host) => host.summary.disk_percent],
  [t("Most network traffic"), (host) => (host.summary.network_receive_bytes_per_second ?? 0) + (host.summary.network_send_bytes_per_second ?? 0)],
];

function HostPicker({ route, hosts }: { route: CompareRoute; hosts: ReadonlyMap<string, Host> }) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState("");
  const names = useMemo(() => sortHosts([...hosts.values()], "host", false).map((host) => host.host), [hosts.size]);
  const add = (event: SubmitEvent): void => {
    event.preventDefault();
    const text = field.current?.value.trim() ?? "";
    if (text === "") return;
    const found = hosts.has(text) ? text : names.find((name) => name.toLowerCase().startsWith(text.toLowerCase()) && !route.hosts.includes(name));
    if (found === undefined) return setError(t("No host is called {name}.", { name: text }));
    setError("");
    if (field.current !== null) field.current.value = "";
    if (!route.hosts.includes(found)) refine({ ...route, hosts: [...route.hosts, found] });
  };
  const full = route.hosts.length >= kMostCompared;
  return (
    <div class="picked">
      <ul class="chips" aria-label={t("Compared hosts")}>
        {route.hosts.map((name, index) => {
          const host = hosts.get(name);
          return (
            <li key={name} class="chip picked-host">
              <span class={`swatch swatch-${index + 1}`} aria-hidden="true" />
              <a href={hostLink(name)}>{name}</a>
              {host !== undefined && host.state !== "up" && <StateMark state={host.state} />}
              <button type="button" class="plain-button" aria-label={t("Remove {name}", { name })}
                      onClick={() => refine({ ...route, hosts: route.hosts.filter((one) => one !== name) })}>×</button>
            </li>
          );
        })}
      </ul>
      <form onSubmit={add} class="row">
        <input ref={field} list="all-hosts" disabled={full} aria-label={t("Add a host")} autocomplete="off" spellcheck={false}
               placeholder={full ? t("{n} hosts at most", { n: kMostCompared }) : t("Add a host   /")} />
        <datalist id="all-hosts">{names.slice(0, 2000).map((name) => <option key={name} value={name} />)}</datalist>
        <button type="submit" disabled={full}>{t("Add")}</button>
        <span class="error-text" role="alert">{error}</span>
      </form>
    </div>
  );
}

export function CompareView({ route }: { route: CompareRoute }) {
  const ready = useObservable(loaded);
  const hosts = useObservable(fleet);
  const actions = useRange(route);
  const shortcuts = useMemo(() => [
    ...actions.shortcuts,
    kFullShortcut,
    { keys: "/", what: t("Add a host"), run: () => document.querySelector<HTMLInputElement>(".picked input")?.focus() },
  ], [actions]);
  useShortcuts(t("Compare"), shortcuts);
  if (!ready) return <p class="loading" role="status">{t("Loading the hosts…")}</p>;
  const suggest = (value: (host: Host) => number | null) => (): void => {
    const found = [...hosts.values()]
      .filter((host) => host.state !== "down" && host.state !== "paused" && value(host) !== null)
      .sort((a, b) => (value(b) ?? 0) - (value(a) ?? 0));
    go({ ...route, hosts: found.slice(0, 5).map((host) => host.host) });
  };
  return (
    <>
      <h1 class="view-title">{t("Compare")}</h1>
      <HostPicker route={route} hosts={hosts} />
      {route.hosts.length === 0 ? (
        <div class="empty">
          <p>{t("Choose hosts above, or start with the five that have most of something now:")}</p>
          <div class="chips">
            {kSuggestions.map(([title, value]) => <button key={title} type="button" onClick={suggest(value)}>{title}</button>)}
          </div>
          <p class="quiet">{tx("In the fleet, {button} takes the first eight hosts of the search and order there.", { button: <em>{t("Compare")}</em> })}</p>
        </div>
      ) : (
        <Charts route={route} interval={Math.max(...route.hosts.map((name) => paceOf(route.range, hosts.get(name)?.interval_seconds)))} actions={actions} />
      )}
    </>
  );
}

function Charts({ route, interval, actions }: { route: CompareRoute; interval: number; actions: ReturnType<typeof useRange> }) {
  const { data, error, busy, retry } = usePanels(
    { panels: kComparisons, hosts: route.hosts, intervalSeconds: interval }, route.range, `${formatRoute(route)} ${interval}`);
  const events = useEvents(route.hosts, route.range);
  const order = route.hosts.join("\n");
  const colourOf = useCallback((key: string) => Math.max(0, order.split("\n").indexOf(key)), [order]);
  return (
    <>
      <RangeBar range={route.range} busy={busy} onRange={actions.show} onPan={actions.move} onZoomOut={actions.zoomOut}>
        <Annotate hosts={route.hosts} range={route.range} />
        {route.range.kind === "absolute" && (
          <a class="button" href={formatRoute({ view: "logs", query: anyHost(route.hosts), range: route.range, show: "lines" })}>{t("Logs of this range")}</a>
        )}
      </RangeBar>
      <EventList events={events} />
      {error !== null && data !== null && (
        <div class="banner" role="alert">
          <strong>{t("Not up to date:")}</strong> {error}. <button type="button" onClick={retry}>{t("Try again")}</button>
        </div>
      )}
      <h2 class="hidden">{t("Charts")}</h2>
      <div class="panels">
        {kComparisons.map((panel) => (
          <PanelView key={panel.id} panel={panel} data={data?.get(panel.id)} failed={error} actions={actions} onRetry={retry} colourOf={colourOf} events={events} />
        ))}
      </div>
    </>
  );
}
