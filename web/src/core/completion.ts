// Completion for the explore box. It knows just enough of InfluxQL to tell what may stand at the cursor: the words before it decide
// whether a measurement, a field, a tag, a tag's value or a keyword is meant; the statement's FROM decides of which measurement.

import { identifier, literal } from "./influxql.ts";

export interface Catalog {
  measurements: readonly string[];
  fields: ReadonlyMap<string, readonly string[]>;  // by measurement
  tags: ReadonlyMap<string, readonly string[]>;
  values: ReadonlyMap<string, readonly string[]>;  // by "measurement\ntag"
}

export interface Option {
  text: string;    // what is put in
  label: string;   // what is shown
  kind: "measurement" | "field" | "tag" | "value" | "function" | "keyword";
}

export interface Completion {
  from: number;  // the part of the text from here to the cursor is replaced
  options: Option[];
  needs: string | null;  // "measurement\ntag" whose values are not in the catalog yet
}

const kFunctions = [
  "mean", "max", "min", "last", "first", "sum", "count", "median", "percentile", "spread", "stddev", "mode", "distinct", "integral", "top",
  "bottom", "derivative", "non_negative_derivative", "difference", "non_negative_difference", "moving_average", "cumulative_sum", "elapsed",
];
const kMostOptions = 12;

const option = (text: string, kind: Option["kind"], label = text): Option => ({ text, label, kind });
const keywords = (words: string): Option[] => words.split("|").map((word) => option(word, "keyword"));

interface Token {
  text: string;  // without quotes
  quote: "" | '"' | "'";
  open: boolean;  // its quote is not closed
  at: number;
}

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  const shape = /"((?:[^"\\]|\\.)*)("?)|'((?:[^'\\]|\\.)*)('?)|[A-Za-z_][\w-]*|\d+[a-zµ]*|=~|!~|!=|<>|<=|>=|\S/g;
  for (const found of text.matchAll(shape)) {
    const [whole, double, doubleEnd, single, singleEnd] = found;
    if (double !== undefined) tokens.push({ text: double.replace(/\\(.)/g, "$1"), quote: '"', open: doubleEnd === "", at: found.index });
    else if (single !== undefined) tokens.push({ text: single.replace(/\\(.)/g, "$1"), quote: "'", open: singleEnd === "", at: found.index });
    else tokens.push({ text: whole, quote: "", open: false, at: found.index });
  }
  return tokens;
}

const isWord = (token: Token | undefined, word: string): boolean => token?.quote === "" && token.text.toUpperCase() === word;

// The statement's measurement, which may stand behind the cursor.
function measurementOf(statement: string): string | null {
  const tokens = scan(statement);
  const at = tokens.findIndex((token) => isWord(token, "FROM"));
  const next = tokens[at + 1];
  return at >= 0 && next !== undefined && /^[\w-]/.test(next.text) ? next.text : null;
}

export function complete(text: string, cursor: number, catalog: Catalog): Completion {
  const start = text.lastIndexOf(";", cursor - 1) + 1;
  const semicolon = text.indexOf(";", cursor);
  const statement = text.slice(start, semicolon < 0 ? undefined : semicolon);
  const tokens = scan(text.slice(start, cursor));
  const last = tokens.at(-1);
  const isPart = last !== undefined && (last.open || (last.quote === "" && /^[\w]/.test(last.text) && start + last.at + last.text.length === cursor));
  const typed = isPart ? last.text.toLowerCase() : "";
  const from = isPart ? start + last.at : cursor;
  const before = isPart ? tokens.slice(0, -1) : tokens;
  const previous = before.at(-1);
  const measurement = measurementOf(statement);
  let needs: string | null = null;

  const measurements = (): Option[] => catalog.measurements.map((name) => option(identifier(name), "measurement", name));
  const fields = (): Option[] =>
    (measurement !== null ? catalog.fields.get(measurement) ?? [] : [...new Set([...catalog.fields.values()].flat())].sort())
      .map((name) => option(identifier(name), "field", name));
  const tags = (): Option[] =>
    (measurement !== null ? catalog.tags.get(measurement) ?? [] : [...new Set([...catalog.tags.values()].flat())].sort())
      .map((name) => option(identifier(name), "tag", name));
  const functions = (): Option[] => kFunctions.map((name) => option(`${name}(`, "function"));

  const clause = before.findLast((token) => /^(SELECT|FROM|WHERE|BY|FILL|SHOW|ORDER|LIMIT|KEY|KEYS|VALUES|ON)$/i.test(token.text) && token.quote === "");
  const name = clause?.text.toUpperCase() ?? "";
  let options: Option[];
  if (before.length === 0) {
    options = keywords("SELECT|SHOW MEASUREMENTS|SHOW FIELD KEYS|SHOW TAG KEYS|SHOW TAG VALUES|SHOW SERIES");
  } else if (previous !== undefined && previous.quote === "" && /^(=|!=|<>)$/.test(previous.text) && name === "WHERE") {
    const tag = before.at(-2)?.text ?? "";
    const key = `${measurement ?? ""}\n${tag}`;
    const known = catalog.values.get(key);
    if (known === undefined && measurement !== null && (catalog.tags.get(measurement) ?? []).includes(tag)) needs = key;
    options = (known ?? []).map((value) => option(literal(value), "value", value));
  } else if (name === "SELECT") {
    const wantsMore = previous === clause || previous?.text === "(" || previous?.text === ",";
    options = wantsMore ? [...fields(), ...functions()] : keywords("FROM|AS");
  } else if (name === "FROM") {
    options = previous === clause ? measurements() : keywords("WHERE|GROUP BY|ORDER BY time DESC|LIMIT");
  } else if (name === "WHERE") {
    const wantsKey = previous === clause || isWord(previous, "AND") || isWord(previous, "OR") || previous?.text === "(";
    const afterKey = before.length >= 2 && (isWord(before.at(-2), "AND") || isWord(before.at(-2), "OR") || before.at(-2) === clause);
    options = wantsKey ? [...tags(), option("time > now() - 1h", "keyword"), ...fields()]
      : afterKey ? keywords("=|!=|=~|>|<") : keywords("AND|OR|GROUP BY|ORDER BY time DESC|LIMIT");
  } else if (name === "BY") {
    const wantsKey = previous === clause || previous?.text === ",";
    options = wantsKey ? [option("time(1m)", "function"), ...tags(), option("*", "keyword")] : keywords("fill(none)|fill(null)|LIMIT");
  } else if (name === "SHOW") {
    options = keywords("MEASUREMENTS|FIELD KEYS|TAG KEYS|TAG VALUES|SERIES|DATABASES|RETENTION POLICIES");
  } else if (/^(KEYS|VALUES)$/.test(name)) {
    options = keywords("FROM|WITH KEY =");
  } else if (name === "KEY") {
    options = tags();
  } else {
    options = keywords("LIMIT|fill(none)");
  }
  const matching = options
    .map((one) => ({ one, at: one.label.toLowerCase().indexOf(typed) }))
    .filter(({ one, at }) => at >= 0 && !(isPart && one.text === text.slice(from, cursor)))
    .sort((a, b) => Number(a.at > 0) - Number(b.at > 0))
    .map(({ one }) => one);
  return { from, options: matching.slice(0, kMostOptions), needs };
}
