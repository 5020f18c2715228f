// Believable machines: every value is a function of host, field and time, so that history and live agree and a test can run
// without any state. Counters are integrals of their rates, hence monotonic.

function hash(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; ++i) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return (h >>> 0) / 2 ** 32;
}

// Smooth noise of 0 … 1: sines of unrelated periods, plus a little of a fast one.
function wave(key, t, period) {
  const p = hash(key) * 1000;
  const s = t / 1000 / period;
  const v = 0.5 + 0.25 * Math.sin(s * 6.283 + p) + 0.15 * Math.sin(s * 17.31 + p * 2) + 0.1 * Math.sin(s * 61.7 + p * 3);
  return Math.min(1, Math.max(0, v + 0.08 * (hash(`${key}${Math.floor(t / 5000)}`) - 0.5)));
}

const kGiB = 2 ** 30;

export function profile(host) {
  const seed = hash(host);
  return {
    cpus: [2, 4, 8, 16, 64][Math.floor(seed * 5)],
    memory: [4, 8, 16, 64, 256][Math.floor(hash(`m${host}`) * 5)] * kGiB,
    swap: seed > 0.3 ? 2 * kGiB : 0,
    paths: ["/", "/var", ...(seed > 0.5 ? ["/srv/data"] : [])],
    disks: ["nvme0n1", "nvme0n1p1", "nvme0n1p2", ...(seed > 0.5 ? ["sda"] : [])],
    interfaces: ["eth0", ...(seed > 0.6 ? ["wg0"] : [])],
    busy: 0.08 + 0.5 * hash(`b${host}`) ** 2,
  };
}

function cpu(host, mode, t) {
  const burst = wave(`burst${host}`, t, 5400) > 0.82 ? 30 : 0;
  const all = profile(host).busy * 100 * (0.4 + wave(`cpu${host}`, t, 1500)) + burst;
  const parts = { user: 0.62, system: 0.22, iowait: 0.08, nice: 0.02, irq: 0.01, softirq: 0.03, steal: 0.02 };
  const value = (name) => Math.min(96, all) * parts[name] * (0.7 + 0.6 * wave(name + host, t, 300));
  const sum = Object.keys(parts).reduce((total, name) => total + value(name), 0);
  if (mode === "active") return Math.min(100, sum);
  if (mode === "idle") return Math.max(0, 100 - sum);
  return value(mode);
}

export function gauge(host, measurement, tags, field, t) {
  const p = profile(host);
  switch (measurement) {
    case "cpu": {
      if (field === "usage_idle") return 100 - gauge(host, measurement, tags, "usage_active", t);
      const value = cpu(host, field.replace("usage_", ""), t);
      if (!/^cpu\d/.test(tags.cpu ?? "")) return value;
      return Math.min(100, value * (0.2 + 2.2 * wave(tags.cpu + host, t, 700) ** 2));
    }
    case "system": {
      const lag = { load1: 30_000, load5: 150_000, load15: 450_000 }[field] ?? 0;
      return field === "n_cpus" ? p.cpus : (cpu(host, "active", t - lag) / 100) * p.cpus * 1.2;
    }
    case "mem": {
      const used = p.memory * (0.2 + 0.5 * hash(`u${host}`) + 0.1 * wave(`mem${host}`, t, 4000));
      const free = (p.memory - used) * (0.15 + 0.2 * wave(`free${host}`, t, 7000));
      const cache = p.memory - used - free;
      return {
        used, available: p.memory - used, free, total: p.memory, used_percent: (used / p.memory) * 100, available_percent: 100 - (used / p.memory) * 100,
        cached: cache * 0.8, buffered: cache * 0.1, shared: used * 0.05, slab: cache * 0.07, mapped: used * 0.2, page_tables: used * 0.01,
        dirty: 4e6 * wave(`dirty${host}`, t, 300), write_back: 0, committed_as: used * 1.6, commit_limit: p.memory * 0.5 + p.swap,
      }[field] ?? null;
    }
    case "swap":
      return { total: p.swap, used: p.swap * 0.2 * wave(`swap${host}`, t, 9000) }[field] ?? null;
    case "disk": {
      const base = 20 + 65 * hash(`${tags.path}${host}`);
      const grown = base + 12 * ((t / 86400e3 / 9) % 1);
      const size = 250 * kGiB;
      const used = Math.min(99, grown);
      return { used_percent: used, total: size, free: size * (1 - used / 100), used: (size * used) / 100, inodes_used_percent: base / 4 }[field] ?? null;
    }
    case "netstat":
      return Math.round(({ tcp_established: 120, tcp_time_wait: 60, tcp_close_wait: 2, tcp_listen: 18, udp_socket: 14 }[field] ?? 0) * (0.4 + wave(field + host, t, 900)));
    case "processes": {
      const most = { running: 4, blocked: 1.6, zombies: 0.6, stopped: 0, sleeping: 180, idle: 90, total_threads: 420, total: 276 }[field] ?? 0;
      return Math.round(most * (0.7 + 0.5 * wave(field + host, t, 800)));
    }
    case "pressure":
      return 14 * p.busy * wave(`${tags.resource}${tags.type}${host}`, t, 700) ** 3 * (tags.type === "full" ? 0.4 : 1);
    case "diskio":
      return {
        io_util: 60 * p.busy * wave(`util${tags.name}${host}`, t, 400) ** 2, io_await: 0.3 + 4 * wave(`await${tags.name}${host}`, t, 350) ** 3,
        iops_in_progress: Math.round(3 * wave(`queue${tags.name}${host}`, t, 300) ** 2),
      }[field] ?? null;
    case "internal_client":
      return { backlog_samples: 0, dropped_samples: 0, memory_resident_bytes: 3.6e6 + 2e5 * wave(`rss${host}`, t, 4000) }[field] ?? null;
    case "internal_collector":
      if (field === "failures") return 0;
      return 2e-5 + 6e-5 * hash(tags.collector) + 3e-5 * wave(tags.collector + host, t, 200);
    case "queue":
      return 30 + 20 * wave(`queue${tags.name}${host}`, t, 700);
    case "linux_sysctl_fs":
      return Math.round(1800 + 900 * wave(`files${host}`, t, 5000));
    default:
      return null;
  }
}

export function rate(host, measurement, tags, field, t) {
  const w = (key, period) => wave(`${key}${Object.values(tags).join()}${host}`, t, period);
  const busy = profile(host).busy;
  switch (`${measurement}.${field}`) {
    case "diskio.read_bytes":
      return tags.name === "sda" ? 3e5 * w("r", 500) : 4e7 * busy * w("r", 500) ** 3;
    case "diskio.write_bytes":
      return 1.6e7 * busy * w("w", 300) ** 2;
    case "diskio.reads":
      return 900 * busy * w("r", 500) ** 3;
    case "diskio.writes":
      return 700 * busy * w("w", 300) ** 2;
    case "net.bytes_recv":
      return 1.1e7 * busy * w("rx", 600) ** 2;
    case "net.bytes_sent":
      return 4e6 * busy * w("tx", 450) ** 2;
    case "net.packets_recv":
      return 9000 * busy * w("rx", 600) ** 2;
    case "net.packets_sent":
      return 6000 * busy * w("tx", 450) ** 2;
    case "net.drop_in":
      return Math.max(0, w("drop", 900) - 0.8);
    case "swap.in":
    case "swap.out":
      return Math.max(0, 2e5 * (w("swap", 900) - 0.7));
    case "internal_client.cpu_seconds":
      return 0.0004 + 0.0003 * w("own", 300);
    case "internal_client.sent_bytes":
      return 40 + 20 * w("wire", 300);
    case "kernel.context_switches":
      return 9000 * (0.3 + busy * w("cs", 400));
    case "kernel.interrupts":
      return 4200 * (0.3 + busy * w("in", 420));
    case "kernel.processes_forked":
      return 22 * w("f", 350);
    default:
      return 0;
  }
}

export function tagSets(host, measurement, by) {
  const p = profile(host);
  const sets = {
    cpu: ["cpu-total", ...Array.from({ length: p.cpus }, (_, index) => `cpu${index}`)].map((cpu) => ({ cpu })),
    disk: p.paths.map((path, index) => ({ path, device: `nvme0n1p${index + 1}`, fstype: "ext4", mode: "rw" })),
    diskio: p.disks.map((name) => ({ name })),
    internal_collector: ["cpu", "mem", "disk", "diskio", "net", "netstat", "processes"].map((collector) => ({ collector })),
    queue: [{ name: "mails" }, { name: "orders" }],
    net: p.interfaces.map((name) => ({ interface: name })),
    pressure: ["cpu some", "memory some", "memory full", "io some", "io full"].map((one) => {
      const [resource, type] = one.split(" ");
      return { resource, type };
    }),
  }[measurement] ?? [{}];
  return sets.map((tags) => Object.fromEntries(Object.entries({ host, ...tags }).filter(([key]) => by.includes(key) || key !== "host")));
}
