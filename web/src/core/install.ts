// The lines that bring a client onto a machine.

import { t } from "./texts.ts";


export interface Enrolled {
  host: string;
  token: string;
  address: string;  // of the listener for clients
  tls: boolean;
  page: string;     // the origin of this page
  downloads: readonly string[];
}

export interface Line {
  title: string;
  text: string;
  note?: string;
}

const quoted = (text: string): string => (/^[\w.@:/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const isLoopback = (name: string): boolean => /^(localhost|127\.|\[?::1)/.test(name);

const kInstaller = "resmon-client.sh";

export function installLines({ host, token, address, tls, page, downloads }: Enrolled): Line[] {
  const { hostname } = new URL(page);
  const port = /:(\d+)$/.exec(address)?.[1] ?? "7411";
  const server = `${hostname}:${port}`;
  const lines: Line[] = [];
  if (isLoopback(address) && !isLoopback(hostname)) {
    lines.push({
      title: t("The server accepts clients of its own machine only. Open it first, on the server's machine:"),
      text: `./resmon configure --tls ${hostname} --tcp-address 0.0.0.0:${port} && ./resmon restart`,
    });
  }
    if (downloads.includes(kInstaller)) {
    lines.push({
      title: t("On {host}, as a user who may use sudo:", { host }),
      text: `umask 077; cd "$(mktemp -d)" && echo ${token} >token && curl -fsS -H 'Authorization: Bearer ${token}' -o install.sh ${page}/download/${kInstaller} && ` +
        `sudo sh install.sh install --url ${page} --server ${server} --name ${quoted(host)} --token-file "$PWD/token"${tls ? "" : " --plaintext"}`,
      ...(tls ? { note: t("If the server's certificate is not from a public authority, copy its tls/ca.crt to the machine first, and add --cacert FILE to curl and --ca-file FILE to the installer.") } : {}),
    });
    return lines;
  }
  lines.push({
    title: t("On {host}, where the program resmon-client is:", { host }),
    text: `umask 077; echo ${token} >resmon.token && resmon-client --server ${server} --host ${quoted(host)} --token-file resmon.token${tls ? " --set tls.enabled=true" : ""}`,
    ...(tls ? { note: t("If the server's certificate is not from a public authority, copy its tls/ca.crt to the machine first, and add --set tls.ca_file=FILE.") } : {}),
  }, {
    title: t("On {host}, where the Debian package is installed and client.servers in /etc/resmon/client.toml is {value}:", { host, value: `["${server}"]` }),
    text: `echo ${token} | sudo install -m 640 -o root -g resmon /dev/stdin /etc/resmon/client.token && sudo systemctl restart resmon-client`,
  }, {
    title: t("Or from the server's machine over ssh, which copies the program and makes a token of its own:"),
    text: `./resmon deploy client ${quoted(host)} --server ${server}`,
  });
  return lines;
}
