import packageTable from "dhcp/lib/options.js";

/**
 * How an option's value is written: `flag` has none, `pairs` are addresses in twos, `bytes` is anything, as hexadecimal
 * digits, `domains` is RFC 1035 names in a row with compression (RFC 3397), `routes` RFC 3442's.
 */
export type OptionKind =
  | "ip"
  | "ips"
  | "pairs"
  | "u8"
  | "u16"
  | "u32"
  | "i32"
  | "u16s"
  | "bool"
  | "flag"
  | "text"
  | "bytes"
  | "domains"
  | "routes";

export interface OptionRow {
  readonly code: number;
  /** Kebab-case, as it stands in configurations. */
  readonly name: string;
  readonly kind: OptionKind;
}

export const OPTION_KINDS: readonly OptionKind[] = [
  ...(["ip", "ips", "pairs", "u8", "u16", "u32", "i32", "u16s"] as const),
  ...(["bool", "flag", "text", "bytes", "domains", "routes"] as const),
];

/** The package's types in ours. `Bool` there has no value on the wire; RFC 2132 gives those options one byte. */
const PACKAGE_KINDS: Readonly<Record<string, OptionKind>> = {
  IP: "ip",
  IPs: "ips",
  UInt8: "u8",
  UInt16: "u16",
  UInt32: "u32",
  Int32: "i32",
  UInt8s: "bytes",
  UInt16s: "u16s",
  ASCII: "text",
  UTF8: "text",
  Bool: "bool",
};

/** What the package's table lacks or has otherwise than its RFC: https://www.iana.org/assignments/bootp-dhcp-parameters */
const OWN_ROWS: readonly (readonly [code: number, name: string, kind: OptionKind])[] = [
  [6, "dns-servers", "ips"],
  [21, "policy-filter", "pairs"],
  [26, "mtu", "u16"],
  [33, "static-routes", "pairs"],
  [42, "ntp-servers", "ips"],
  [43, "vendor-specific", "bytes"],
  [44, "netbios-name-servers", "ips"],
  [45, "netbios-datagram-servers", "ips"],
  [50, "requested-address", "ip"],
  [52, "overload", "u8"],
  [53, "message-type", "u8"],
  [54, "server-id", "ip"],
  [55, "parameter-list", "bytes"],
  [56, "message", "text"],
  [60, "vendor-class", "text"],
  [61, "client-id", "bytes"],
  [66, "tftp-server-name", "text"],
  [67, "boot-file", "text"],
  [68, "mobile-ip-home-agents", "ips"],
  [77, "user-class", "bytes"],
  [78, "slp-agents", "bytes"],
  [79, "slp-scope", "bytes"],
  [80, "rapid-commit", "flag"],
  [81, "client-fqdn", "bytes"],
  [82, "relay-info", "bytes"],
  [85, "nds-servers", "ips"],
  [86, "nds-tree", "text"],
  [87, "nds-context", "text"],
  [88, "bcmcs-domains", "domains"],
  [89, "bcmcs-servers", "ips"],
  [90, "authentication", "bytes"],
  [91, "last-transaction", "u32"],
  [93, "client-arch", "u16s"],
  [94, "client-interface", "bytes"],
  [95, "ldap-url", "text"],
  [97, "client-uuid", "bytes"],
  [98, "user-authentication", "text"],
  [100, "posix-timezone", "text"],
  [101, "timezone", "text"],
  [108, "ipv6-only", "u32"],
  [112, "netinfo-addresses", "ips"],
  [113, "netinfo-tag", "text"],
  [114, "captive-portal", "text"],
  [116, "auto-configure", "u8"],
  [117, "name-service-search", "u16s"],
  [118, "subnet-selection", "ip"],
  [119, "domain-search", "domains"],
  [120, "sip-servers", "bytes"],
  [121, "classless-routes", "routes"],
  [122, "cablelabs", "bytes"],
  [123, "geoconf", "bytes"],
  [124, "vendor-identifying-class", "bytes"],
  [125, "vendor-identifying", "bytes"],
  [136, "pana-agents", "ips"],
  [137, "lost-server", "text"],
  [138, "capwap-controllers", "ips"],
  [141, "sip-domains", "domains"],
  [145, "forcerenew-nonce", "bytes"],
  [150, "tftp-servers", "ips"],
  [161, "mud-url", "text"],
  [162, "encrypted-dns", "bytes"],
  [175, "ipxe", "bytes"],
  [208, "pxelinux-magic", "bytes"],
  [212, "6rd", "bytes"],
  [213, "access-domain", "bytes"],
  [249, "microsoft-routes", "routes"],
  [252, "wpad", "text"],
];

const ROWS: ReadonlyMap<number, OptionRow> = new Map([
  ...packageRows(),
  ...OWN_ROWS.map(([code, name, kind]): [number, OptionRow] => [code, { code, name, kind }]),
]);

const BY_NAME: ReadonlyMap<string, OptionRow> = new Map(Array.from(ROWS.values(), (row) => [row.name, row]));

export const OPTION_NAMES: readonly string[] = [...BY_NAME.keys()];

export function optionNamed(name: string): OptionRow | undefined {
  return BY_NAME.get(name);
}

/** Of a code nobody named: bytes. */
export function optionCoded(code: number): OptionRow {
  return ROWS.get(code) ?? { code, name: String(code), kind: "bytes" };
}

function packageRows(): [number, OptionRow][] {
  return Object.entries(packageTable.opts).flatMap(([key, { name, type, config, attr }]): [number, OptionRow][] => {
    const code = Number(key);
    const kind = PACKAGE_KINDS[type ?? ""];
    // It keeps settings of its own server above what one byte holds.
    if (code > 254 || kind === undefined) return [];
    return [[code, { code, name: kebab(config ?? attr ?? name), kind }]];
  });
}

function kebab(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/[^A-Za-z0-9]+/g, "-")
    .toLowerCase();
}
