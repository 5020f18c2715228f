// Log lines as the server answers them, and how a search is changed by a click. Nothing here touches the page or the network.

export const kLineLevels = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug", "none"] as const;
export type LineLevel = (typeof kLineLevels)[number];

export interface LogLine {
  time: string;  // RFC 3339 with up to nine decimals, as the server wrote it
  ms: number;
  host: string;
  source: string;
  level: LineLevel;
  unit: string;
  pid: number | null;
  message: string;
  cut: boolean;
  fields: readonly (readonly [string, string])[];
}

export interface Page {
  lines: LogLine[];
  cursor: string;   // where the next page begins; empty: there is none
  partial: string;  // why it is not complete; empty: it is
}

export interface Histogram {
  start: number;
  step: number;
  buckets: number;
  levels: ReadonlyMap<LineLevel, readonly number[]>;
  total: number;
  partial: string;
}

export interface Facet {
  name: string;
  values: readonly { value: string; lines: number }[];
  others: number;
}

export interface Pattern {
  pattern: string;
  lines: number;
  example: string;
  isNew: boolean;
  level: LineLevel;  // the most severe
}

// A message's own time and level, as loggers write them at its begin. log_lines.sh does the same in the terminal.
const kMonth = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec";
const kMonths = kMonth.split("|");
const kClock = "(?<clock>\\d\\d:\\d\\d:\\d\\d)(?:[.,]\\d{1,9})?";
const kZone = "(?: ?(?<zone>Z|UTC|GMT|[+-]\\d\\d:?\\d\\d)(?![\\w:]))?";
const kWrittenTimes: readonly RegExp[] = [
  `(?<year>\\d{4})[-/](?<month>\\d\\d)[-/](?<day>\\d\\d)[T ]${kClock}${kZone}`,               // RFC 3339, Log4j, Logback, Python, nginx's errors
  `(?<day>\\d\\d)/(?<month>${kMonth})/(?<year>\\d{4}):${kClock}${kZone}`,         // the common log format
  `(?<month>${kMonth}) (?<day>[ \\d]?\\d) ${kClock}`,                               // RFC 3164
].map((shape) => new RegExp(`^(\\[?)${shape}\\]?(?:[ \\t]*[-|,:])?[ \\t]+`));
const kWrittenLevels: Partial<Record<LineLevel, readonly string[]>> = {
  emergency: ["EMERGENCY", "EMERG", "PANIC"], alert: ["ALERT"], critical: ["CRITICAL", "CRIT", "FATAL"], error: ["ERROR", "ERR", "SEVERE"],
  warning: ["WARNING", "WARN"], notice: ["NOTICE"], info: ["INFORMATION", "INFO"], debug: ["DEBUG", "TRACE"],
};
const kQuarter = 900;         // seconds: offsets of zones are multiples of it
const kFurthest = 14 * 3600;  // the largest offset

// Whether the time that is written can be the line's: to the second where a zone stands with it; else it is local somewhere.
function isTimeOf(line: Pick<LogLine, "time">, written: Record<string, string | undefined>): boolean {
  const known = Date.parse(`${line.time.slice(0, 19)}Z`) / 1000;
  const month = kMonths.indexOf(written["month"] ?? "");
  const at = (year: number): number =>
    Date.parse(`${year}-${month < 0 ? written["month"] : String(month + 1).padStart(2, "0")}-${(written["day"] ?? "").trim().padStart(2, "0")}T${written["clock"]}Z`) / 1000;
  const zone = written["zone"];
  if (zone !== undefined) {
    const [, sign, hours, minutes] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
    const east = (sign === "-" ? -1 : 1) * (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60);
    return at(Number(written["year"])) - east === known;
  }
  const year = Number(line.time.slice(0, 4));
  const years = written["year"] === undefined ? [year - 1, year, year + 1] : [Number(written["year"])];
  return years.map(at).some((time) => Math.abs(time - known) <= kFurthest && (time - known) % kQuarter === 0);
}

// The message beside the line's time and level: without these where it begins with them.
export function messageBeside(line: Pick<LogLine, "time" | "level" | "message">): string {
  const begin = kWrittenTimes.map((shape) => shape.exec(line.message)).find((found) => found !== null);
  if (begin === undefined || begin === null || !isTimeOf(line, begin.groups ?? {})) return line.message;
  const rest = line.message.slice(begin[0].length);
  // In capitals, or marked by brackets.
  const level = /^(?:\[ ?([A-Za-z]+) ?\]|([A-Z]+))(?:[ \t]*[-:|])?[ \t]+/.exec(rest);
  const word = (level?.[1] ?? level?.[2] ?? "").toUpperCase();
  return level !== null && kWrittenLevels[line.level]?.includes(word) === true ? rest.slice(level[0].length) : rest;
}

type Dict = Record<string, unknown>;
const dict = (value: unknown): Dict => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Dict) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);
const levelOf = (value: unknown): LineLevel => kLineLevels.find((one) => one === value) ?? "none";

export function decodeLine(value: unknown): LogLine {
  const one = dict(value);
  const time = text(one["time"]);
  return {
    time, ms: Date.parse(time), host: text(one["host"]), source: text(one["source"]), level: levelOf(one["level"]), unit: text(one["unit"]),
    pid: typeof one["pid"] === "number" ? one["pid"] : null, message: text(one["message"]), cut: one["cut"] === true,
    fields: Object.entries(dict(one["fields"])).map(([name, field]) => [name, text(field)] as const),
  };
}

export function decodePage(value: unknown): Page {
  const body = dict(value);
  return { lines: list(body["lines"]).map(decodeLine), cursor: text(body["cursor"]), partial: text(body["partial"]) };
}

export function decodeHistogram(value: unknown): Histogram {
  const body = dict(value);
  const levels = new Map<LineLevel, readonly number[]>();
  for (const [name, counts] of Object.entries(dict(body["levels"]))) levels.set(levelOf(name), list(counts).map(number));
  return {
    start: number(body["start"]), step: number(body["step"]), buckets: number(body["buckets"]), levels, total: number(body["total"]),
    partial: text(body["partial"]),
  };
}

export function decodeFacets(value: unknown): Facet[] {
  return list(dict(value)["facets"]).map((one) => {
    const facet = dict(one);
    return {
      name: text(facet["name"]), others: number(facet["other_lines"]),
      values: list(facet["values"]).map((each) => ({ value: text(dict(each)["value"]), lines: number(dict(each)["lines"]) })),
    };
  });
}

export function decodePatterns(value: unknown): Pattern[] {
  return list(dict(value)["patterns"]).map((one) => {
    const pattern = dict(one);
    const levels = Object.keys(dict(pattern["levels"]));
    return {
      pattern: text(pattern["pattern"]), lines: number(pattern["lines"]), example: text(pattern["example"]), isNew: pattern["new"] === true,
      level: kLineLevels.find((level) => levels.includes(level)) ?? "none",
    };
  });
}

// Four groups are told apart by colour; a ninth colour for each level would be a rainbow that nobody reads.
export type Severity = "error" | "warning" | "info" | "quiet";
export function severityOf(level: LineLevel): Severity {
  const at = kLineLevels.indexOf(level);
  return at <= 3 ? "error" : at === 4 ? "warning" : at <= 6 ? "info" : "quiet";
}
export const kSeverities: readonly Severity[] = ["error", "warning", "info", "quiet"];

// Lines of each severity in each bucket.
export function stacks(histogram: Histogram): Record<Severity, number>[] {
  const out = Array.from({ length: histogram.buckets }, () => ({ error: 0, warning: 0, info: 0, quiet: 0 }));
  for (const [level, counts] of histogram.levels) {
    const severity = severityOf(level);
    counts.forEach((count, at) => {
      const bucket = out[at];
      if (bucket !== undefined) bucket[severity] += count;
    });
  }
  return out;
}

// One line as a file of text has it: time, host, unit[pid], level, message, fields as name=value. What is over several lines is indented.
export function lineText(line: LogLine): string {
  const unit = line.pid === null ? line.unit : `${line.unit}[${line.pid}]`;
  const fields = line.fields.map(([name, value]) => ` ${name}=${/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`).join("");
  const level = line.level === "none" ? "-" : line.level;
  return `${line.time} ${line.host} ${unit === "" ? "-" : unit} ${level} ${line.message.replaceAll("\n", "\n  ")}${fields}\n`;
}

// The stretches of time with lines of level error or worse: for the charts beside them.
export interface Mark {
  from: number;
  to: number;
  errors: number;
}
export function errorMarks(histogram: Histogram): Mark[] {
  return stacks(histogram).flatMap(({ error }, index) =>
    error === 0 ? [] : [{ from: histogram.start + index * histogram.step, to: histogram.start + (index + 1) * histogram.step, errors: error }]);
}

const quoted = (value: string): string =>
  /^[\p{L}\p{N}_./@:-]+$/u.test(value) && !/^[-/]/.test(value) && !/^(OR|AND|NOT|or|and|not)$/.test(value) ? value : `"${value.replace(/[\\"]/g, "\\$&")}"`;

// The term that finds lines with this value. Hosts, sources, units and levels are compared as a whole.
export function termOf(name: string, value: string): string {
  const whole = name === "level" || name === "host" || name === "source" || name === "unit" || name === "pid";
  return `${name}:${whole ? "" : "="}${quoted(value)}`;
}

// The query for lines of these hosts.
export const anyHost = (hosts: readonly string[]): string => hosts.map((host) => termOf("host", host)).join(" OR ");

// The query with the term, or without it where it is there; `not` leaves out what has it.
export function toggleTerm(query: string, term: string, not: boolean): string {
  const wanted = not ? `-${term}` : term;
  const padded = ` ${query.trim()} `;
  if (padded.includes(` ${wanted} `)) return padded.replace(` ${wanted} `, " ").trim();
  const without = padded.replace(` ${not ? term : `-${term}`} `, " ").trim();
  const needsBrackets = / (OR|or) /.test(` ${without} `) && !/^\(.*\)$/.test(without);
  return `${needsBrackets ? `(${without})` : without} ${wanted}`.trim();
}

export const hasTerm = (query: string, term: string): boolean => ` ${query.trim()} `.includes(` ${term} `);

// Newest first.
export function mergeNewest(newer: readonly LogLine[], older: readonly LogLine[], most: number): LogLine[] {
  const sorted = newer.slice().sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  return [...sorted, ...older].slice(0, most);
}

// A page that was fetched, beside lines that came live at about that time and may be in it. Two equal lines are two lines: each of the
// page's stands for one of the others.
export class Overlap {
  readonly #left = new Map<string, number>();

  constructor(fetched: readonly LogLine[]) {
    for (const line of fetched) {
      const key = JSON.stringify(line);
      this.#left.set(key, (this.#left.get(key) ?? 0) + 1);
    }
  }

  // Those that the page does not have.
  without(live: readonly LogLine[]): LogLine[] {
    return live.filter((line) => {
      const key = JSON.stringify(line);
      const left = this.#left.get(key) ?? 0;
      if (left > 0) this.#left.set(key, left - 1);
      return left === 0;
    });
  }
}
