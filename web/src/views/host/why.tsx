// Why a host is as it is, under its name: what is wrong, who uses it, what differs from other days, and what its data lack.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../../core/texts.ts";
import { compareVersions } from "../../core/facts.ts";
import { format, formatDuration, type Unit } from "../../core/format.ts";
import type { Host } from "../../core/hosts.ts";
import type { StatementResult } from "../../core/influx_response.ts";
import { literal, type Window } from "../../core/influxql.ts";
import { causeWords } from "../../core/trouble.ts";
import { isComparable, unusualWords, type Figure } from "../../core/usual.ts";
import { serverNow } from "../../net/live.ts";
import { runEach } from "../../net/query.ts";
import { decodeFailing, failingWords, kOutcome, type FailingCollector } from "../../net/scripts.ts";
import { wantSince } from "../../net/since.ts";
import { failingSinks, serverVersion } from "../../net/sinks.ts";
import { troubles } from "../../net/trouble.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { lastingSince, sinceTitle } from "../fleet/columns.tsx";
import { figuresOf, figureStatements, type Windows } from "./figures.ts";

const kRefreshMs = 60_000;
const kMinute = 60_000;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;
const kStep = 5 * kMinute;
const kPrograms = 3;

interface Program { name: string; cpu: number; memory: number }
interface Told {
  figures: Figure[];
  programs: Program[];
  failing: FailingCollector[];
}

function programsOf(result: StatementResult | undefined): Program[] {
  const programs = new Map<string, Program>();
  for (const series of result?.series ?? []) {
    const name = series.tags["process_name"] ?? "";
    if (name === "" || name === "other") continue;
    const value = (column: string): number => Number(series.values[0]?.[series.columns.indexOf(column)] ?? 0);
    const one = programs.get(name) ?? { name, cpu: 0, memory: 0 };
    programs.set(name, { name, cpu: one.cpu + value("cpu"), memory: one.memory + value("memory") });
  }
  return [...programs.values()];
}

async function ask(host: string, signal: AbortSignal): Promise<Told> {
  const end = Math.round(serverNow() + 1000);
  const last = (columns: string, from: string, lookBack: number, by: string): string =>
    `SELECT ${columns} FROM "${from}" WHERE "host" = ${literal(host)} AND time >= ${end - lookBack}ms AND time < ${end}ms GROUP BY ${by}`;
  const to = Math.floor(end / kStep) * kStep;
  const hourBefore = (back: number): Window => ({ from: to - back - 6 * kStep, to: to - back + 6 * kStep, step: kStep });
  const windows: Windows = [{ from: to - 3 * kStep, to: to + kStep, step: kStep }, hourBefore(kDay), hourBefore(7 * kDay)];
  const [programs, collectors, ...figures] = await runEach([
    last('last("cpu_usage") AS "cpu", last("memory_rss") AS "memory"', "procstat", 2 * kMinute, '"process_name", "user"'),
    last(kOutcome, "internal_collector", kHour, '"collector"'),
    ...figureStatements(host, windows),
  ], signal);
  return { programs: programsOf(programs), failing: decodeFailing(collectors, host), figures: figuresOf(figures, windows) };
}

function topWords(programs: readonly Program[], key: "cpu" | "memory", unit: Unit): string {
  return programs.slice().sort((a, b) => b[key] - a[key]).slice(0, kPrograms).filter((one) => one[key] > 0)
    .map((one) => `${one.name} ${format(one[key], unit)}`).join(", ");
}

export function Why({ host }: { host: Host }) {
  const [told, setTold] = useState<Told | null>(null);
  const trouble = useObservable(troubles).get(host.host);
  const sinks = useObservable(failingSinks);
  const server = useObservable(serverVersion);
  useEffect(() => {
    const aborter = new AbortController();
    const update = (): void => {
      if (document.visibilityState === "visible") ask(host.host, aborter.signal).then(setTold, () => undefined);
    };
    setTold(null);
    update();
    const timer = setInterval(update, kRefreshMs);
    return () => {
      aborter.abort();
      clearInterval(timer);
    };
  }, [host.host]);
  useEffect(() => {
    if (trouble !== undefined) wantSince([trouble]);
  }, [trouble]);

  const lines: { label: string; text: ComponentChildren; bad?: boolean }[] = [];
  if (trouble !== undefined && host.state !== "down") {
    const lasting = lastingSince(trouble);
    lines.push({ label: t("In trouble"), text: <>{causeWords(trouble)}{lasting !== undefined && <> <span title={sinceTitle(trouble)}>{lasting}</span></>}</>, bad: true });
  }
  const failing = told?.failing ?? [];
  if (failing.length > 0) lines.push({ label: t("Failing"), text: failing.map(failingWords).join(", "), bad: true });
  if (sinks.length > 0) {
    const words = sinks.map((sink) => `${sink.name}${sink.failingSince === null ? "" : ` ${t("for {lasting}", { lasting: formatDuration(Math.max(0, serverNow() - sink.failingSince) / 1000) })}`}`).join(", ");
    lines.push({ label: t("Not forwarded"), text: t("The samples of this host wait for {sinks}.", { sinks: words }), bad: true });
  }
  if (host.version !== "" && server !== "" && compareVersions(host.version, server) < 0) {
    lines.push({ label: t("Old client"), text: t("resmon-client {version} is older than the server ({server}).", { version: host.version, server }), bad: true });
  }
  if (told !== null && host.state !== "down") {
    const cpu = topWords(told.programs, "cpu", "percent");
    const memory = topWords(told.programs, "memory", "bytes");
    if (cpu !== "") lines.push({ label: t("Most CPU"), text: <>{cpu} <span class="quiet">{t("(100 % is one core)")}</span></> });
    if (memory !== "") lines.push({ label: t("Most memory"), text: memory });
    const unusual = told.figures.map((figure) => unusualWords(figure)).filter((words): words is string => words !== null);
    const same = told.figures.filter((figure) => isComparable(figure) && unusualWords(figure) === null).map((figure) => figure.title);
    if (unusual.length > 0) lines.push({ label: t("Unusual"), text: unusual.map((words) => <span key={words} class="why-part">{words}</span>) });
    else if (same.length > 0) lines.push({ label: t("As usual"), text: <span class="quiet">{told.figures.some((one) => one.weekAgo !== null) ? t("{list} are as at this hour yesterday or a week ago", { list: same.join(", ") })
      : t("{list} are as at this hour yesterday", { list: same.join(", ") })}</span> });
  }
  if (lines.length === 0) return null;
  return (
    <dl class="why" aria-label={t("Why")}>
      {lines.map(({ label, text, bad }) => <div key={label}><dt>{label}</dt><dd class={bad === true ? "error-text" : ""}>{text}</dd></div>)}
    </dl>
  );
}
