#!/usr/bin/env python3
"""The client as one static file: what is in it, and that it runs where there is nothing but itself. In a network namespace of the
test's own, with a name server, it resolves the server's name, verifies its certificate and sends: from an empty root, from one with
busybox only, and from each root folder in RESMON_STATIC_ROOTS (paths with colons between them), for example of debootstrap."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))
import house  # noqa: E402

NAME = "monitor.fleet.example"
NAME_SERVER = "127.0.0.53"
# What loads shared objects at run time when a static program calls it.
LOADING = ("getaddrinfo", "gethostbyname", "iconv_open", "getpwuid", "getpwnam", "getgrgid", "getgrnam")


def enter_namespaces():
    """Runs this test again in a network and mount namespace of its own; as root of a user namespace where it is not root."""
    if os.environ.get("RESMON_STATIC_INSIDE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    os.environ["RESMON_STATIC_INSIDE"] = "yes"
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    os.execvp("unshare", ["unshare", *user, "--net", "--mount", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])


class NameServer:
    """Knows NAME at 127.0.0.1, over UDP."""

    def __init__(self):
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAME_SERVER, 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            message, sender = self.socket.recvfrom(512)
            labels, at = [], 12
            while message[at]:
                labels.append(message[at + 1 : at + 1 + message[at]].decode())
                at += 1 + message[at]
            (kind,) = struct.unpack_from(">H", message, at + 1)
            name = ".".join(labels)
            self.asked.append(name)
            known = name.lower() == NAME
            records = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 1]) if known and kind == 1 else b""
            flags = 0x8180 if known else 0x8183
            self.socket.sendto(message[:2] + struct.pack(">HHHHH", flags, 1, bool(records), 0, 0) + message[12:] + records, sender)


def roots():
    return [path for path in os.environ.get("RESMON_STATIC_ROOTS", "").split(":") if path]


class StaticTest(house.HouseTest):
    @classmethod
    def setUpClass(cls):
        cls.names = NameServer()

    def setUp(self):
        super().setUp()
        self.root = os.path.join(self.folder, "root")
        os.mkdir(self.root)
        self.names.asked.clear()

    def tls_server(self):
        run = lambda *arguments: house.run_openssl(self.folder, *arguments)  # noqa: E731
        ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        run("req", "-x509", *ec, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca")
        run("req", *ec, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
        with open(os.path.join(self.folder, "san"), "w") as file:
            file.write(f"subjectAltName=DNS:{NAME}\n")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "san")
        run("x509", "-req", "-in", "server.csr", *signing, "-out", "server.crt")
        path = lambda name: os.path.join(self.folder, name)  # noqa: E731
        return self.server("listen.tls=true", f"tls.certificate_file={path('server.crt')}", f"tls.key_file={path('server.key')}")

    def furnish(self, root, server):
        """The client's files in /resmon there, and resolv.conf."""
        os.makedirs(os.path.join(root, "etc"), exist_ok=True)
        os.makedirs(os.path.join(root, "resmon"), exist_ok=True)
        shutil.copy(house.program("resmon-client"), os.path.join(root, "resmon", "resmon-client"))
        shutil.copy(os.path.join(self.folder, "ca.pem"), os.path.join(root, "resmon", "ca.pem"))
        shutil.copy(server.token_file, os.path.join(root, "resmon", "token"))
        with open(os.path.join(root, "etc", "resolv.conf"), "w") as file:
            file.write(f"nameserver {NAME_SERVER}\nsearch else.example fleet.example\n")

    def client_in(self, root, server, host, name="monitor"):
        arguments = ["/resmon/resmon-client", "--server", f"{name}:{server.port}", "--token-file", "/resmon/token", "--host", host]
        arguments += ["--interval", "100ms"]
        for pair in ("tls.enabled=true", "tls.ca_file=/resmon/ca.pem", f"tls.server_name={NAME}", "spool.directory=/resmon/spool"):
            arguments += ["--set", pair]
        log = open(os.path.join(self.folder, f"{host}.log"), "ab")
        self.addCleanup(log.close)
        chroot = shutil.which("chroot") or "/usr/sbin/chroot"
        process = subprocess.Popen([chroot, root, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def arrives(self, server, host, measurement, field):
        query = f"SELECT last({field}) FROM {measurement} WHERE host = '{host}'"
        house.wait_for(f"{measurement} of {host}", lambda: server.rows(query))

    def with_kernel(self, root):
        for name in ("proc", "sys"):
            path = os.path.join(root, name)
            os.makedirs(path, exist_ok=True)
            subprocess.run(["mount", "--rbind", f"/{name}", path], check=True)
            self.addCleanup(subprocess.run, ["umount", "--lazy", path], check=True)

    def test_the_program_is_static_and_calls_nothing_that_loads_shared_objects(self):
        client = house.program("resmon-client")
        headers = subprocess.run(["readelf", "--program-headers", "--dynamic", client], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("NEEDED", headers)
        symbols = subprocess.run(["nm", "--format=posix", client], capture_output=True, text=True, check=True).stdout
        names = {line.split()[0] for line in symbols.splitlines()}
        for function in LOADING:
            self.assertNotIn(function, names)
        self.assertIn("__wrap_getaddrinfo", names)

    def test_in_an_empty_root_it_sends_over_tls_to_a_verified_name(self):
        server = self.tls_server()
        self.furnish(self.root, server)
        self.client_in(self.root, server, "empty")
        self.arrives(server, "empty", "internal_client", "connections")
        self.assertIn(NAME, self.names.asked)
        self.assertIn("monitor.else.example", self.names.asked, "search domains in their order")

    def test_a_name_that_the_certificate_does_not_have_is_refused(self):
        server = self.tls_server()
        self.furnish(self.root, server)
        os.makedirs(os.path.join(self.root, "etc"), exist_ok=True)
        with open(os.path.join(self.root, "etc", "hosts"), "w") as file:
            file.write("127.0.0.1 other.example\n")
        arguments = ["/resmon/resmon-client", "--server", f"other.example:{server.port}", "--token-file", "/resmon/token", "--host", "x"]
        arguments += ["--interval", "100ms", "--set", "tls.enabled=true", "--set", "tls.ca_file=/resmon/ca.pem"]
        arguments += ["--set", "spool.directory=/resmon/spool"]
        log_path = os.path.join(self.folder, "x.log")
        with open(log_path, "wb") as log:
            process = subprocess.Popen([shutil.which("chroot") or "/usr/sbin/chroot", self.root, *arguments], stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

        def refused():
            with open(log_path) as file:
                return "certificate" in file.read()

        house.wait_for("the refusal in the client's log", refused)
        self.assertNotIn("x", server.hosts())

    def test_beside_busybox_only_it_gathers_the_machine(self):
        busybox = shutil.which("busybox")
        if not busybox or "statically linked" not in subprocess.run(["file", "-L", busybox], capture_output=True, text=True).stdout:
            self.skipTest("busybox-static is not installed")
        server = self.tls_server()
        os.makedirs(os.path.join(self.root, "bin"))
        shutil.copy(busybox, os.path.join(self.root, "bin", "sh"))
        self.furnish(self.root, server)
        self.with_kernel(self.root)
        self.client_in(self.root, server, "busybox")
        self.arrives(server, "busybox", "mem", "total")
        self.arrives(server, "busybox", "cpu", "usage_idle")

    def test_in_other_distributions(self):
        if not roots():
            self.skipTest("RESMON_STATIC_ROOTS names no root folder")
        server = self.tls_server()
        for number, root in enumerate(roots()):
            with self.subTest(root=root):
                host = f"{os.path.basename(root)}-{number}"
                self.furnish(root, server)
                self.with_kernel(root)
                self.client_in(root, server, host)
                self.arrives(server, host, "cpu", "usage_idle")
                print(f"# summary: {host}: sends", flush=True)


if __name__ == "__main__":
    enter_namespaces()
    house.main()
