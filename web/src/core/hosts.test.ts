import assert from "node:assert/strict";
import { test } from "node:test";
import { applyFeed, decodeFeed, groupHosts, hasWord, matcher, sortHosts, tagsOf, toggleWord, type Fleet, type Host } from "./hosts.ts";

function hostsOf(...given: object[]): Host[] {
  const feed = decodeFeed({ type: "snapshot", server_time: 1_000_000, hosts: given });
  return feed !== null && feed.kind !== "removed" ? feed.hosts : [];
}

test("missing and wrong fields become unknown, never NaN", () => {
  const [host] = hostsOf({ host: "a", up: true, last_seen_seconds: 2, summary: { cpu_percent: null, memory_percent: "40" } });
  assert.equal(host?.state, "up");
  assert.equal(host?.last_seen, 998_000);
  assert.equal(host?.summary.cpu_percent, null);
  assert.equal(host?.summary.memory_percent, null);
  assert.equal(hostsOf({ host: "" }, { name: "x" }, { host: 3 }).length, 0);
});

test("messages that are not the feed's are refused", () => {
  for (const message of [null, 1, "x", [], {}, { hosts: 3 }, { type: "other", hosts: [] }]) assert.equal(decodeFeed(message), null);
});

test("what another server lacks is said by the feed", () => {
  const said = (message: object): string => {
    const feed = decodeFeed({ hosts: [], ...message });
    return feed !== null && feed.kind !== "removed" ? feed.partial : "removed";
  };
  assert.equal(said({ partial: "server-2 does not answer: connection refused" }), "server-2 does not answer: connection refused");
  assert.equal(said({ type: "update", partial: 3 }), "");
  assert.equal(said({}), "");
});

test("an update keeps the objects of hosts that it does not name", () => {
  const first: Fleet = applyFeed(new Map(), { kind: "snapshot", serverTime: 0, thresholds: {}, partial: "", cursor: "", hosts: hostsOf({ host: "a" }, { host: "b" }) });
  const second = applyFeed(first, { kind: "update", serverTime: 0, thresholds: {}, partial: "", cursor: "", hosts: hostsOf({ host: "b", state: "late" }) });
  assert.ok(first.get("a") === second.get("a"));
  assert.equal(second.get("b")?.state, "late");
  assert.deepEqual([...applyFeed(second, { kind: "removed", names: ["a"] }).keys()], ["b"]);
});

test("sorting: worst state first, unknown last both ways, names by their numbers", () => {
  const hosts = hostsOf(
    { host: "web10", state: "up", summary: { cpu_percent: 5 } },
    { host: "web9", state: "up", summary: {} },
    { host: "db", state: "down", summary: { cpu_percent: 50 } },
    { host: "mail", state: "late", summary: { cpu_percent: 0 } },
  );
  const names = (list: readonly Host[]): string => list.map((host) => host.host).join(" ");
  assert.equal(names(sortHosts(hosts, "state", false)), "db mail web9 web10");
  assert.equal(names(sortHosts(hosts, "cpu", true)), "db web10 mail web9");
  assert.equal(names(sortHosts(hosts, "cpu", false)), "mail web10 db web9");
  assert.equal(names(sortHosts(hosts, "host", true)), "web10 web9 mail db");
});

test("search", () => {
  const [host] = hostsOf({ host: "Web1.example", state: "late", address: "10.0.0.7:99", tags: { site: "Oslo" } });
  assert.ok(host !== undefined);
  for (const text of ["", "web", "WEB1 oslo", "site:os", "state:late", "10.0.0.7"]) assert.ok(matcher(text)(host), text);
  for (const text of ["web2", "site:berlin", "state:up", "web1 berlin"]) assert.ok(!matcher(text)(host), text);
});

test("each host has one state that is shown, so that counts add up; lists of states find any of them", () => {
  const hosts = hostsOf({ host: "a", state: "up" }, { host: "b", state: "up" }, { host: "c", state: "late" }, { host: "d", state: "down" }, { host: "e", state: "late" });
  const inTrouble = (name: string): boolean => "acd".includes(name);
  const found = (search: string): string => hosts.filter(matcher(search, undefined, inTrouble)).map((host) => host.host).join("");
  for (const [search, names] of [["state:up", "b"], ["state:trouble", "ac"], ["state:late", "e"], ["state:down", "d"], ["state:down,trouble", "acd"], ["-state:down,trouble", "be"]] as const) {
    assert.equal(found(search), names, search);
  }
  assert.deepEqual(groupHosts(hosts, "state", inTrouble).map((group) => [group.name, group.hosts.length]), [["down", 1], ["trouble", 2], ["late", 1], ["up", 1]]);
  assert.deepEqual(sortHosts(hosts, "state", false, inTrouble).map((host) => host.host).join(""), "daceb");
});

test("a search compares numbers, and quotes hold spaces together", () => {
  const [host] = hostsOf({ host: "a", version: "1.2.0", tags: { site: "New York" }, summary: { disk_percent: 91, load1: 6, n_cpus: 4 } });
  assert.ok(host !== undefined);
  for (const text of ["disk>90", "load>1.4", 'site:"new york"', "version:1.2", "disk>90 disk<92"]) assert.ok(matcher(text)(host), text);
  for (const text of ["disk>91", "load<1", "cpu<100", 'site:"new jersey"']) assert.ok(!matcher(text)(host), text);
});

test("a filter is a word of the search that can be put in and taken out", () => {
  const one = toggleWord("web", "site:New York");
  assert.equal(one, 'web site:"New York"');
  assert.ok(hasWord(one, "site:new york"));
  assert.equal(toggleWord(one, "site:New York"), "web");
});

test("tags with their values, and groups with the unnamed last", () => {
  const hosts = hostsOf(
    { host: "a", tags: { site: "oslo" } }, { host: "b", tags: { site: "bergen" } }, { host: "c", tags: { site: "oslo", role: "db" } }, { host: "d" },
  );
  assert.deepEqual(tagsOf(hosts), [
    { key: "role", values: [{ value: "db", hosts: 1 }] },
    { key: "site", values: [{ value: "oslo", hosts: 2 }, { value: "bergen", hosts: 1 }] },
  ]);
  assert.deepEqual(groupHosts(hosts, "site").map((group) => [group.name, group.hosts.map((host) => host.host).join("")]),
    [["bergen", "b"], ["oslo", "ac"], ["", "d"]]);
});

test("what people say of a host: name, note and tags are found, and paused is its state", () => {
  const [host] = hostsOf({ host: "web1", state: "down", tags: { role: "db", site: "north" },
    settings: { name: "Front door", note: "rack 7", tags: { role: "edge" }, paused: true, thresholds: { cpu: { raised: 10, high: 20 }, disk: { raised: 5, high: 1 } } } });
  assert.ok(host !== undefined);
  assert.deepEqual([host.label, host.state, host.tags["role"], host.tags["site"]], ["Front door", "paused", "edge", "north"]);
  assert.deepEqual(host.limits, { cpu: { raised: 10, high: 20 } });
  for (const search of ["front", "rack", "role:edge", "state:paused"]) assert.ok(matcher(search)(host), search);
  for (const [search, found] of [["host:web1", true], ["host:db1,WEB1", true], ["host:web", false], ["host:web10", false], ["-host:web1", false]] as const)
    assert.equal(matcher(search)(host), found, search);
  for (const search of ["role:db", "state:down"]) assert.ok(!matcher(search)(host), search);
});
