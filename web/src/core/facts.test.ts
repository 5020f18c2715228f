import assert from "node:assert/strict";
import { test } from "node:test";
import { compareVersions, decodeFacts, matchesFact } from "./facts.ts";

const kDebian = { os: "Debian GNU/Linux", os_id: "debian", os_version: "12 (bookworm)", kernel: "6.1.0-18-amd64", virtualization: "kvm" };

test("versions are compared by their numbers", () => {
  assert.ok(compareVersions("6.1.0-18-amd64", "6.6") < 0);
  assert.ok(compareVersions("6.10", "6.9") > 0);
  assert.equal(compareVersions("6.1", "6.1.0"), 0);
});

test("words about facts match, and others are none", () => {
  for (const word of ["os:debian", "os:gnu", "os:12", "os>11", "kernel<6.6", "kernel>5", "kernel:6.1", "virt:kvm"]) assert.equal(matchesFact(kDebian, word), true, word);
  for (const word of ["os:ubuntu", "kernel>6.6", "arch:arm", "os<12"]) assert.equal(matchesFact(kDebian, word), false, word);
  for (const word of ["debian", "site:os", "cpu>80", "os", "kernel<new"]) assert.equal(matchesFact(kDebian, word), null, word);
  assert.equal(matchesFact(undefined, "os:debian"), false);
});

test("facts are read by host", () => {
  const facts = decodeFacts({ error: null, series: [
    { name: "host_info", tags: { host: "a" }, columns: ["time", "os_id", "kernel"], values: [[0, "debian", null]] },
  ] as never[] });
  assert.deepEqual([...facts], [["a", { os_id: "debian" }]]);
  assert.equal(decodeFacts(undefined).size, 0);
});
