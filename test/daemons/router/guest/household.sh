# A provider with PPPoE on VLAN 7, our router, a host on VLAN 20, and a telephone somewhere outside with WireGuard.
# Prints `name: value` for the test that runs it. Set before: node, lares, configuration.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
say() { echo "[$(cut -d' ' -f1 /proc/uptime)] $*"; }
# try NAME TIMES COMMAND...: says when it came true, or that it did not.
try() {
  name=$1 left=$2
  shift 2
  while [ "$left" -gt 0 ]; do
    if "$@" >/dev/null 2>&1; then say "$name: yes"; return 0; fi
    left=$((left - 1))
    sleep 1
  done
  say "$name: no"
  return 1
}
in_isp() { ip netns exec isp "$@"; }
in_router() { ip netns exec router "$@"; }
in_host() { ip netns exec host "$@"; }

for each in isp router host; do ip netns add $each; ip -n $each link set lo up; done
ip link add o0 netns isp type veth peer name eth0 netns router
ip link add h0 netns host type veth peer name eth1 netns router
ip -n isp link set o0 up
ip -n isp link add link o0 name o0.7 type vlan id 7
ip -n isp link set o0.7 up
ip -n isp address add 192.0.2.1/32 dev lo
ip -n host link set h0 up
for vlan in 20 30; do ip -n host link add link h0 name h0.$vlan type vlan id $vlan; done
ip -n host link set h0.20 up
ip -n host address add 192.168.20.10/24 dev h0.20
ip -n host route add default via 192.168.20.1

# The provider.
printf '"me@isp" * "s3 cr\\"et" *\n' >/etc/ppp/chap-secrets
printf 'require-chap\nlcp-echo-interval 10\nlcp-echo-failure 2\n+ipv6\nlogfile /tmp/server.log\n' >/tmp/server.options
in_isp pppoe-server -I o0.7 -L 10.64.0.1 -R 10.64.0.100 -N 3 -O /tmp/server.options
mkdir -p /tmp/www
dd if=/dev/urandom of=/tmp/www/file bs=1k count=300 2>/dev/null
in_isp busybox httpd -p 192.0.2.1:80 -h /tmp/www

mkdir -p -m 700 /tmp/state
umask 077
wg genkey >/tmp/peer.key
sed "s|@PEER@|$(wg pubkey </tmp/peer.key)|" "$configuration" >/tmp/state/active.hcl
umask 022
date -s '1970-01-01 00:10' >/dev/null
say "start: yes"
LARES_ROUTER_STATE=/tmp/state in_router "$node" --disable-warning=ExperimentalWarning "$lares" role router >/tmp/role.log 2>&1 &

finish() { echo "--- what was said"; cat /tmp/role.log /tmp/server.log /tmp/kea6.log /tmp/state/status.json; exit; }
try pppoe 90 in_router ping -c1 -W1 -q 10.64.0.1 || finish
say "address: $(ip -n router -4 -o address show ppp-dsl | awk '{print $4}')"
try nat 30 in_host ping -c1 -W1 -q 192.0.2.1
in_host curl -s -m 60 -o /tmp/got http://192.0.2.1/file
if cmp -s /tmp/got /tmp/www/file; then say "download: yes"; else say "download: no"; fi
say "cake up: $(tc -n router -s qdisc show dev ppp-dsl | awk '/qdisc cake/{on=1} on && /Sent/{print $2; exit}')"
say "cake down: $(tc -n router -s qdisc show dev ifb-dsl | awk '/qdisc cake/{on=1} on && /Sent/{print $2; exit}')"

# delegate PREFIX: the provider gives prefixes to whoever dialled in.
delegate() {
  line=$(ip -n isp -o link show | awk -F': ' '/ ppp/{print $2; exit}')
  # Kea takes the far end's address for its own where an interface has both.
  own=$(ip -n isp -6 -o address show dev "$line" scope link | awk '{sub("/.*", "", $4); print $4; exit}')
  ip -n isp -6 address flush dev "$line" scope link
  ip -n isp address add "$own/64" dev "$line" nodad
  ip -n isp address replace 2001:db8:f::1/64 dev "$line" nodad
  ip -n isp route replace "$1/56" dev "$line"
  cat >/tmp/kea6.json <<END
{ "Dhcp6": {
  "interfaces-config": { "interfaces": ["$line"] },
  "lease-database": { "type": "memfile", "persist": false },
  "server-id": { "type": "LLT", "persist": false, "identifier": "020000000001" },
  "subnet6": [{
    "subnet": "2001:db8:f::/64", "interface": "$line",
    "pd-pools": [{ "prefix": "$1", "prefix-len": 56, "delegated-len": 56 }]
  }],
  "loggers": [{ "name": "kea-dhcp6", "output_options": [{ "output": "stdout" }], "severity": "INFO" }]
} }
END
  KEA_PIDFILE_DIR=/tmp KEA_LOCKFILE_DIR=/tmp in_isp kea-dhcp6 -c /tmp/kea6.json >>/tmp/kea6.log 2>&1 &
}
# uses PREFIX: the host has an address of it that it may begin new connections with.
uses() { ip -n host -6 -o address show dev h0.20 scope global -tentative -deprecated | grep -q "$1"; }
delegate 2001:db8:1200::
try prefix 90 uses 2001:db8:1200:3: || finish
try "ipv6 out" 30 in_host ping -6 -c1 -W2 -q 2001:db8:f::1

# The same host with the wrong VLAN is not on the network.
ip -n host link set h0.20 down
ip -n host link set h0.30 up
ip -n host address add 192.168.20.10/24 dev h0.30
in_host ping -c1 -W2 -q 192.168.20.1 >/dev/null && say "wrong vlan: yes" || say "wrong vlan: no"
ip -n host link set h0.30 down
ip -n host link set h0.20 up
ip -n host route replace default via 192.168.20.1

# A telephone outside dials in, and reaches the host inside.
address=$(ip -n router -4 -o address show ppp-dsl | awk '{print $4}')
ip -n isp link add wg0 type wireguard
in_isp wg set wg0 private-key /tmp/peer.key peer "$(in_router wg show wg-away public-key)" endpoint "$address:51820" allowed-ips 10.99.0.0/24,192.168.20.0/24
ip -n isp address add 10.99.0.2/24 dev wg0
ip -n isp link set wg0 up
ip -n isp route add 192.168.20.0/24 dev wg0
try wireguard 20 in_isp ping -c1 -W2 -q 192.168.20.10

# The router serves the time; the provider's server stands for the world's, and the clock was wrong at the start.
asks_time() { in_host chronyd -Q -t 8 'server 192.168.20.1 iburst maxsamples 1' 2>&1 | grep -q 'System clock wrong by'; }
try ntp 20 asks_time

# Nobody on this machine can read the password from the list of processes.
ps -eo args | grep -q 's3 [c]r' && say "secret seen: yes" || say "secret seen: no"

# The provider ends the session: it is dialled again.
pkill -x kea-dhcp6
while pgrep -x kea-dhcp6 >/dev/null; do sleep 0.2; done
rm -f /tmp/*.kea-dhcp6.pid
pkill -f 'pppd .*10\.64\.0\.1:' && say "hung up: yes"
gone() { ! ip -n isp -o link show | grep -q ' ppp[0-9]'; }
try "line gone" 30 gone
try redialled 90 in_host ping -c1 -W1 -q 192.0.2.1
# As providers do: a new session, a new prefix.
delegate 2001:db8:3400::
try "new prefix" 120 uses 2001:db8:3400:3:
try "new prefix out" 30 in_host ping -6 -c1 -W2 -q 2001:db8:f::1
gives_up() { ! uses 2001:db8:1200:; }
try "old prefix given up" 60 gives_up
say "cake after: $(tc -n router qdisc show dev ppp-dsl | grep -c cake)"
finish
