import * as v from "valibot";
import type { Timer } from "#base/env/clock.ts";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { messageOf } from "#base/env/errors.ts";
import { parseAddress } from "#base/language/hcl/functions/address.ts";
import { chainName, fillChain, removeChain, ruleName } from "../admin-chain.ts";
import type { BridgeSettings } from "../bridge-network.ts";
import { planRoutes, type AnnouncedBridge, type RoutePlan, type SubnetRoute } from "./route-plan.ts";
import { acceptRules, natTable } from "./rules.ts";
import { formatSubnet, parseSubnet } from "./subnet.ts";

/** Of routes that this program made (ip-route(8): 0 to 255; nobody else's in /etc/iproute2/rt_protos). */
const PROTOCOL = "211";
const LOOK_MS = 5000;
/** Others may flush what is ours: it is made again. */
const AGAIN_MS = 60_000;

const RouteSchema = v.array(v.object({ dst: v.string(), dev: v.optional(v.string(), "") }));
const WaySchema = v.array(
  v.object({ dev: v.optional(v.string(), ""), gateway: v.optional(v.string()), type: v.optional(v.string(), "") }),
);

/** Keeps the ways to other nodes' bridges: routes, and rules for what comes and goes. */
export class RoutedBridge {
  readonly #env: Env;
  readonly #bridge: string;
  readonly #subnets: readonly string[];
  #others: readonly AnnouncedBridge[] = [];
  #said = "";
  #isPending = false;
  #work: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #doneAtMs = -AGAIN_MS;
  #routes: readonly SubnetRoute[] = [];
  #isOver = false;

  constructor(env: Env, { name, subnet, subnetIpv6 }: BridgeSettings) {
    this.#env = env;
    this.#bridge = name;
    this.#subnets = [subnet, subnetIpv6].flatMap((text) => parseSubnet(text) ?? []).map(formatSubnet);
  }

  start(): void {
    this.#soon();
    this.#later();
  }

  /** Whenever other nodes came, went or said something else. */
  follow(others: readonly AnnouncedBridge[]): void {
    this.#others = others;
    this.#soon();
  }

  /** What was made stays: tasks run on. */
  async stop(): Promise<void> {
    this.#isOver = true;
    this.#timer?.cancel();
    await this.#work;
  }

  #later(): void {
    if (this.#isOver) return;
    this.#timer = this.#env.clock.after(LOOK_MS, () => {
      void this.#look().finally(() => this.#later());
    });
  }

  /** A link that was down took its routes along. */
  async #look(): Promise<void> {
    const bytes = await this.#env.disk.read("/proc/net/route").catch(() => undefined);
    const table = bytes === undefined ? "" : textOf(bytes);
    const isWhole = this.#routes.every(
      ({ family, subnet }) => family === 6 || table.includes(`\t${asInTable(subnet)}\t`),
    );
    if (!isWhole || this.#env.clock.monotonicMs() - this.#doneAtMs > AGAIN_MS) this.#soon();
    await this.#work;
  }

  #soon(): void {
    if (this.#isPending || this.#isOver) return;
    this.#isPending = true;
    this.#work = this.#work.then(async () => {
      this.#isPending = false;
      await this.#apply().catch((thrown: unknown) =>
        this.#env.log.warn("the ways to other nodes' bridges are not all there", { reason: messageOf(thrown) }),
      );
    });
  }

  async #apply(): Promise<void> {
    const addresses = this.#env.net
      .interfaces()
      .filter(({ name }) => name !== this.#bridge)
      .map(({ address }) => address.replace(/%.*$/, ""));
    const plan = planRoutes({ subnets: this.#subnets, addresses }, this.#others);
    const problems = [...plan.refused];
    const made: SubnetRoute[] = [];
    for (const route of plan.routes) {
      const problem = await this.#route(route);
      if (problem === "") made.push(route);
      else problems.push(problem);
    }
    for (const family of [4, 6] as const) await this.#forget(family, made);
    problems.push(...(await this.#rules(made)));
    this.#routes = made;
    this.#doneAtMs = this.#env.clock.monotonicMs();
    this.#tell({ routes: made, refused: problems });
  }

  /** What is wrong; empty: it is there. */
  async #route({ node, subnet, family, via, host }: SubnetRoute): Promise<string> {
    const asked = await this.#run(["ip", "-j", "route", "get", host]);
    const [way] = asked.problem === "" ? v.parse(WaySchema, JSON.parse(asked.stdout)) : [];
    if (way === undefined || way.dev === "") return `${subnet} of ${node}: no way to ${host}`;
    // Another agent of this machine: its bridge is here.
    if (way.type === "local" || way.dev === "lo") return "";
    if (way.gateway !== undefined)
      return `${subnet} of ${node}: ${host} is behind ${way.gateway}, so the route must be made there`;
    const hop = parseAddress(via)?.bits === 128 && family === 4 ? ["inet6", via] : [via];
    const words = ["route", "replace", subnet, "via", ...hop, "dev", way.dev, "proto", PROTOCOL];
    const { problem } = await this.#run(["ip", `-${family}`, ...words]);
    return problem === "" ? "" : `${subnet} of ${node}: ${problem}`;
  }

  /** Routes of before that nobody wants any more. */
  async #forget(family: 4 | 6, made: readonly SubnetRoute[]): Promise<void> {
    const shown = await this.#run(["ip", "-j", `-${family}`, "route", "show", "proto", PROTOCOL]);
    if (shown.problem !== "" || shown.stdout.trim() === "") return;
    const wanted = new Set(made.map(({ subnet }) => subnet));
    for (const { dst } of v.parse(RouteSchema, JSON.parse(shown.stdout)))
      if (!wanted.has(dst.includes("/") ? dst : `${dst}/${family === 4 ? 32 : 128}`))
        await this.#run(["ip", `-${family}`, "route", "delete", dst, "proto", PROTOCOL]);
  }

  async #rules(routes: readonly SubnetRoute[]): Promise<string[]> {
    const all = { bridge: this.#bridge, subnets: this.#subnets, routes };
    const problems = [(await this.#run(["nft", "-f", "-"], natTable(all))).problem];
    for (const family of [4, 6] as const) {
      if (!this.#subnets.some((subnet) => subnet.includes(":") === (family === 6))) continue;
      const rules = acceptRules(all, family);
      problems.push(await fillChain(this.#env, { name: chainName("ROUTES", this.#bridge), family, rules }));
    }
    return problems.filter((each) => each !== "");
  }

  /** Once for each news. */
  #tell({ routes, refused }: RoutePlan): void {
    const said = JSON.stringify([routes, refused]);
    if (said === this.#said) return;
    this.#said = said;
    const { log } = this.#env;
    log.info("bridges of other nodes are reached", {
      routes: routes.map(({ node, subnet }) => `${node} ${subnet}`).join(", "),
    });
    for (const reason of refused) log.warn("a bridge of another node is not reached", { reason });
  }

  async #run(words: readonly string[], input = ""): Promise<{ readonly stdout: string; readonly problem: string }> {
    const ran = await this.#env.exec.run(words, input === "" ? {} : { input });
    const isWell = ran.code === 0 && ran.signal === 0;
    return { stdout: ran.stdout, problem: isWell ? "" : ran.stderr.trim() || `${words[0]} ended with ${ran.code}` };
  }
}

/** Takes away what an earlier agent made, when it is wanted no more; finds nothing on most machines. Never rejects. */
export async function forgetRoutes(env: Env, bridge: string): Promise<void> {
  const run = async (...words: readonly string[]): Promise<string> => {
    const ran = await env.exec.run(words).catch(() => undefined);
    return ran?.code === 0 ? ran.stdout : "";
  };
  await run("nft", "delete", "table", "inet", `lares_${ruleName(bridge)}`);
  for (const family of ["-4", "-6"]) await run("ip", family, "route", "flush", "proto", PROTOCOL);
  await removeChain(env, chainName("ROUTES", bridge));
}

/** /proc/net/route writes addresses as the processor's 32-bit numbers, in hexadecimal. */
function asInTable(subnet: string): string {
  const value = Number(parseSubnet(subnet)?.value ?? 0n);
  const bytes = [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24];
  return bytes
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .toUpperCase();
}
