import { t } from "../core/texts.ts";
import { decodeResponse, errorText, ResponseError, type StatementResult } from "../core/influx_response.ts";
import { afterFrame } from "./after_frame.ts";
import { request } from "./session.ts";

const kDatabase = "resmon";

// What a view is opened for is asked first: a browser asks six things at a time, and the server computes as many answers as it has cores. All
// else waits for the charts that are under way or being drawn, for so long at most.
const kLongestWaitMs = 3000;
let underWay = 0;
let waiting: (() => void)[] = [];

// Until what it returns is called, once.
export function holdOthers(): () => void {
  ++underWay;
  return () => {
    if (--underWay > 0) return;
    const free = waiting;
    waiting = [];
    for (const go of free) go();
  };
}

export async function beforeOthers<T>(work: () => Promise<T>): Promise<T> {
  const release = holdOthers();
  try {
    return await work();
  } finally {
    afterFrame(release);  // by then the charts wait to be drawn, which holds the others in its turn (charts/queue.ts)
  }
}

export const turnOfOthers = (): Promise<void> => (underWay === 0 ? Promise.resolve() : new Promise((resolve) => {
  waiting.push(resolve);
  setTimeout(resolve, kLongestWaitMs);
}));

// Of what is drawn, or shown with three digits: the others are most of a long answer. A server that does not know of this sends them all.
const kDigits = "6";

async function ask(text: string, signal?: AbortSignal, digits?: string): Promise<unknown> {
  const form = new URLSearchParams({ db: kDatabase, epoch: "ms", ...(digits === undefined ? {} : { digits }), q: text });
  const response = await request("/query", { method: "POST", body: form, ...(signal === undefined ? {} : { signal }) });
  const body = await response.text();
  if (!response.ok) throw new ResponseError(errorText(body, response.status));
  try {
    return JSON.parse(body);
  } catch {
    throw new ResponseError(t("the answer is not JSON"));
  }
}

// What a person typed: any number of statements, one result each.
export async function runText(text: string, signal?: AbortSignal): Promise<StatementResult[]> {
  const parsed = await ask(text, signal);
  const results = (parsed as { results?: unknown }).results;
  return decodeResponse(parsed, Array.isArray(results) ? results.length : 0);
}

// Runs the statements in one request; one result each, in order. Throws ResponseError with the server's words, AuthRequired, or
// what fetch throws when the server cannot be reached.
export async function runStatements(statements: readonly string[], signal?: AbortSignal): Promise<StatementResult[]> {
  await turnOfOthers();
  return runNow(statements, signal);
}

async function runNow(statements: readonly string[], signal?: AbortSignal): Promise<StatementResult[]> {
  return decodeResponse(await ask(statements.join("; "), signal, kDigits), statements.length);
}

// As runStatements, but a server that refuses the request as a whole (one statement that it cannot parse spoils all) is asked
// again one by one, so that one unsupported chart does not blank the page.
export async function runEach(statements: readonly string[], signal?: AbortSignal): Promise<StatementResult[]> {
  if (statements.length === 0) return [];
  await turnOfOthers();
  return runEachNow(statements, signal);
}

// Without waiting for charts: these are some.
export async function runEachNow(statements: readonly string[], signal?: AbortSignal): Promise<StatementResult[]> {
  try {
    return await runNow(statements, signal);
  } catch (error) {
    if (!(error instanceof ResponseError) || statements.length === 1) throw error;
  }
  const results: StatementResult[] = [];
  for (const statement of statements) {
    try {
      results.push(...(await runNow([statement], signal)));
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      results.push({ series: [], error: error.message });
    }
  }
  return results;
}
