// What scripts, inputs and logs' metrics deliver: measurements of which the page knows nothing get charts of their numbers, a line for each set of
// tags, and a table of their texts.

import { useEffect, useMemo, useState } from "preact/hooks";
import { count, t } from "../../core/texts.ts";
import type { Line, Panel } from "../../charts/panel.ts";
import { total } from "../../charts/panel.ts";
import { pageColours } from "../../charts/colours.ts";
import type { Unit } from "../../core/format.ts";
import type { StatementResult } from "../../core/influx_response.ts";
import { identifier, literal, mean } from "../../core/influxql.ts";
import { kKnownMeasurements } from "../../core/known.ts";
import { seriesLabel } from "../../core/tags.ts";
import { runEach } from "../../net/query.ts";
import { PanelView } from "../../ui/panel_view.tsx";
import { usePanels } from "../../ui/use_panels.ts";
import { DataTable, type ChartContext, type Head } from "./data_table.tsx";
import { latestRows, type Latest, type Part } from "./latest.ts";
import { useLatest } from "./use_latest.ts";

const kMostMeasurements = 20;
const kMostFields = 8;
const kMostLines = 8;
const kLookBackMs = 26 * 3_600_000;
const kRefreshMs = 300_000;

// `[script.NAME.panel]` of the client's configuration.
interface PanelWords {
  title: string;
  unit: Unit | null;
  style: "line" | "stack";
}

interface Other extends PanelWords {
  name: string;
  numbers: string[];
  texts: string[];
  tags: string[];
}

async function fetchOthers(host: string, signal: AbortSignal): Promise<{ found: Other[]; left: number }> {
  const [names] = await runEach([`SHOW MEASUREMENTS WHERE "host" = ${literal(host)}`], signal);
  const unknown = (names?.series[0]?.values ?? []).map((row) => String(row[0] ?? "")).filter((name) => !kKnownMeasurements.has(name));
  const asked = unknown.slice(0, kMostMeasurements);
  if (asked.length === 0) return { found: [], left: 0 };
  const panels = await runEach([`SELECT last("title") AS "title", last("unit") AS "unit", last("kind") AS "kind" FROM "script_panel" WHERE "host" = ${literal(host)} GROUP BY "measurement"`], signal);
  const results = await runEach(asked.flatMap((name) => [`SHOW FIELD KEYS FROM ${identifier(name)}`, `SHOW TAG KEYS FROM ${identifier(name)}`]), signal);
  const found = asked.map((name, index): Other => {
    const fields = (results[2 * index]?.series[0]?.values ?? []).map(([field, type]) => ({ field: String(field ?? ""), type: String(type ?? "") }));
    const isNumber = (type: string): boolean => type === "float" || type === "integer" || type === "unsigned";
    return {
      name, ...panelWords(panels[0], name), numbers: fields.filter(({ type }) => isNumber(type)).map(({ field }) => field), texts: fields.filter(({ type }) => !isNumber(type)).map(({ field }) => field),
      tags: (results[2 * index + 1]?.series[0]?.values ?? []).map((row) => String(row[0] ?? "")).filter((tag) => tag !== "host"),
    };
  });
  return { found, left: unknown.length - asked.length };
}

const kNamedUnits: readonly Unit[] = [
  "number", "count", "percent", "bytes", "bytes_per_second", "bits_per_second", "per_second", "seconds", "milliseconds", "celsius",
];

export function panelWords(result: StatementResult | undefined, measurement: string): PanelWords {
  const series = result?.series.find((one) => one.tags["measurement"] === measurement);
  const word = (column: string): string => String(series?.values[0]?.[series.columns.indexOf(column)] ?? "");
  return { title: word("title"), unit: kNamedUnits.find((unit) => unit === word("unit")) ?? null, style: word("kind") === "stack" ? "stack" : "line" };
}

const kUnits: readonly [RegExp, Unit][] = [
  [/percent$/, "percent"], [/bytes_per_second$/, "bytes_per_second"], [/bytes$/, "bytes"], [/per_second$/, "per_second"], [/(milliseconds|_ms)$/, "milliseconds"],
  [/seconds$/, "seconds"], [/celsius$/, "celsius"], [/(count|total)$/, "count"],
];
export const unitOf = (field: string): Unit => kUnits.find(([shape]) => shape.test(field))?.[1] ?? "number";

function panelOf(other: Other, field: string): Panel {
  return {
    id: `other-${`${other.name}-${field}`.replace(/[^A-Za-z0-9]+/g, "-")}`, section: other.name, title: field, unit: other.unit ?? unitOf(field), style: other.style,
    sources: [{ from: other.name, columns: [mean(field, "value")], by: other.tags }],
    draw: ([grid]) => {
      const ranked = (grid?.series ?? []).slice().sort((a, b) => total(b.values) - total(a.values));
      const largest = ranked.slice(0, kMostLines).map((series) => ({ series, key: JSON.stringify(series.tags), label: seriesLabel(series.tags) }));
      const colours = pageColours.of(`other ${other.name}`, largest.map(({ key }) => key));
      const lines = largest.map(({ series, key, label }, at): Line => ({ key, label: label === "" ? field : label, colour: colours[at] ?? 0, values: series.values }));
      const left = ranked.length - lines.length;
      return left > 0 ? { lines, note: t("The largest {shown} of {all} series.", { shown: lines.length, all: ranked.length }) } : { lines };
    },
  };
}

// Where the section is on the page, once there is anything in it.
export const kOthersId = "section-others";

export function Others({ onFound, ...context }: ChartContext & { onFound: (any: boolean) => void }) {
  const { host } = context;
  const [state, setState] = useState<{ found: Other[]; left: number }>({ found: [], left: 0 });
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      // The same list stays the same object, so that nothing is asked for anew.
      fetchOthers(host, aborter.signal).then((next) => setState((old) => (JSON.stringify(old) === JSON.stringify(next) ? old : next)), () => undefined);
    };
    setState({ found: [], left: 0 });
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host]);
  const any = state.found.length > 0;
  useEffect(() => onFound(any), [any]);
  if (!any) return null;
  return (
    <section class="section" id={kOthersId} aria-label={t("Other measurements")}>
      <h2>{t("From scripts, inputs and metrics of logs")}</h2>
      {state.found.map((other) => <OtherView key={other.name} other={other} context={context} />)}
      {state.left > 0 && <p class="quiet">{count("{n} more measurement is in Explore.|{n} more measurements are in Explore.", state.left)}</p>}
    </section>
  );
}

function OtherView({ other, context }: { other: Other; context: ChartContext }) {
  const { host, range, intervalSeconds, actions } = context;
  const panels = useMemo(() => other.numbers.slice(0, kMostFields).map((field) => panelOf(other, field)), [other]);
  const { data, error, retry } = usePanels({ panels, hosts: [host], intervalSeconds }, range, `${host} ${other.name} ${panels.length} ${JSON.stringify(range)}`);
  const parts = useMemo((): Part[] => (other.texts.length === 0 ? []
    : [{ from: other.name, by: other.tags, columns: other.texts, lookBackMs: kLookBackMs }]), [other]);
  const results = useLatest(parts, host, range);
  const rows = latestRows(parts, results, false);
  const heads = useMemo(() => other.texts.map((field): Head<Latest> => ({ title: field, ascendingFirst: true, value: (row) => {
    const value = row.values[field] ?? null;
    return value === null ? null : String(value);
  } })), [other]);
  return (
    <section aria-label={other.name}>
      <h3 class="other-name">{other.title === "" ? other.name : other.title}{other.title !== "" && <span class="quiet"> {other.name}</span>}</h3>
      {rows.length > 0 && (
        <DataTable title={other.tags[0] ?? other.name} caption={t("Texts of {measurement}", { measurement: other.name })} rows={rows} heads={heads} context={context} sorted={-1}
                   keyOf={(row) => row.key} nameOf={(row) => row.name || other.name} aboutOf={(row) => row.about} />
      )}
      <div class="panels">
        {panels.map((panel) => <PanelView key={panel.id} panel={panel} data={data?.get(panel.id)} failed={error} actions={actions} onRetry={retry} />)}
      </div>
      {other.numbers.length > kMostFields && <p class="quiet">{count("{n} more field is in Explore.|{n} more fields are in Explore.", other.numbers.length - kMostFields)}</p>}
    </section>
  );
}
