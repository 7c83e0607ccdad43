import * as v from "valibot";
import { decodeBody } from "#base/language/hcl/decode/decode.ts";
import { flag, integer, text, texts } from "#base/language/hcl/decode/readers.ts";
import { nestedBlock, to, type BlockTable } from "#base/language/hcl/decode/table.ts";
import { locate, type Diagnostic } from "#base/language/hcl/diagnostic.ts";
import { rootScope } from "#base/language/hcl/evaluate/root.ts";
import { parseHcl } from "#base/language/hcl/parse.ts";

/** What a person wants of a machine before its first start. */
export interface Seed {
  readonly hostname?: string | undefined;
  readonly timezone?: string | undefined;
  /** Lines of authorized_keys. */
  readonly sshKeys: readonly string[];
  readonly network?: SeedNetwork | undefined;
  readonly wifi?: SeedWifi | undefined;
  readonly join?: { readonly address: string; readonly token: string } | undefined;
  /** Undefined: what the cluster needs. A client never founds one. */
  readonly role?: "server" | "client" | undefined;
}

export interface SeedNetwork {
  /** Default: the first wired one. */
  readonly interface?: string | undefined;
  /** With its prefix: `192.168.1.5/24`. */
  readonly address: string;
  readonly gateway?: string | undefined;
  readonly dns: readonly string[];
  readonly vlan?: number | undefined;
}

export interface SeedWifi {
  readonly ssid: string;
  /** Words of 8 to 63 characters, or the key made of them as 64 hexadecimal digits; undefined: an open network. */
  readonly password?: string | undefined;
  /** Where it stands, which says what radio may do: ISO 3166, two capital letters. */
  readonly country?: string | undefined;
  /** The network does not tell its name. */
  readonly hidden: boolean;
}

export interface ReadSeed {
  readonly seed: Seed;
  /** What is wrong with it, without its values. What is right counts all the same. */
  readonly troubles: readonly string[];
}

export const MAX_SEED_BYTES = 65_536;

const network: BlockTable = {
  name: "network",
  attributes: {
    interface: to("interface", text),
    address: to("address", text),
    gateway: to("gateway", text),
    dns: to("dns", texts),
    vlan: to("vlan", integer),
  },
  blocks: {},
};
const wifi: BlockTable = {
  name: "wifi",
  attributes: {
    ssid: to("ssid", text),
    password: to("password", text),
    country: to("country", text),
    hidden: to("hidden", flag),
  },
  blocks: {},
};
const join: BlockTable = {
  name: "join",
  attributes: { address: to("address", text), token: to("token", text) },
  blocks: {},
};
const seedFile: BlockTable = {
  name: "a seed file",
  attributes: {
    hostname: to("hostname", text),
    timezone: to("timezone", text),
    ssh_keys: to("sshKeys", texts),
    role: to("role", text),
  },
  blocks: {
    network: nestedBlock("network", network),
    wifi: nestedBlock("wifi", wifi),
    join: nestedBlock("join", join),
  },
};

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|\/)|(?=$|\/))){4}/;
const address = v.pipe(
  v.string(),
  v.regex(
    new RegExp(`${IPV4.source}/(?:[12]?\\d|3[0-2])$`),
    'expected an address with its prefix, as in "192.168.1.5/24"',
  ),
);
const host = v.pipe(
  v.string(),
  v.regex(new RegExp(`${IPV4.source}$`), 'expected an IPv4 address, as in "192.168.1.1"'),
);

const sshKey = v.pipe(
  v.string(),
  v.regex(
    /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-\S+) [A-Za-z0-9+/=]+(?: [^\n]*)?$/,
    "expected a public key, as in id_ed25519.pub",
  ),
);

/** Each field by itself: one that is wrong does not take the others away. */
const FIELDS = {
  hostname: v.pipe(
    v.string(),
    v.regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, "expected lower-case letters, digits and hyphens, at most 63"),
  ),
  timezone: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*$/, 'expected a name such as "Europe/Berlin"'),
  ),
  role: v.picklist(["server", "client"], 'expected "server" or "client"'),
  network: v.object({
    interface: v.optional(
      v.pipe(v.string(), v.regex(/^[a-z][a-z0-9.-]{0,14}$/, 'expected an interface, as in "eth0"')),
    ),
    address,
    gateway: v.optional(host),
    dns: v.optional(v.array(host), []),
    vlan: v.optional(v.pipe(v.number(), v.minValue(1), v.maxValue(4094))),
  }),
  wifi: v.object({
    ssid: v.pipe(
      v.string(),
      v.check((name) => name !== "" && Buffer.byteLength(name) <= 32, "expected a network's name of at most 32 bytes"),
    ),
    password: v.optional(
      v.pipe(
        v.string(),
        v.regex(
          /^(?:[\x20-\x7e]{8,63}|[0-9a-fA-F]{64})$/,
          "expected 8 to 63 characters, or a key of 64 hexadecimal digits",
        ),
      ),
    ),
    country: v.optional(v.pipe(v.string(), v.regex(/^[A-Z]{2}$/, 'expected a country, as in "DE"'))),
    hidden: v.optional(v.boolean(), false),
  }),
  join: v.object({
    address: v.pipe(v.string(), v.regex(/^[\w.:[\]-]+$/, "expected a server's address")),
    token: v.pipe(v.string(), v.regex(/^lares1\.[\w.-]+$/, "expected what `lares join-token create` prints")),
  }),
} as const;

/** Reads `lares.hcl` of the boot partition, as any editor of any system leaves it. */
export function readSeed(bytes: Uint8Array): ReadSeed {
  if (bytes.length > MAX_SEED_BYTES)
    return { seed: NOTHING, troubles: [`lares.hcl has ${bytes.length} bytes; at most ${MAX_SEED_BYTES} are read`] };
  const source = { name: "lares.hcl", text: plainText(bytes) };
  const { node, diagnostics } = parseHcl(source);
  const found: Diagnostic[] = [...diagnostics];
  const complain = (complaint: Parameters<typeof locate>[0]): void => void found.push(locate(complaint, { source }));
  const fields =
    diagnostics.length > 0 ? {} : decodeBody(node, seedFile, rootScope({ source, complain, functions: new Map() }));
  const troubles = found.map((each) => `lares.hcl:${each.start.line}: ${withoutValue(each.message)}`);
  return checkSeed(fields, troubles);
}

export const NOTHING: Seed = { sshKeys: [] };

/** Takes of what was read what is well formed. */
export function checkSeed(fields: Readonly<Record<string, unknown>>, troubles: readonly string[] = []): ReadSeed {
  const said = [...troubles];
  const check = <S extends v.GenericSchema>(name: string, schema: S, value: unknown): v.InferOutput<S> | undefined => {
    if (value === undefined) return undefined;
    const parsed = v.safeParse(schema, value);
    if (parsed.success) return parsed.output;
    const [issue] = parsed.issues;
    const path = [name, v.getDotPath(issue)].filter((part) => part !== null).join(".");
    // Messages of the schema's own kind quote the value, which may be a secret.
    said.push(
      `${path}: ${issue.message.startsWith("Invalid") ? `expected ${issue.expected ?? "something else"}` : issue.message}`,
    );
    return undefined;
  };
  const take = <S extends v.GenericSchema>(name: string, schema: S): v.InferOutput<S> | undefined =>
    check(name, schema, fields[name]);
  const keys: readonly unknown[] = take("sshKeys", v.array(v.unknown())) ?? [];
  const seed: Seed = {
    hostname: take("hostname", FIELDS.hostname),
    timezone: take("timezone", FIELDS.timezone),
    sshKeys: keys.flatMap((key, at) => check(`sshKeys.${at}`, sshKey, key) ?? []),
    network: take("network", FIELDS.network),
    wifi: take("wifi", FIELDS.wifi),
    join: take("join", FIELDS.join),
    role: take("role", FIELDS.role),
  };
  return { seed, troubles: said };
}

/** UTF-8 with or without its mark, UTF-16 with it (Windows' Notepad), lines ended in any way. */
export function plainText(bytes: Uint8Array): string {
  const sixteen = bytes[0] === 0xff && bytes[1] === 0xfe;
  return new TextDecoder(sixteen ? "utf-16le" : "utf-8").decode(bytes).replaceAll(/\r\n?/g, "\n");
}

/** What a diagnostic quotes may be a token. */
function withoutValue(message: string): string {
  return message.replaceAll(/the string "(?:[^"\\]|\\.)*"/g, "a string");
}
