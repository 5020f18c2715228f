# Test hosts: machines as far as ssh can tell, made of namespaces. Each has its own network (a veth pair to a bridge in a network
# namespace of the suite's own), host name, processes, and a root file system of its own: this machine's, under an overlay on tmpfs.
# So they have Debian's real sshd, and cost nothing to make. Needs root. systemd does not run in them.
# shellcheck shell=bash

# hosts_begin DIRECTORY: the fleet's own network; this shell's commands enter it with in_fleet.
hosts_begin() {
  fleet=$1
  fleet_tag=rt$((BASHPID % 100000))
  mkdir -p "$fleet"
  mount -t tmpfs -o size=2g,mode=755 resmon-hosts "$fleet"
  ip netns add "$fleet_tag"
  ip -n "$fleet_tag" link add hub type bridge
  ip -n "$fleet_tag" address add 10.77.0.1/24 dev hub
  ip -n "$fleet_tag" link set hub up
  ip -n "$fleet_tag" link set lo up
  ssh-keygen -q -t ed25519 -N '' -f "$fleet/key"
  ssh-keygen -q -t ed25519 -N '' -f "$fleet/host_key"
  {
    printf 'Host *\n  User root\n  IdentityFile %s\n  IdentitiesOnly yes\n' "$fleet/key"
    printf '  UserKnownHostsFile %s\n  StrictHostKeyChecking accept-new\n' "$fleet/known_hosts"
  } >"$fleet/ssh_config"
  host_pids=()
}

in_fleet() { ip netns exec "$fleet_tag" "$@"; }

# host_make NAME NUMBER: 10.77.0.NUMBER, with sshd on port 22.
host_make() {
  local name=$1 number=$2 directory=$fleet/$1 net=$fleet_tag-$2
  mkdir -p "$directory"/{upper,work,root}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$directory/upper,workdir=$directory/work" "$directory/root"
  ip netns add "$net"
  ip -n "$net" link set lo up
  ip link add "v$number" netns "$fleet_tag" type veth peer name eth0 netns "$net"
  ip -n "$fleet_tag" link set "v$number" master hub up
  ip -n "$net" address add "10.77.0.$number/24" dev eth0
  ip -n "$net" link set eth0 up
  cat >"$fleet/$name.init" <<INIT
set -e
root=$directory/root
hostname $name
mount -t proc proc "\$root/proc"
mount -t sysfs -o ro sysfs "\$root/sys" 2>/dev/null || true
mount -t tmpfs -o mode=755 dev "\$root/dev"
for device in null zero full random urandom tty; do touch "\$root/dev/\$device"; mount --bind "/dev/\$device" "\$root/dev/\$device"; done
mkdir -p "\$root/dev/pts"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "\$root/dev/pts" 2>/dev/null || true
mount -t tmpfs -o mode=755 run "\$root/run"
mount -t tmpfs tmp "\$root/tmp"
mkdir -p "\$root/run/sshd" "\$root/root/.ssh" "\$root/home/ops/.ssh"
cp "$fleet/key.pub" "\$root/root/.ssh/authorized_keys"
cp "$fleet/key.pub" "\$root/home/ops/.ssh/authorized_keys"
cp "$fleet/host_key" "\$root/run/host_key"
chmod 700 "\$root/root/.ssh" "\$root/root"
chmod 600 "\$root/root/.ssh/authorized_keys"
rm -rf "\$root/opt/resmon" "\$root/etc/resmon" "\$root/var/lib/resmon"
grep -q '^ops:' "\$root/etc/passwd" || chroot "\$root" useradd --password "*" --home-dir /home/ops --shell /bin/bash ops
chroot "\$root" chown -R ops: /home/ops
exec chroot "\$root" /usr/sbin/sshd -D -e -h /run/host_key -o UsePAM=no -o PermitRootLogin=prohibit-password -o StrictModes=no
INIT
  setsid ip netns exec "$net" unshare --mount --uts --pid --fork --kill-child bash "$fleet/$name.init" \
    </dev/null >"$fleet/$name.log" 2>&1 3>&- &
  host_pids+=($!)
}

# host_wait NUMBER…: until their sshd answers.
host_wait() {
  local number deadline=$((SECONDS + 60))
  for number in "$@"; do
    until in_fleet bash -c "exec 4<>/dev/tcp/10.77.0.$number/22" 2>/dev/null; do
      ((SECONDS < deadline)) || {
        cat "$fleet"/*.log
        return 1
      }
      sleep 0.1
    done
  done
}

hosts_end() {
  local pid directory net
  for pid in "${host_pids[@]}"; do
    kill -KILL -- "-$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  for directory in "$fleet"/*/root; do
    [[ ! -d $directory ]] || umount -R -l "$directory" 2>/dev/null || true
  done
  for net in $(ip netns list | awk -v tag="$fleet_tag" '$1 == tag || index($1, tag "-") == 1 { print $1 }'); do ip netns del "$net"; done
  umount -l "$fleet" 2>/dev/null || true
  rmdir "$fleet" 2>/dev/null || true
}
