import { useMemo, useRef } from "preact/hooks";
import { kPanels } from "../../charts/panels.ts";
import { formatRoute, type HostRoute } from "../../core/route.ts";
import { kDefaultPreset, kMinimumSpanMs, kPresets, pan, type Range } from "../../core/time_range.ts";
import { sortHosts } from "../../core/hosts.ts";
import { fleet, loaded, serverNow } from "../../net/live.ts";
import { useShortcuts } from "../../ui/keyboard.ts";
import { go, refine } from "../../ui/navigation.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { PanelView } from "./panel_view.tsx";
import { RangeBar } from "./range_bar.tsx";
import { HostSummary } from "./summary.tsx";
import { useHostData } from "./use_host_data.ts";

const kSections = [...new Set(kPanels.map((panel) => panel.section))];

export function HostView({ route }: { route: HostRoute }) {
  const ready = useObservable(loaded);
  if (!ready) return <p class="loading" role="status">Loading {route.host}…</p>;
  return <Host route={route} />;
}

function Host({ route }: { route: HostRoute }) {
  const hosts = useObservable(fleet);
  const host = hosts.get(route.host);
  const { data, error, busy, retry } = useHostData(route.host, route.range, formatRoute(route), host?.interval_seconds ?? 5);
  // Where zooming started, so that double-click and Escape lead back to it.
  const before = useRef<Range>(route.range.kind === "last" ? route.range : { kind: "last", preset: kDefaultPreset });
  if (route.range.kind === "last") before.current = route.range;

  const actions = useMemo(() => {
    const show = (range: Range): void => go({ ...route, range });
    const step = (by: number) => () => {
      const names = sortHosts([...fleet.value.values()], "host", false).map((one) => one.host);
      const next = names[(names.indexOf(route.host) + by + names.length) % names.length];
      if (next !== undefined) go({ ...route, host: next });
    };
    const move = (fraction: number): void => refine({ ...route, range: pan(route.range, serverNow(), fraction) });
    return {
      show,
      move,
      zoom: (from: number, to: number): void => {
        const middle = (from + to) / 2;
        const half = Math.max(to - from, kMinimumSpanMs) / 2;
        show({ kind: "absolute", from: Math.floor(middle - half), to: Math.ceil(middle + half) });
      },
      reset: (): void => {
        if (route.range.kind === "absolute") show(before.current);
      },
      shortcuts: [
        ...kPresets.map((preset, index) => ({
          keys: String(index + 1), what: `Show ${preset.name}`, run: () => show({ kind: "last", preset }),
        })),
        { keys: "ArrowLeft", what: "Earlier", run: () => move(-0.5) },
        { keys: "ArrowRight", what: "Later", run: () => move(0.5) },
        { keys: "[", what: "Previous host", run: step(-1) },
        { keys: "]", what: "Next host", run: step(1) },
        { keys: "Escape", what: "Leave the zoom", run: () => route.range.kind === "absolute" && show(before.current) },
        { keys: "/", what: "Search hosts", run: () => {
          go({ view: "fleet", search: "", sort: "state", descending: false, layout: "table" });
          requestAnimationFrame(() => document.querySelector<HTMLInputElement>(".search input")?.focus());
        } },
      ],
    };
  }, [formatRoute(route)]);
  useShortcuts("Host", actions.shortcuts);

  const hasAny = data !== null && [...data.panels.values()].some((panel) => panel.grids.some((grid) => grid.series.length > 0));
  const blank = data !== null && !hasAny && !busy && [...data.panels.values()].every((panel) => panel.error === null);
  return (
    <>
      {host !== undefined ? (
        <HostSummary host={host} />
      ) : (
        <div class="summary">
          <div class="summary-head"><h1>{route.host}</h1></div>
          <p class="quiet">The server knows no host of this name at present. What is stored of it is shown below. <a href="#/">All hosts</a></p>
        </div>
      )}
      <RangeBar range={route.range} busy={busy} onRange={actions.show} onPan={actions.move} />
      {error !== null && data !== null && (
        <div class="banner" role="alert">
          <strong>Not up to date:</strong> {error}. <button type="button" onClick={retry}>Try again</button>
        </div>
      )}
      {blank ? (
        <div class="empty" role="status">
          <p>Nothing is stored of <q>{route.host}</q> in this range.</p>
          <p class="quiet">Choose a longer one above; a client that has just started needs two samples before its first chart.</p>
        </div>
      ) : (
        kSections.map((section) => (
          <section key={section} class="section" aria-label={section}>
            <h2>{section}</h2>
            <div class="panels">
              {kPanels.filter((panel) => panel.section === section).map((panel) => (
                <PanelView key={panel.id} panel={panel} data={data?.panels.get(panel.id)} window={data?.window}
                           failed={error} onZoom={actions.zoom} onReset={actions.reset} onRetry={retry} />
              ))}
            </div>
          </section>
        ))
      )}
    </>
  );
}
