import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeFeed } from "../core/hosts.ts";
import { fleet } from "./live.ts";
import { trendOf } from "./trends.ts";

test("a trend is kept for a host of the fleet, and for no other", () => {
  const feed = decodeFeed({ server_time: 10_000, hosts: [{ host: "here", state: "up", last_seen: 4000, summary: {} }] });
  assert.ok(feed !== null && feed.kind !== "removed" && feed.hosts[0] !== undefined);
  fleet.set(new Map([["here", feed.hosts[0]]]));
  assert.equal(trendOf("here", "cpu"), trendOf("here", "cpu"));
  assert.ok(trendOf("gone", "cpu") !== trendOf("gone", "cpu"));
});
