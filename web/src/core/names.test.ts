import assert from "node:assert/strict";
import { test } from "node:test";
import { shortName, splitNames } from "./names.ts";

test("what tells long names apart is kept", () => {
  const domain = ".eu-central-1.compute.internal";
  const parts = splitNames([`ip-10-0-12-133${domain}`, `ip-10-0-12-134${domain}`, `ip-10-0-7-2${domain}`, "web1"]);
  assert.deepEqual(parts.get(`ip-10-0-12-133${domain}`), { before: "ip-10-0-12-", own: "133", after: domain });
  assert.deepEqual(parts.get(`ip-10-0-7-2${domain}`), { before: "ip-10-0-", own: "7-2", after: domain });
  assert.equal(parts.get("web1"), undefined);
});

test("names with the difference at their end, and a name that is alone", () => {
  const parts = splitNames(["production-kubernetes-worker-0017", "production-kubernetes-worker-0018"]);
  assert.deepEqual(parts.get("production-kubernetes-worker-0018"), { before: "production-kubernetes-worker-", own: "0018", after: "" });
  assert.equal(splitNames(["a-single-very-long-name.example.org"]).size, 0);
});

test("a name that begins with all of another one keeps a part of its own", () => {
  const parts = splitNames(["the-very-long-machine-a", "the-very-long-machine-a-b"]);
  assert.deepEqual(parts.get("the-very-long-machine-a"), { before: "the-very-long-machine-", own: "a", after: "" });
  assert.deepEqual(parts.get("the-very-long-machine-a-b"), { before: "the-very-long-machine-", own: "a-b", after: "" });
});

test("a short name has what tells it apart", () => {
  const names = ["ip-10-0-12-133.eu-central-1.compute.internal", "ip-10-0-12-134.eu-central-1.compute.internal", "web1"];
  const parts = splitNames(names);
  assert.deepEqual(names.map((name) => shortName(name, parts.get(name))), ["…12-133", "…12-134", "web1"]);
});
