// Who we are to the server. The access token is kept for this tab only (sessionStorage): a token left behind in a shared
// machine's profile would outlive the person's visit.

import { Observable } from "../core/observable.ts";

const kStorageKey = "resmon.token";

function stored(): string | null {
  try {
    return sessionStorage.getItem(kStorageKey);
  } catch {
    return null;  // storage switched off: the token then lives as long as the page
  }
}

let token: string | null = stored();

export type SignIn = "not-needed" | "needed" | "refused";
export const signIn = new Observable<SignIn>("not-needed");

export class AuthRequired extends Error {
  constructor() {
    super("the server asks for an access token");
  }
}

export const currentToken = (): string | null => token;

export function useToken(given: string): void {
  token = given;
  try {
    sessionStorage.setItem(kStorageKey, given);
  } catch {
    // As above.
  }
  signIn.set("not-needed");
}

// fetch with the token, and with 401 turned into the sign-in form.
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const sent = token;
  if (sent !== null) headers.set("Authorization", `Bearer ${sent}`);
  const response = await fetch(path, { ...init, headers, credentials: "same-origin", cache: "no-store" });
  if (response.status === 401) {
    // An answer to an older token says nothing about the one typed since.
    if (sent === token) signIn.set(sent === null ? "needed" : "refused");
    throw new AuthRequired();
  }
  return response;
}
