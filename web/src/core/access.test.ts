import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeInvitations, decodeTokens, decodeUsers } from "./access.ts";

test("users and tokens as the server lists them; what cannot be read is left out", () => {
  assert.deepEqual(decodeUsers({ users: [{ user: "eve", role: "viewer", second_factor: true }, { role: "admin" }, 3] }), [{ name: "eve", role: "viewer", secondFactor: true, outsider: false }]);
  assert.deepEqual(decodeTokens({ tokens: [{ id: "a1", name: "grafana", access: "read", created: 5, last_used: null }, { name: "x" }] }),
    [{ id: "a1", name: "grafana", access: "read", created: 5, lastUsed: null }]);
  assert.deepEqual(decodeInvitations({ invitations: [{ id: "b2", user: "mia", role: "admin", expires: 7 }, {}] }), [{ id: "b2", user: "mia", role: "admin", expires: 7 }]);
  for (const body of [null, "<html>", {}, { users: 3, tokens: {} }]) assert.deepEqual([decodeUsers(body), decodeTokens(body)], [[], []]);
});
