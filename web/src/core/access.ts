// Users and tokens as the server lists them, checked.

type Json = Record<string, unknown>;
const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (body: unknown, key: string): Json[] => {
  const list = isRecord(body) ? body[key] : body;
  return Array.isArray(list) ? list.filter(isRecord) : [];
};
const text = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
const time = (value: unknown): number | null => (typeof value === "number" && value > 0 ? value : null);

export interface User {
  name: string;
  role: string;
  secondFactor: boolean;
  outsider: boolean;  // a provider vouches for this person, who is signed in now
}
export interface Invitation {
  id: string;
  user: string;
  role: string;
  expires: number | null;  // ms since the epoch
}
export interface Token {
  id: string;
  name: string;
  access: string;
  created: number | null;  // ms since the epoch
  lastUsed: number | null;
}

export const decodeUsers = (body: unknown): User[] =>
  listOf(body, "users").map((user) => ({ name: text(user["user"] ?? user["name"]), role: text(user["role"]), secondFactor: user["second_factor"] === true, outsider: user["outsider"] === true })).filter((user) => user.name !== "");

export const decodeTokens = (body: unknown): Token[] =>
  listOf(body, "tokens").map((token) => ({
    id: text(token["id"]), name: text(token["name"]), access: text(token["access"]), created: time(token["created"]), lastUsed: time(token["last_used"]),
  })).filter((token) => token.id !== "");

export const decodeInvitations = (body: unknown): Invitation[] =>
  listOf(body, "invitations").map((one) => ({ id: text(one["id"]), user: text(one["user"]), role: text(one["role"]), expires: time(one["expires"]) })).filter((one) => one.id !== "");
