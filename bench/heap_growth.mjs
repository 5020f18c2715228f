// What has become more between two pictures of a page's heap, and what keeps it: for whoever sees memory grow and wants to know where.
//
// V8 gives each object an id that it keeps. So an object of the second picture is new if the first has no such id. Each new object is counted
// at the place where it joins what is old: the nearest old object on the shortest way to it from the window, and the property of that object.
// What is gone is taken off at its place in the first picture, so that a list whose items were replaced by as many has not grown. A place is told
// by the old object's id, since the shortest way to it can be another in each picture: what runs at that moment is one as well. Compiled code
// becomes more while a page is new: V8 compiles what runs often better. What the debugger keeps, which takes these pictures, is left out.

const kMostSteps = 7;  // of a place's way
const kMost = 8;
const kSkipped = new Set(["weak", "shortcut"]);
const kDebugger = /^v8_inspector::|DevTools|Inspector/;

// A picture of the heap of the page of this CDP session, after a collection of garbage.
export async function takeHeap(session) {
  const chunks = [];
  const take = ({ chunk }) => chunks.push(chunk);
  session.on("HeapProfiler.addHeapSnapshotChunk", take);
  await session.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  session.off("HeapProfiler.addHeapSnapshotChunk", take);
  return readHeap(JSON.parse(chunks.join("")));
}

function readHeap({ snapshot: { meta }, nodes, edges, strings }) {
  const width = meta.node_fields.length;
  const [type, name, id, size, edgeCount, detached] = ["type", "name", "id", "self_size", "edge_count", "detachedness"].map((field) => meta.node_fields.indexOf(field));
  const edgeWidth = meta.edge_fields.length;
  const count = nodes.length / width;
  const types = meta.node_types[type];
  const edgeTypes = meta.edge_types[0];
  const label = (at) => {
    const kind = types[nodes[at * width + type]];
    if (/string/.test(kind)) return "(string)";
    if (kind === "code" || kind === "hidden" || kind === "array" || kind === "number" || kind === "object shape") return `(${kind})`;
    const text = strings[nodes[at * width + name]].replace(/\s+/g, " ").replace(/ \/ (?!Context).*| @\d+$/g, "").slice(0, 60);
    return kind === "closure" ? `${text}()` : text;
  };
  const edgeLabel = (at) => {
    const kind = edgeTypes[edges[at]];
    if (kind === "element" || kind === "hidden") return "[]";
    const text = strings[edges[at + 1]];
    return /^\d+$/.test(text) || /part of key|key .* in WeakMap/.test(text) ? "[]" : text.slice(0, 40);
  };
  const first = new Uint32Array(count + 1);
  for (let at = 0; at < count; ++at) first[at + 1] = first[at] + nodes[at * width + edgeCount] * edgeWidth;
  // The shortest way to each from the windows, and then to what is left from the browser's own roots.
  const parent = new Int32Array(count).fill(-1);
  const by = new Int32Array(count).fill(-1);
  const queue = [];
  const look = (from, isWanted) => {
    for (let at = first[from]; at < first[from + 1]; at += edgeWidth) {
      const to = edges[at + 2] / width;
      if (to === 0 || parent[to] >= 0 || !isWanted(edgeTypes[edges[at]])) continue;
      parent[to] = from;
      by[to] = at;
      queue.push(to);
    }
  };
  let turn = 0;
  const walk = () => {
    for (; turn < queue.length; ++turn) if (!kDebugger.test(strings[nodes[queue[turn] * width + name]])) look(queue[turn], (kind) => !kSkipped.has(kind));
  };
  look(0, (kind) => kind === "shortcut");
  walk();
  look(0, (kind) => !kSkipped.has(kind));
  walk();
  const ids = new Map();
  for (let at = 0; at < count; ++at) ids.set(nodes[at * width + id], at);
  return {
    count, ids, parent, label,
    idOf: (at) => nodes[at * width + id],
    sizeOf: (at) => nodes[at * width + size],
    isDetached: (at) => detached >= 0 && nodes[at * width + detached] === 2,
    edgeOf: (at) => (by[at] < 0 ? "" : edgeLabel(by[at])),
  };
}

// From the window to `at`, its last steps: "Window.trends > Object.cpu > Map.table".
function wayTo(heap, at, lastEdge) {
  const steps = [`${heap.label(at)}${lastEdge === "[]" ? "" : "."}${lastEdge}`];
  for (let to = at; heap.parent[to] > 0 && steps.length < kMostSteps; to = heap.parent[to]) {
    const edge = heap.edgeOf(to);
    steps.unshift(`${heap.label(heap.parent[to])}${edge === "[]" ? "" : "."}${edge}`);
  }
  return steps.join(" > ");
}

// Adds up what only `heap` has, beside `other`, `sign` times: by kind of object, and by the place at which it joins what both have ("id property").
function addOwn(heap, other, sign, kinds, places) {
  const placeOf = new Map();  // the place of an object that only this heap has, as its parent found it
  const place = (at) => {
    const way = [];
    let now = at;
    while (!placeOf.has(now) && heap.parent[now] > 0 && !other.ids.has(heap.idOf(heap.parent[now]))) {
      way.push(now);
      now = heap.parent[now];
    }
    const found = placeOf.get(now) ?? `${heap.idOf(heap.parent[now])} ${heap.edgeOf(now)}`;
    for (const one of [now, ...way]) placeOf.set(one, found);
    return found;
  };
  const add = (table, key, bytes) => {
    const one = table.get(key) ?? { count: 0, bytes: 0 };
    table.set(key, { count: one.count + sign, bytes: one.bytes + sign * bytes });
  };
  for (let at = 1; at < heap.count; ++at) {
    if (heap.parent[at] < 0 || other.ids.has(heap.idOf(at))) continue;
    const bytes = heap.sizeOf(at);
    add(kinds, heap.label(at), bytes);
    add(places, place(at), bytes);
  }
}

// Places by the way to them, of which many can have the same: rows of a list, each with its own new value.
function byWay(places, heaps) {
  const ways = new Map();
  for (const [place, { count, bytes }] of places) {
    if (count === 0 && bytes === 0) continue;
    const space = place.indexOf(" ");
    const id = Number(place.slice(0, space));
    const heap = heaps.find((one) => one.ids.has(id) && one.parent[one.ids.get(id)] >= 0) ?? heaps[0];
    const way = wayTo(heap, heap.ids.get(id), place.slice(space + 1));
    const one = ways.get(way) ?? { count: 0, bytes: 0 };
    ways.set(way, { count: one.count + count, bytes: one.bytes + bytes });
  }
  return ways;
}

// Elements that are in no document any more, by what keeps them: the nearest that is none of them.
function detachedIn(heap) {
  const places = new Map();
  for (let at = 1; at < heap.count; ++at) {
    if (!heap.isDetached(at) || heap.parent[at] < 0) continue;
    let top = at;
    while (heap.parent[top] > 0 && heap.isDetached(heap.parent[top])) top = heap.parent[top];
    const way = wayTo(heap, heap.parent[top], heap.edgeOf(top));
    places.set(way, (places.get(way) ?? 0) + 1);
  }
  return places;
}

// The largest growers from `before` to `after`: kinds of objects, and places that keep them. `detached`: elements that are in no document any
// more, in both, and what keeps most of the later ones.
export function growthOf(before, after) {
  const kinds = new Map();
  const places = new Map();
  addOwn(after, before, 1, kinds, places);
  addOwn(before, after, -1, kinds, places);
  const largest = (table) => [...table].map(([what, { count, bytes }]) => ({ what, count, bytes })).filter((one) => one.bytes > 0).sort((a, b) => b.bytes - a.bytes).slice(0, kMost);
  const [old, now] = [detachedIn(before), detachedIn(after)];
  const sum = (table) => [...table.values()].reduce((all, count) => all + count, 0);
  return {
    kinds: largest(kinds), places: largest(byWay(places, [after, before])), detached: [sum(old), sum(now)],
    detached_by: [...now].sort((a, b) => b[1] - a[1]).slice(0, 3).map(([what, count]) => ({ what, count })),
  };
}

export function growthText({ kinds, places, detached, detached_by }, indent = "  ") {
  const line = ({ what, count, bytes }) => `${indent}${`${(bytes / 1024).toFixed(1)} KiB`.padStart(12)}${`${count > 0 ? "+" : ""}${count}`.padStart(9)}  ${what}`;
  return [
    `${indent}kinds of objects:`, ...kinds.map(line), `${indent}what keeps them:`, ...places.map(line),
    `${indent}elements in no document: ${detached.join(" → ")}`, ...detached_by.map(({ what, count }) => `${indent}${String(count).padStart(21)}  ${what}`),
  ].join("\n");
}
