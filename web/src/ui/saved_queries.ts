// The queries that a person saved in this browser.

import { Observable } from "../core/observable.ts";

export interface SavedQuery {
  name: string;
  query: string;
}

const kKey = "resmon.queries";
const kMost = 50;

function read(): SavedQuery[] {
  try {
    const body: unknown = JSON.parse(localStorage.getItem(kKey) ?? "[]");
    return (Array.isArray(body) ? body : []).flatMap((one: unknown) => {
      const { name, query } = (typeof one === "object" && one !== null ? one : {}) as Record<string, unknown>;
      return typeof name === "string" && typeof query === "string" ? [{ name, query }] : [];
    }).slice(0, kMost);
  } catch {
    return [];
  }
}

export const savedQueries = new Observable<readonly SavedQuery[]>(read());

function keep(next: readonly SavedQuery[]): void {
  try {
    localStorage.setItem(kKey, JSON.stringify(next));
  } catch {
    // Storage switched off: they last as long as the page.
  }
  savedQueries.set(next);
}

// One of the same name is replaced; beyond the bound the oldest goes.
export const saveQuery = (name: string, query: string): void =>
  keep([...savedQueries.value.filter((one) => one.name !== name), { name, query }].slice(-kMost));
export const forgetQuery = (name: string): void => keep(savedQueries.value.filter((one) => one.name !== name));
