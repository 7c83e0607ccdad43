import { formatCidr, formatIp, networkOf, parseCidr, type Cidr } from "../address/ip.ts";
import { lanDevice, wanDevice, wanLink } from "../config/devices.ts";
import type { RouterConfig, Wan } from "../config/model.ts";
import type { ProgramFile, WantedProgram } from "./desired.ts";
import type { RouterFacts } from "./facts.ts";
import { formerNetworks, lanNetworks, type LanNetwork } from "./prefixes.ts";
import { lineAddresses } from "./uplinks.ts";

const SECRET = 0o600;
const PLAIN = 0o644;
const SCRIPT = 0o755;

/** Debian's programs that the plan needs, each with its whole configuration in files of ours. */
export function planPrograms(config: RouterConfig, facts: RouterFacts): readonly WantedProgram[] {
  const folder = `${facts.stateDir}/run`;
  return [
    ...config.wans.filter(({ kind }) => kind === "pppoe").map((wan) => pppd(wan, folder, facts)),
    ...config.wans.filter(asksProvider).map((wan) => dhcpcd(wan, folder)),
    ...(config.ntp === null ? [] : [chronyd(config, folder)]),
    ...radvd(config, folder, facts),
    ...(config.upnp === null ? [] : miniupnpd(config, folder, facts)),
  ];
}

/** Where the client for a line keeps what the provider said last. */
export function leaseFile(stateDir: string, wan: string, family: 4 | 6): string {
  return `${stateDir}/run/lease-${wan}-${family}`;
}

function asksProvider(wan: Wan): boolean {
  const fixed6 = wan.prefix !== "" || wan.addresses.some((each) => each.includes(":"));
  return wan.kind === "dhcp" || (wan.ipv6 && !fixed6);
}

/** dhcpcd(8) asks and configures nothing: what it learns is written down by its hook, and planned. */
function dhcpcd(wan: Wan, folder: string): WantedProgram {
  const device = wanDevice(wan);
  const ipv6 = wan.ipv6 ? ["  ia_na 1", `  ia_pd 2/::/${wan.prefixLength}`] : ["  noipv6"];
  const config = [
    "duid",
    "persistent",
    "noipv6rs",
    "noipv4ll",
    "noarp",
    "option routers, classless_static_routes, domain_name_servers, interface_mtu",
    `interface ${device}`,
    ...(wan.kind === "dhcp" ? [] : ["  noipv4"]),
    ...ipv6,
  ];
  const base = `${folder}/dhcpcd-${wan.name}`;
  return {
    name: `dhcpcd-${wan.name}`,
    argv: ["dhcpcd", "-B", "--noconfigure", "-f", `${base}.conf`, "-c", `${base}.hook`, device],
    files: [
      file(`${base}.conf`, config.join("\n"), PLAIN),
      file(`${base}.hook`, hook(`${folder}/lease-${wan.name}`), SCRIPT),
    ],
    device,
  };
}

/** Values go through no shell word: the environment is copied whole, each entry closed by a zero byte. */
function hook(lease: string): string {
  return `#!/bin/sh
umask 077
family=4
case "$reason" in *6) family=6 ;; esac
case "$reason" in
  BOUND* | RENEW* | REBIND* | REBOOT* | INFORM* | EXPIRE* | NAK* | DELEGATED6)
    env -0 >"${lease}-$family.new" && mv "${lease}-$family.new" "${lease}-$family"
    ;;
esac
echo "$reason"
`;
}

/** pppd(8) with the kernel's PPPoE. The password is in a file that only root reads, never among the arguments. */
function pppd(wan: Wan, folder: string, { secrets }: RouterFacts): WantedProgram {
  const { user = "", password = "", passwordFile = "", service = "" } = wan.pppoe ?? {};
  const secret = passwordFile === "" ? password : (secrets[passwordFile] ?? "");
  const mtu = wan.mtu === 0 ? 1492 : wan.mtu;
  const options = [
    "plugin rp-pppoe.so",
    ...(service === "" ? [] : [`rp_pppoe_service ${pppText(service)}`]),
    `nic-${wanLink(wan)}`,
    `ifname ${wanDevice(wan)}`,
    `user ${pppText(user)}`,
    `password ${pppText(secret)}`,
    "hide-password",
    "noauth",
    "nodetach",
    "noipdefault",
    "nodefaultroute",
    "noproxyarp",
    "persist",
    "maxfail 0",
    "holdoff 5",
    "lcp-echo-interval 10",
    "lcp-echo-failure 3",
    "default-asyncmap",
    `mtu ${mtu}`,
    `mru ${mtu}`,
    ...(wan.ipv6 ? ["+ipv6"] : ["noipv6"]),
  ];
  const path = `${folder}/pppd-${wan.name}.options`;
  return {
    name: `pppd-${wan.name}`,
    argv: ["pppd", "file", path],
    files: [{ ...file(path, options.join("\n"), SECRET), secret: true }],
    device: wanLink(wan),
  };
}

/** A word in an options file (pppd(8), OPTIONS FILES). */
function pppText(text: string): string {
  return `"${text.replaceAll(/["\\]/g, (each) => `\\${each}`)}"`;
}

function chronyd(config: RouterConfig, folder: string): WantedProgram {
  const { servers, zones } = config.ntp ?? { servers: [], zones: [] };
  const networks = config.lans
    .filter(({ zone }) => zones.includes(zone))
    .flatMap(({ addresses }) =>
      addresses.map(parseCidr).flatMap((each) => (each === undefined ? [] : [formatCidr(networkOf(each))])),
    );
  const lines = [
    ...servers.map((each) => `pool ${each} iburst`),
    `driftfile ${folder}/chrony.drift`,
    `pidfile ${folder}/chrony.pid`,
    `bindcmdaddress ${folder}/chrony.sock`,
    "cmdport 0",
    "makestep 1 3",
    "rtcsync",
    ...networks.map((each) => `allow ${each}`),
    // Better one wrong time for all than a different one for each, when the line is down at boot.
    "local stratum 10 orphan",
  ];
  const path = `${folder}/chrony.conf`;
  return {
    name: "chronyd",
    argv: ["chronyd", "-d", "-u", "root", "-f", path],
    files: [file(path, lines.join("\n"), PLAIN)],
    device: "",
  };
}

function radvd(config: RouterConfig, folder: string, facts: RouterFacts): readonly WantedProgram[] {
  const networks = lanNetworks(config, facts);
  const gone = formerNetworks(config, facts);
  const blocks = config.lans.flatMap((lan) => {
    const own = lan.addresses.map(parseCidr).flatMap((each) => (each?.family === 6 ? [networkOf(each)] : []));
    const given = networks.filter((each) => each.lan === lan);
    const former = gone.filter((each) => each.lan === lan).map(({ network }) => network);
    return lan.advertise && own.length + given.length + former.length > 0
      ? [advertisement(lan, { own, given, former })]
      : [];
  });
  if (blocks.length === 0) return [];
  const path = `${folder}/radvd.conf`;
  return [
    {
      name: "radvd",
      argv: ["radvd", "-n", "-C", path, "-p", `${folder}/radvd.pid`, "-m", "stderr_clean"],
      files: [file(path, blocks.join("\n"), PLAIN)],
      device: "",
      // Ended and started again it would tell hosts in between that it is no router.
      reloads: true,
    },
  ];
}

/** RFC 4861, 6.2.1; lifetimes short enough that a changed prefix is gone within the hour (RFC 9096, 3.4). */
function advertisement(
  lan: RouterConfig["lans"][number],
  {
    own,
    given,
    former,
  }: { readonly own: readonly Cidr[]; readonly given: readonly LanNetwork[]; readonly former: readonly Cidr[] },
): string {
  const prefix = (network: Cidr, lifetimes: string): string[] => [
    `  prefix ${formatCidr(network)} {`,
    "    AdvOnLink on; AdvAutonomous on;",
    `    ${lifetimes}`,
    "  };",
  ];
  const usual = (preferred: boolean): string => `AdvValidLifetime 3600; AdvPreferredLifetime ${preferred ? 1800 : 0};`;
  const [first] = own.length > 0 ? own : given.map(({ network }) => network);
  const self =
    first === undefined ? [] : [own.length > 0 ? ownAddress(lan) : formatIp({ family: 6, value: first.value + 1n })];
  const dns = lan.dns.filter((each) => each.includes(":"));
  const servers = dns.length > 0 ? dns : self;
  return [
    `interface ${lanDevice(lan)} {`,
    "  AdvSendAdvert on; MinRtrAdvInterval 30; MaxRtrAdvInterval 100;",
    // RFC 4861 §4.2: who may ask for addresses finds the settings there, too.
    `  AdvManagedFlag ${lan.dhcpv6 === "addresses" ? "on" : "off"}; AdvOtherConfigFlag ${lan.dhcpv6 === "none" ? "off" : "on"};`,
    `  AdvDefaultLifetime ${given.some(({ preferred }) => preferred) ? 1800 : 0};`,
    ...own.flatMap((each) => prefix(each, usual(true))),
    ...given.flatMap(({ network, preferred }) => prefix(network, usual(preferred))),
    ...former.flatMap((each) => prefix(each, "AdvValidLifetime 0; AdvPreferredLifetime 0;")),
    ...(servers.length === 0 ? [] : [`  RDNSS ${servers.join(" ")} { AdvRDNSSLifetime 1800; };`]),
    ...(lan.domain === "" ? [] : [`  DNSSL ${lan.domain} { AdvDNSSLLifetime 1800; };`]),
    "};",
  ].join("\n");
}

function ownAddress({ addresses }: RouterConfig["lans"][number]): string {
  return (addresses.find((each) => each.includes(":")) ?? "").replace(/\/.*/, "");
}

/** UPnP and NAT-PMP in a table of its own; hosts open ports to themselves only. */
function miniupnpd(config: RouterConfig, folder: string, facts: RouterFacts): readonly WantedProgram[] {
  const [wan] = config.wans.filter((each) => lineAddresses(each, facts).length > 0);
  const lans = config.lans.filter(({ zone }) => config.upnp?.zones.includes(zone));
  if (wan === undefined || lans.length === 0) return [];
  const networks = lans.flatMap(({ addresses }) =>
    addresses.map(parseCidr).flatMap((each) => (each?.family === 4 ? [formatCidr(networkOf(each))] : [])),
  );
  const lines = [
    `ext_ifname=${wanDevice(wan)}`,
    ...lans.map((lan) => `listening_ip=${lanDevice(lan)}`),
    "enable_natpmp=yes",
    "enable_upnp=yes",
    "port=5000",
    "secure_mode=yes",
    "upnp_table_name=lares_upnp",
    "upnp_nat_table_name=lares_upnp",
    "upnp_forward_chain=forward",
    "upnp_nat_chain=prerouting",
    "upnp_nat_postrouting_chain=postrouting",
    `lease_file=${folder}/upnp.leases`,
    ...networks.map((each) => `allow 1024-65535 ${each} 1024-65535`),
    "deny 0-65535 0.0.0.0/0 0-65535",
  ];
  const path = `${folder}/miniupnpd.conf`;
  return [
    {
      name: "miniupnpd",
      argv: ["miniupnpd", "-d", "-f", path],
      files: [file(path, lines.join("\n"), PLAIN)],
      device: wanDevice(wan),
    },
  ];
}

function file(path: string, text: string, mode: number): ProgramFile {
  return { path, text: text.endsWith("\n") ? text : `${text}\n`, mode, secret: false };
}
