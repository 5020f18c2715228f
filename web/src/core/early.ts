// What the page's first script (first.ts) leaves for the page: the answer to its first question, which is under way while the page's own script
// is still read.

export const kTokenKey = "resmon.token";
export const kHostsPath = "/api/v1/hosts?all=1";

export interface Early {
  token: string | null;  // with which it was asked
  hosts: Promise<Response>;
}

interface Place { resmonEarly?: Early | undefined }
const place = globalThis as Place;

export function leaveEarly(early: Early): void {
  place.resmonEarly = early;
}

// Once, and only where it is what would be asked now.
export function takeEarly(path: string, token: string | null): Promise<Response> | null {
  const early = place.resmonEarly;
  if (early === undefined || path !== kHostsPath) return null;
  place.resmonEarly = undefined;
  return early.token === token ? early.hosts : null;
}
