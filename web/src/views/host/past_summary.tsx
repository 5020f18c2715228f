// What a host did in the range of its charts, in figures and words, where that is a range of the past. Nearly all of it is in the data of the
// charts (past.ts); one request asks for the rest (use_past.ts).

import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { t } from "../../core/texts.ts";
import type { AlertSpan } from "../../core/alerts.ts";
import { format, formatDuration, type Unit } from "../../core/format.ts";
import { measure, type Host } from "../../core/hosts.ts";
import { formatRoute, kDefaultRange, type HeatKey } from "../../core/route.ts";
import { windowOf, type Range } from "../../core/time_range.ts";
import { causeWords, kResources } from "../../core/trouble.ts";
import { unusualWords } from "../../core/usual.ts";
import { serverNow } from "../../net/live.ts";
import type { Panels } from "../../net/panel_data.ts";
import { troubles } from "../../net/trouble.ts";
import { kLevelClass, level } from "../../ui/settings.ts";
import { useObservable } from "../../ui/use_observable.ts";
import { pastOf, rangeTitle, spanWords, spellWords, type Course, type Program, type Span, type Spell } from "./past.ts";
import { usePast, type PastFigures } from "./use_past.ts";

const kNone: readonly number[] = [];
const kMostNamed = 3;
const kMostAlerts = 4;

export interface PastProps {
  name: string;
  host: Host | undefined;
  range: Extract<Range, { kind: "absolute" }>;
  intervalSeconds: number;
  panels: Panels | null;
  began: number | null;  // when the data begin, where that is known
  alerts: readonly AlertSpan[];
  onRestarts: (times: readonly number[]) => void;  // what the charts may mark
}

const programWords = (programs: readonly Program[], unit: Unit): string => programs.map(({ name, value }) => `${name} ${format(value, unit)}`).join(", ");

// Whether the programs of a spell are worth a line beside those of the range.
const kMuchMore = 1.25;
const isOther = ([first]: readonly Program[], [usual]: readonly Program[]): boolean =>
  first !== undefined && (usual === undefined || first.name !== usual.name || first.value > kMuchMore * usual.value);

// The first ones, and how many more there are.
const some = (all: readonly string[], most: number): string =>
  [...all.slice(0, most), ...(all.length > most ? [t("and {n} more", { n: all.length - most })] : [])].join(", ");

function alertWords(alerts: readonly AlertSpan[], name: string, within: Span): string[] {
  const groups = new Map<string, AlertSpan[]>();
  for (const one of alerts) {
    if (one.from >= within.to || (one.to ?? Infinity) <= within.from) continue;
    const key = `${one.rule} ${one.what.startsWith(name) ? one.what.slice(name.length).trim() : one.what}`.trim();
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups].map(([what, all]) => {
    const [first] = all;
    if (first === undefined) return what;
    const cut = { from: Math.max(first.from, within.from), to: Math.min(first.to ?? Infinity, within.to) };
    return all.length === 1 ? `${what} ${spanWords(cut, within)}` : t("{what} {n} times, first {when}", { what, n: all.length, when: spanWords(cut, within) });
  });
}

export function PastSummary({ name, host, range, intervalSeconds, panels, began, alerts, onRestarts }: PastProps) {
  const figures = usePast(name, range);
  useEffect(() => {
    onRestarts(figures?.restarts ?? kNone);
    return () => onRestarts(kNone);
  }, [figures]);
  const window = windowOf(range, 0, intervalSeconds);
  const within: Span = { from: range.from, to: Math.min(range.to, serverNow()) };
  const pressure = (value: number): boolean => ["raised", "high"].includes(level("pressure", value, host));
  // While other data are on their way, those of the host and range before are still there.
  const own = useMemo(() => new Map([...(panels ?? [])].filter(([, one]) => one.window.from === window.from && one.window.step === window.step
    && one.window.to === window.to && one.hosts[0] === name)), [panels, name, window.from, window.to, window.step]);
  const past = useMemo(() => pastOf(own, window, within, pressure), [own]);

  // Leads to the charts of that time, with some before and after it.
  const link = (spell: Spell): ComponentChildren => {
    const more = (spell.to - spell.from) / 2;
    const zoomed: Range = { kind: "absolute", from: Math.floor(spell.from - more), to: Math.ceil(spell.to + more) };
    return <a href={formatRoute({ view: "host", host: name, range: zoomed })} title={t("Show this time")}>{spellWords(spell, within)}</a>;
  };
  const high = (course: Course | null, unit: Unit, of?: HeatKey): ComponentChildren => course === null ? null : (
    <>
      {t("highest")} <span class={of === undefined ? "" : kLevelClass[level(of, course.highest, host)]}>{format(course.highest, unit)}</span>
      {course.spell !== null && <> ({link(course.spell)})</>}
    </>
  );
  const tile = (title: string, course: Course | null, unit: Unit, of?: HeatKey): ComponentChildren => (
    <div>
      <dt>{title}</dt>
      <dd>{format(course?.mean, unit)}{course !== null && <span class="quiet"> {t("mean")}</span>}</dd>
      <dd class="past-high">{high(course, unit, of)}{course !== null && course.peak !== null && `, ${t("peak")} ${format(course.peak, unit)}`}</dd>
    </div>
  );
  const { fullest, busiest, received, sent } = past;
  return (
    <>
      <h2 class="past-title">{rangeTitle(range)}</h2>
      {(own.size === 0 || [past.cpu, past.memory, fullest, busiest, received].some((one) => one !== null)) && (
        <dl class="facts is-past" aria-label={t("In this range")}>
          {tile("CPU", past.cpu, "percent", "cpu")}
          {tile(t("Memory"), past.memory, "percent", "memory")}
          <div>
            <dt>{t("Disk {path}", { path: fullest?.path ?? "" })}</dt>
            <dd><span class={fullest === null ? "" : kLevelClass[level("disk", fullest.highest, host)]}>{format(fullest?.highest, "percent")}</span>{fullest !== null && <span class="quiet"> {t("highest")}</span>}</dd>
            <dd class="past-high">{fullest !== null && t("from {from} to {to}", { from: format(fullest.first, "percent"), to: format(fullest.last, "percent") })}</dd>
          </div>
          {tile(`${t("Busiest disk")} ${busiest?.name ?? ""}`, busiest, "percent")}
          {tile(`${t("Net in")} ${received?.name ?? ""}`, received, "bits_per_second")}
          {tile(`${t("Net out")} ${sent?.name ?? ""}`, sent, "bits_per_second")}
        </dl>
      )}
      <PastWords {...{ name, host, within, past, alerts, figures, began }} />
    </>
  );
}

interface WordsProps extends Pick<PastProps, "name" | "host" | "began" | "alerts"> {
  figures: PastFigures | null;
  within: Span;
  past: ReturnType<typeof pastOf>;
}

function PastWords({ name, host, within, past, alerts, figures, began }: WordsProps) {
  const lines: { label: string; text: ComponentChildren; bad?: boolean }[] = [];
  const parts = (all: readonly string[]): ComponentChildren => all.map((words) => <span key={words} class="why-part">{words}</span>);
  const { cpu, memory, busiest } = past;
  if (past.mostCpu.length > 0) {
    lines.push({ label: t("Most CPU"), text: <>
      <span class="why-part">{programWords(past.mostCpu, "percent")} <span class="quiet">{t("(100 % is one core)")}</span></span>
      {cpu !== null && cpu.spell !== null && isOther(past.mostCpuInSpell, past.mostCpu) && <span class="why-part">{spellWords(cpu.spell, within)}: {programWords(past.mostCpuInSpell, "percent")}</span>}
    </> });
  }
  if (past.mostMemory.length > 0) {
    lines.push({ label: t("Most memory"), text: `${memory !== null && memory.spell !== null ? `${spellWords(memory.spell, within)}: ` : ""}${programWords(past.mostMemory, "bytes")}` });
  }
  if (past.mostDisk.length > 0 && busiest !== null && busiest.spell !== null) {
    lines.push({ label: t("Most disk use"), text: `${spellWords(busiest.spell, within)}: ${programWords(past.mostDisk, "bytes_per_second")}` });
  }
  if (past.filled.length > 0) {
    lines.push({ label: t("Filled up"), text: parts(past.filled.slice(0, kMostNamed).map(({ path, from, highest, to, at }) => {
      const said = { path, from: format(from, "percent"), highest: format(highest, "percent"), when: spanWords({ from: at, to: at + 60_000 }, within, true) };
      return highest - to < 1 ? t("{path} from {from} to {highest} ({when})", said) : t("{path} from {from} to {highest} ({when}), in the end {to}", { ...said, to: format(to, "percent") });
    })) });
  }
  if (past.waits.length > 0) {
    lines.push({ label: t("Pressure"), text: some(past.waits.map((one) =>
      `${kResources[one.resource] ?? one.resource} ${format(one.highest, "percent")}${one.spell === null ? "" : ` (${spellWords(one.spell, within)})`}`), kMostNamed) });
  }
  const fired = alertWords(alerts, name, within);
  if (fired.length > 0) lines.push({ label: t("Alerts"), text: some(fired, kMostAlerts), bad: true });
  const restarts = figures?.restarts ?? [];
  if (restarts.length > 0) {
    lines.push({ label: t("Restarted"), text: some(restarts.map((from) => spanWords({ from, to: from + 60_000 }, within, true)), kMostNamed), bad: true });
  }
  const silent = past.silent.filter((one) => began === null || one.to > began).map((one) => ({ from: Math.max(one.from, began ?? 0), to: one.to }));
  if (silent.length > 0) {
    lines.push({ label: t("No data"), text: some(silent.map((one) => `${spanWords(one, within)} (${formatDuration((one.to - one.from) / 1000)})`), kMostNamed), bad: true });
  }
  const unusual = (figures?.figures ?? []).map((figure) => unusualWords(figure, true)).filter((words): words is string => words !== null);
  if (unusual.length > 0) lines.push({ label: t("Unusual"), text: parts(unusual) });
  if (host !== undefined) lines.push({ label: t("Now"), text: <Now host={host} /> });
  return (
    <dl class="why" aria-label={t("What it did")}>
      {lines.map(({ label, text, bad }) => <div key={label}><dt>{label}</dt><dd class={bad === true ? "error-text" : ""}>{text}</dd></div>)}
    </dl>
  );
}

function Now({ host }: { host: Host }) {
  const trouble = useObservable(troubles).get(host.host);
  const figures = ([["CPU", "cpu"], [t("memory"), "memory"], [t("disk"), "disk"]] as const).flatMap(([title, key]) => {
    const value = measure(host, key);
    return value === null ? [] : [`${title} ${format(value, "whole_percent")}`];
  });
  return (
    <>
      {trouble !== undefined ? <span class="error-text">{causeWords(trouble)}</span> : host.state === "up" || host.state === "late" ? figures.join(", ") : ""}{" "}
      <a href={formatRoute({ view: "host", host: host.host, range: kDefaultRange })}>{t("Show how it is now")}</a>
    </>
  );
}
