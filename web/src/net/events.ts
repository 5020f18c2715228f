// Annotations, read and written (core/annotations.ts).

import { annotationLine, decodeAnnotations, type ChartEvent } from "../core/annotations.ts";
import { errorText } from "../core/influx_response.ts";
import { runStatements } from "./query.ts";
import { request } from "./session.ts";

const kMost = 200;

export async function fetchAnnotations(hosts: readonly string[], from: number, to: number, signal: AbortSignal): Promise<ChartEvent[]> {
  const [result] = await runStatements([
    `SELECT "text", "author" FROM "annotation" WHERE time >= ${Math.round(from)}ms AND time < ${Math.round(to)}ms GROUP BY "about" LIMIT ${kMost}`,
  ], signal);
  return decodeAnnotations(result, hosts);
}

export async function annotate(about: string, text: string, author: string, time: number): Promise<void> {
  const response = await request("/write?db=resmon&precision=ms", { method: "POST", body: annotationLine(about, text, author, time) });
  if (!response.ok) throw new Error(errorText(await response.text(), response.status));
}
