// What the page's first script (first.ts) leaves for the page: the answer to its first question, which is under way while the page's own script
// is still read.

export const kTokenKey = "resmon.token";
export const kHostsPath = "/api/v1/hosts?all=1";

// A view of charts (core/route.ts), whose scripts are read at once.
export const isCharted = (hash: string): boolean => /^#\/(host|compare)/.test(hash);
export const isHost = (hash: string): boolean => /^#\/host\//.test(hash);

// A parsed answer; of one that is no success there is no body.
export interface Answer {
  response: Response;
  body: unknown;
}

export interface Early {
  token: string | null;  // with which it was asked
  answer: Promise<Answer>;
}

interface Place { resmonEarly?: Early | undefined }
const place = globalThis as Place;

export async function parsed(asked: Promise<Response>): Promise<Answer> {
  const response = await asked;
  return { response, body: response.ok ? await response.json() : null };
}

export function leaveEarly(token: string | null, asked: Promise<Response>): void {
  const answer = parsed(asked);
  answer.catch(() => undefined);  // the page asks again
  place.resmonEarly = { token, answer };
}

// Once, and only where it is what would be asked now.
export function takeEarly(token: string | null): Promise<Answer> | null {
  const early = place.resmonEarly;
  place.resmonEarly = undefined;
  return early?.token === token ? early.answer : null;
}
