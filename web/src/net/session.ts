// Who we are to the server. A person signs in with name and password and has a session in a cookie that no script can read; or gives
// an access token, which is kept for this tab only (sessionStorage): a token left behind in a shared machine's profile would outlive
// the person's visit. On the server's own machine reading may need neither.

import { t } from "../core/texts.ts";
import { kTokenKey } from "../core/early.ts";
import { errorText } from "../core/influx_response.ts";
import { Observable } from "../core/observable.ts";

function stored(): string | null {
  try {
    return sessionStorage.getItem(kTokenKey);
  } catch {
    return null;  // storage switched off: the token then lives as long as the page
  }
}

let token: string | null = stored();

// wanted: nothing was refused, the person asked for the form.
export type SignIn = "not-needed" | "wanted" | "needed" | "refused";
export const signIn = new Observable<SignIn>("not-needed");

export interface Account {
  name: string;
  role: string;  // "admin" or "viewer"
  outsider: boolean;  // a provider vouches for this person, who has no password here
}
export const account = new Observable<Account | null>(null);
// Whether this server knows people at all, or only tokens. Null: not known yet.
export const hasAccounts = new Observable<boolean | null>(null);
// The provider with which people can sign in, too, and what became of the last try.
export const provider = new Observable<{ name: string; problem: string } | null>(null);

export class AuthRequired extends Error {
  constructor() {
    super(t("the server asks who you are"));
  }
}

export const currentToken = (): string | null => token;
export const hasToken = new Observable(token !== null);

function keepToken(given: string | null): void {
  token = given;
  hasToken.set(given !== null);
  try {
    if (given === null) sessionStorage.removeItem(kTokenKey);
    else sessionStorage.setItem(kTokenKey, given);
  } catch {
    // As above.
  }
}

export function useToken(given: string): void {
  keepToken(given);
  signIn.set("not-needed");
}

// The answer to a request that `sent` went with, with 401 turned into the sign-in form.
export function admitted(response: Response, sent: string | null): Response {
  if (response.status !== 401) return response;
  // An answer to an older token says nothing about the one typed since.
  if (sent === token) signIn.set(sent === null ? "needed" : "refused");
  account.set(null);
  throw new AuthRequired();
}

// fetch with the token.
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const sent = token;
  if (sent !== null) headers.set("Authorization", `Bearer ${sent}`);
  return admitted(await fetch(path, { ...init, headers, credentials: "same-origin", cache: "no-store" }), sent);
}

// A refusal, with what the server said besides its words.
export class Refused extends Error {
  constructor(text: string, readonly codeNeeded: boolean) {
    super(text);
  }
}

// A JSON request whose refusal is the caller's to show. Throws the server's words.
export async function call(method: string, path: string, body?: object): Promise<unknown> {
  const headers = new Headers();
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  const response = await fetch(path, {
    method, headers, credentials: "same-origin", cache: "no-store", ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) {
    if (response.status === 401 && token === null && account.value === null && path !== "/api/v1/login")
      throw new Refused(t("Sign in first: only then can you change anything."), false);
    const wait = response.headers.get("Retry-After");
    throw new Refused(errorText(text, response.status) + (response.status === 429 && wait !== null ? ` ${t("(wait {wait} s)", { wait })}` : ""), text.includes('"code_needed":true'));
  }
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return null;
  }
}

export async function loadAccount(): Promise<void> {
  try {
    const response = await fetch("/api/v1/session", { credentials: "same-origin", cache: "no-store" });
    const body: unknown = response.ok ? await response.json() : null;
    const told = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
    hasAccounts.set(response.status !== 404 && told["accounts"] !== false);
    const name = told["user"] ?? told["username"] ?? told["name"];
    account.set(typeof name === "string" && name !== ""
      ? { name, role: typeof told["role"] === "string" ? told["role"] : "viewer", outsider: told["outsider"] === true }
      : null);
    const problem = typeof told["provider_problem"] === "string" ? told["provider_problem"] : "";
    provider.set(typeof told["provider"] === "string" ? { name: told["provider"], problem } : null);
    if (problem !== "" && signIn.value === "not-needed") signIn.set("wanted");
  } catch {
    // No connection: the live feed says so.
  }
}

export async function logIn(name: string, password: string, code: string): Promise<void> {
  keepToken(null);
  await call("POST", "/api/v1/login", { user: name, password, code });
  await signedIn();
}

export async function signedIn(): Promise<void> {
  keepToken(null);
  await loadAccount();
  signIn.set("not-needed");
}

export async function logOut(): Promise<void> {
  keepToken(null);
  if (account.value !== null) await call("POST", "/api/v1/logout").catch(() => undefined);
  account.set(null);
  // Everything that was fetched in that name goes with the page.
  location.reload();
}
