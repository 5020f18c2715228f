#!/usr/bin/env python3
"""/metrics/hosts: node_exporter's names for the whole fleet, scraped by Debian's Prometheus and held against what the client sent."""

import subprocess
import time

import peers
from peers import house


def parse(text):
    """{(name, labels as text): (value, milliseconds or None)}"""
    out = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        series, _, rest = line.rpartition("} ")
        name, _, labels = series.partition("{")
        value, _, when = rest.partition(" ")
        out[name, labels] = (float(value), int(when) if when else None)
    return out


class HostsTest(house.HouseTest):
    def metrics(self, server, host=""):
        answer = server.get(f"/metrics/hosts?host={host}" if host else "/metrics/hosts")
        self.assertEqual(answer.status, 200, answer.body)
        self.assertTrue(answer.headers["content-type"].startswith("text/plain; version=0.0.4"))
        return house.unpack(answer).decode()

    def write(self, server, lines):
        answer = house.request(
            server.http_port, "POST", "/write?db=resmon", body=lines.encode(), headers={"Authorization": f"Token {house.TOKEN}"}
        )
        self.assertEqual(answer.status, 204, answer.body)

    def test_prometheus_scrapes_the_fleet(self):
        server = self.server()
        for host in ("h1", "h2"):
            self.client(server, host, "200ms", "client.tags=site=north")
        house.wait_for("both hosts", lambda: self.metrics(server).count("\nnode_load1{") == 2)
        text = self.metrics(server)
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
        bad = [line for line in checked.stderr.splitlines() if "error" in line.lower()]
        self.assertEqual(bad, [], "it parses")
        prometheus = peers.Prometheus(
            self,
            f"""
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: node
    honor_labels: true
    metrics_path: /metrics/hosts
    static_configs: [{{targets: ["127.0.0.1:{server.http_port}"]}}]
""",
        )
        names = ("node_memory_MemTotal_bytes", "node_load1", "node_boot_time_seconds", "node_uname_info")
        for name in names:
            found = house.wait_for(name, lambda n=name: len(r := prometheus.api("query", query=n)["result"]) == 2 and r)
            self.assertEqual({one["metric"]["instance"] for one in found}, {"h1", "h2"})
            self.assertEqual({one["metric"]["job"] for one in found}, {"node"})
        # The dashboards' variables and their first panel.
        self.assertEqual({one["metric"]["nodename"] for one in prometheus.api("query", query="node_uname_info")["result"]}, {"h1", "h2"})
        busy = 'sum by (instance) (rate(node_cpu_seconds_total{mode="idle"}[1m])) / count by (instance) (node_cpu_seconds_total{mode="idle"})'
        house.wait_for(
            "rates of CPU time",
            lambda: len(r := prometheus.api("query", query=busy)["result"]) == 2 and all(0 <= float(one["value"][1]) <= 1.5 for one in r),
        )
        total = prometheus.samples('node_memory_MemTotal_bytes{instance="h1"}')
        sent = {t // 10**6: float(v) for t, v in server.rows("SELECT total FROM mem WHERE host = 'h1'")}
        for values in total.values():
            self.assertTrue(set(values.items()) <= set(sent.items()), "with the row's own times")

    def test_values_labels_and_what_is_too_old(self):
        server = self.server()
        now = time.time_ns() // 10**9 * 10**9
        old = now - 3600 * 10**9
        self.write(
            server,
            f"mem,host=a,site=n\\ \"1\" total=100i,cached=30i,sreclaimable=10i {now}\n"
            f"mem,host=gone total=1i {old}\n"
            f"disk,host=a,path=/,device=sda1,fstype=ext4,mode=ro,label=x total=1000i,used=400i,free=500i {now}\n"
            f"disk,host=a,path=/n,device=srv:/x,fstype=nfs4,mode=rw total=10i,used=4i,free=6i {now}\n"
            f"diskio,host=a,name=sda,wwid=w read_time=1500i {now}\n"
            f"net,host=a,interface=eth0 speed=1000i,bytes_recv=7i {now}\nnet,host=a,interface=eth1 speed=-1i {now}\n"
            f"pressure,host=a,resource=io,type=full total=2500000i {now}\n"
            f"system,host=a load1=0.5 {now}\n"
            f'host_info,host=a os="Debian",kernel="6.1",architecture="x86_64" {now - 3500 * 10**9}\n'
            + "".join(f"cpu,host=a,cpu=cpu0 usage_user=50,usage_idle=50 {now - i * 10**10}\n" for i in (2, 1)),
        )
        house.wait_for("the rows", lambda: "node_load1" in self.metrics(server, "a"))
        self.write(server, f"cpu,host=a,cpu=cpu0 usage_user=25,usage_idle=75 {now}\n")
        house.wait_for("the last one", lambda: f" 7.5 {now // 10**6}\n" in self.metrics(server, "a"))
        found = parse(self.metrics(server, "a"))
        ms = now // 10**6
        site = ',site="n \\"1\\""'
        for (name, labels), value in {
            ("node_memory_MemTotal_bytes", f'instance="a"{site}'): 100,
            ("node_memory_Cached_bytes", f'instance="a"{site}'): 20,
            ("node_filesystem_avail_bytes", 'device="/dev/sda1",fstype="ext4",instance="a",mountpoint="/"'): 500,
            ("node_filesystem_free_bytes", 'device="/dev/sda1",fstype="ext4",instance="a",mountpoint="/"'): 600,
            ("node_filesystem_readonly", 'device="/dev/sda1",fstype="ext4",instance="a",mountpoint="/"'): 1,
            ("node_filesystem_readonly", 'device="srv:/x",fstype="nfs4",instance="a",mountpoint="/n"'): 0,
            ("node_disk_read_time_seconds_total", 'instance="a",device="sda"'): 1.5,
            ("node_network_speed_bytes", 'instance="a",device="eth0"'): 125e6,
            ("node_network_receive_bytes_total", 'instance="a",device="eth0"'): 7,
            ("node_pressure_io_stalled_seconds_total", 'instance="a"'): 2.5,
            ("node_load1", 'instance="a"'): 0.5,
            ("node_time_seconds", 'instance="a"'): now // 10**9,
            ("node_cpu_seconds_total", 'instance="a",cpu="0",mode="user"'): 7.5,
            ("node_cpu_seconds_total", 'instance="a",cpu="0",mode="idle"'): 12.5,
        }.items():
            self.assertEqual(found.get((name, labels)), (value, ms), (name, labels))
        self.assertEqual(
            found["node_uname_info", 'instance="a",sysname="Linux",nodename="a",release="6.1",machine="x86_64"'], (1, None)
        )
        self.assertNotIn(("node_network_speed_bytes", 'instance="a",device="eth1"'), found)
        self.assertNotIn("gone", self.metrics(server))
        self.assertEqual(self.metrics(server, "nobody"), "")


if __name__ == "__main__":
    house.main()
