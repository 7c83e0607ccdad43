import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ExecutionContext } from "ava";

const FILES = new URL("../../../../os-image/firmware/files/", import.meta.url).pathname;
/**
 * Stands before `ip`: what it is asked for is noted, and a VLAN, which not every kernel has, is a pair of cards of its name; none where
 * there is no such card.
 */
const IP = `#!/bin/sh
echo "$*" >>"$LARES_STATE/asked"
case $* in
*" type vlan "*) /usr/sbin/ip link show "$4" >/dev/null && /usr/sbin/ip link add "$6" type veth peer name far && exec /usr/sbin/ip link set far up; exit 1 ;;
esac
exec /usr/sbin/ip "$@"
`;

interface StartedNetwork {
  readonly card: string;
  readonly settings: string;
  /** To see a way out, ten a second. */
  readonly tries?: number;
  /** Until udev gives it its name. */
  readonly before?: string;
}

/** The script of the start and dhcpcd itself, in a network of their own with one wired card. */
export function startedNetwork(t: ExecutionContext, { card, settings, tries = 100, before = card }: StartedNetwork) {
  const folder = mkdtempSync(join(tmpdir(), "lares-links-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const put = (name: string, text: string, mode = 0o644): void => writeFileSync(join(folder, name), text, { mode });
  mkdirSync(join(folder, "bin"));
  put("bin/ip", IP, 0o755);
  put("dhcpcd.conf", settings);
  // No udev names cards here, and the machine's own names of servers are left alone.
  put("base.conf", `${readFileSync(join(FILES, "dhcpcd.conf"), "utf8")}nodev\nscript /bin/true\n`);
  put("resolv.conf", "");
  const line = `mount --bind ${folder}/resolv.conf /etc/resolv.conf; mount -t tmpfs run /run; mount -t sysfs sys /sys; mount --bind /dev/null /dev/kmsg
mkdir -p /var/lib/dhcpcd; mount -t tmpfs lib /var/lib/dhcpcd
ip link add ${before} type veth peer name other; ip link set other up
mkdir -p /run/udev/data; number=$(cat /sys/class/net/${before}/ifindex)
if [ ${before} = ${card} ]; then echo I:1 >/run/udev/data/n$number; else
  echo E:ID_RENAMING=1 >/run/udev/data/n$number
  (sleep 0.5; ip link set ${before} name ${card}; echo I:1 >/run/udev/data/n$number) &
fi
PATH=${folder}/bin:$PATH sh ${join(FILES, "links.sh")} 2>/dev/null
dhcpcd -q -b -f ${folder}/out.conf >/dev/null 2>&1
tries=0; until ip -4 route show default | grep -q via || [ $tries -ge ${tries} ]; do tries=$((tries + 1)); sleep 0.1; done
ip -4 -o addr show | awk '$2 != "lo" { print $2, $4 }'; ip -4 route show default | awk '{ print $3, $5 }'`;
  const environment = {
    ...process.env,
    LARES_STATE: folder,
    LARES_DHCPCD: join(folder, "base.conf"),
    LARES_DHCPCD_OUT: join(folder, "out.conf"),
    LARES_TROUBLES: join(folder, "troubles"),
    LARES_ANY_CARD: "1",
  };
  const options = { stdio: "pipe", env: environment, encoding: "utf8" } as const;
  const shown = execFileSync("unshare", ["-n", "-m", "-p", "-f", "--kill-child", "sh", "-ec", line], options);
  const read = (name: string): string =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
  return { shown, asked: read("asked"), settings: read("out.conf"), troubles: read("troubles") };
}
