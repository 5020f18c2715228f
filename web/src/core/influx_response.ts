// What /query answers, checked. A proxy's HTML page, a truncated body or another product's dialect must end as one readable
// error, never as an exception deep inside a chart.

import { t } from "./texts.ts";

export type Cell = number | string | boolean | null;

export interface Series {
  name: string;
  tags: Record<string, string>;
  columns: string[];
  values: Cell[][];
}

export interface StatementResult {
  series: Series[];
  error: string | null;
}

export class ResponseError extends Error {}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decodeSeries(value: unknown): Series {
  if (!isRecord(value) || !Array.isArray(value["columns"])) throw new ResponseError(t("a series without columns"));
  const tags: Record<string, string> = {};
  if (isRecord(value["tags"])) {
    for (const [key, tag] of Object.entries(value["tags"])) tags[key] = String(tag);
  }
  const columns = value["columns"].map(String);
  const rows = value["values"] === undefined ? [] : value["values"];
  if (!Array.isArray(rows)) throw new ResponseError(t("a series whose values are not rows"));
  for (const row of rows) {
    if (!Array.isArray(row) || row.length !== columns.length) {
      throw new ResponseError(t("a row that does not have one value for each column"));
    }
  }
  return { name: typeof value["name"] === "string" ? value["name"] : "", tags, columns, values: rows as Cell[][] };
}

// One result for each of `statements` statements, in their order; throws ResponseError when the answer is not that.
export function decodeResponse(body: unknown, statements: number): StatementResult[] {
  if (!isRecord(body)) throw new ResponseError(t("the answer is not a JSON object"));
  if (typeof body["error"] === "string") throw new ResponseError(body["error"]);
  if (!Array.isArray(body["results"])) throw new ResponseError(t("the answer has no results"));
  const decoded: StatementResult[] = Array.from({ length: statements }, () => ({ series: [], error: t("no answer") }));
  body["results"].forEach((result: unknown, position) => {
    if (!isRecord(result)) throw new ResponseError(t("a result that is not an object"));
    const id = typeof result["statement_id"] === "number" ? result["statement_id"] : position;
    const slot = decoded[id];
    if (slot === undefined) throw new ResponseError(t("a result for a statement that was not sent"));
    if (typeof result["error"] === "string") {
      slot.error = result["error"];
      return;
    }
    slot.error = null;
    if (Array.isArray(result["series"])) slot.series.push(...result["series"].map(decodeSeries));
  });
  return decoded;
}

// The text of an error body in any of the dialects met: {"error"}, {"message"}, plain text.
export function errorText(body: string, status: number): string {
  try {
    const parsed: unknown = JSON.parse(body);
    if (isRecord(parsed)) {
      for (const key of ["error", "message"]) {
        const text = parsed[key];
        if (typeof text === "string" && text !== "") return text;
      }
    }
  } catch {
    // Not JSON: plain text, judged below.
  }
  const plain = body.trim();
  return plain !== "" && plain.length < 300 && !plain.startsWith("<") ? plain : t("HTTP status {status}", { status });
}
