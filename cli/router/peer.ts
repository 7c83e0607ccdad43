import { textOf } from "#base/env/bytes.ts";
import { CodedError } from "#base/env/errors.ts";
import { didYouMean } from "#base/language/nearest.ts";
import { readActive } from "#daemons/router/apply/reconcile.ts";
import { newPrivateKey, publicKeyOf } from "#daemons/router/apply/tunnel-keys.ts";
import { bitsOf, contains, formatIp, networkOf, parseCidr, parseIp } from "#daemons/router/address/ip.ts";
import type { Wireguard } from "#daemons/router/config/model.ts";
import { keyFileOf } from "#daemons/router/plan/plan.ts";
import { UsageError } from "../command/command.ts";
import { qrCode, qrLines } from "../print/qr.ts";
import { valueOrThrow, withMachine } from "./machine.ts";

/** Of addresses tried for a new peer. */
const MOST_TRIED = 65_536;

/** `TUNNEL PEER`: the peer's private key is made here, shown once, and kept nowhere. */
export const peer = withMachine(async ({ machine, output, flags, operands }) => {
  const [tunnel, name, ...more] = operands;
  if (tunnel === undefined || name === undefined || more.length > 0)
    throw new UsageError("name a tunnel and the new peer");
  const { env, state } = machine;
  const config = valueOrThrow(await readActive(state));
  const wireguard = config.wireguards.find((each) => each.name === tunnel);
  const known = config.wireguards.map((each) => each.name);
  if (wireguard === undefined)
    throw new CodedError(
      "router_tunnel",
      `there is no wireguard ${JSON.stringify(tunnel)} in force`,
      didYouMean(tunnel, known) ?? "add one and apply it",
    );
  const own = await env.disk.read(keyFileOf(wireguard, state.dir));
  if (own === undefined)
    throw new CodedError(
      "router_tunnel",
      `the tunnel ${JSON.stringify(tunnel)} has no key yet`,
      "apply the configuration first",
    );
  const address = flags.value("address") ?? freeAddress(wireguard);
  if (address === undefined || parseIp(address) === undefined)
    throw new CodedError(
      "router_address",
      `${JSON.stringify(address ?? "")} is no address of the tunnel`,
      "name one with -address",
    );
  const privateKey = newPrivateKey(env);
  const client = clientConfig(wireguard, { address, privateKey, serverKey: publicKeyOf(textOf(own)) });
  const code = qrCode(client);
  if (flags.on("text") || code === undefined || !output.terminal) output.write(client);
  else for (const line of qrLines(code)) output.line(line);
  const block = [
    `peer ${JSON.stringify(name)} {`,
    `  public_key = "${publicKeyOf(privateKey)}"`,
    `  address    = "${address}"`,
    "}",
  ];
  output.error(`This is all there is of the private key. Add to wireguard "${tunnel}", and apply:`);
  for (const line of block) output.error(`  ${line}`);
  if (wireguard.endpoint === "")
    output.error('The peer was told no address to dial: set endpoint = "home.example.org" in the tunnel');
  return 0;
});

/** wg-quick(8). */
function clientConfig(
  wireguard: Wireguard,
  {
    address,
    privateKey,
    serverKey,
  }: { readonly address: string; readonly privateKey: string; readonly serverKey: string },
): string {
  const length = bitsOf(parseIp(address) ?? { family: 4 });
  return `${[
    "[Interface]",
    `PrivateKey = ${privateKey}`,
    `Address = ${address}/${length}`,
    ...(wireguard.dns.length > 0 ? [`DNS = ${wireguard.dns.join(", ")}`] : []),
    `MTU = ${wireguard.mtu}`,
    "",
    "[Peer]",
    `PublicKey = ${serverKey}`,
    `AllowedIPs = ${wireguard.clientRoutes.join(", ")}`,
    ...(wireguard.endpoint === "" ? [] : [`Endpoint = ${wireguard.endpoint}:${wireguard.port}`]),
    "PersistentKeepalive = 25",
  ].join("\n")}\n`;
}

function freeAddress({ addresses, peers }: Wireguard): string | undefined {
  const router = addresses.map(parseCidr).find((each) => each !== undefined);
  if (router === undefined) return undefined;
  const taken = new Set([formatIp(router), ...peers.flatMap((each) => each.addresses)]);
  const network = networkOf(router);
  for (let step = 1n; step < MOST_TRIED; step++) {
    const ip = { family: network.family, value: network.value + step };
    if (!contains(network, ip)) return undefined;
    const isBroadcast = network.family === 4 && !contains(network, { ...ip, value: ip.value + 1n });
    if (!isBroadcast && !taken.has(formatIp(ip))) return formatIp(ip);
  }
  return undefined;
}
