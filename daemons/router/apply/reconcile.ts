import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { renderDiagnostics } from "#base/language/hcl/diagnostic.ts";
import { emptyRouterConfig, type RouterConfig } from "../config/model.ts";
import { readRouterConfig } from "../config/read-config.ts";
import type { Desired } from "../plan/desired.ts";
import type { RouterFacts } from "../plan/facts.ts";
import { planRouter } from "../plan/plan.ts";
import { makeKeys } from "./tunnel-keys.ts";
import { diff, type Change } from "./diff.ts";
import { gatherFacts } from "./gather.ts";
import type { Machine } from "./machine.ts";
import type { Owned } from "./owned.ts";
import { readListing, readStanding, settingsToRead } from "./standing.ts";
import type { Step } from "./step.ts";
import { missingFeature } from "./kernel-features.ts";
import type { Prefixes, StateFolder } from "./state-folder.ts";
import { fetchVariables, withVariableFiles } from "./variables.ts";

export interface Outcome {
  readonly config: RouterConfig;
  readonly facts: RouterFacts;
  readonly prefixes: Prefixes;
  readonly desired: Desired;
  readonly change: Change;
}

/** What would be done for this configuration; looks, and changes nothing but its memory of the cluster's variables. */
export async function decide(machine: Machine, written: RouterConfig): Promise<Result<Outcome>> {
  const { env, state } = machine;
  const fetched = await fetchVariables(machine, written, { all: false });
  if (!fetched.ok) return fetched;
  const config = withVariableFiles(written, state.dir);
  const gathered = await gatherFacts(env, state, config);
  if (!gathered.ok) return gathered;
  const { facts, prefixes } = gathered.value;
  const desired = planRouter(config, facts);
  const owned = await state.readOwned();
  const standing = await readStanding(env, settingsToRead(desired, owned));
  if (!standing.ok) return standing;
  return succeed({ config, facts, prefixes, desired, change: diff(desired, standing.value, owned) });
}

/** nft's opinion of a ruleset, before anything is touched. */
export async function checkRuleset(env: Env, ruleset: string): Promise<Result<void>> {
  if (ruleset === "") return succeed(undefined);
  const { code, stderr } = await env.exec.run(["nft", "-c", "-f", "-"], { input: ruleset });
  return code === 0
    ? succeed(undefined)
    : fail("router_ruleset", `nft refuses the firewall: ${stderr.trim()}`, "is nftables installed, and is this root?");
}

/** Makes the machine follow the configuration in force. Doing it twice does nothing the second time. */
export async function reconcile(machine: Machine): Promise<Result<Outcome>> {
  const config = await readActive(machine.state);
  if (!config.ok) return config;
  const keys = await makeKeys(machine.env, machine.state, config.value);
  if (!keys.ok) return keys;
  const decided = await decide(machine, config.value);
  if (!decided.ok) return decided;
  const { change, prefixes } = decided.value;
  if (JSON.stringify(prefixes) !== JSON.stringify(await machine.state.readPrefixes()))
    await machine.state.writePrefixes(prefixes);
  if (change.steps.length === 0) return decided;
  const before = await machine.state.readOwned();
  // Whatever happens in between: what may be ours is known.
  await machine.state.writeOwned(both(before, change.owned));
  for (const step of change.steps) {
    const done = await act(machine.env, step);
    if (!done.ok) return done;
  }
  const { ruleset } = change.owned;
  await machine.state.writeOwned({ ...change.owned, ruleset: { ...ruleset, listing: await readListing(machine.env) } });
  return decided;
}

export async function readActive(state: StateFolder): Promise<Result<RouterConfig>> {
  const text = await state.readActive();
  if (text === undefined) return succeed(emptyRouterConfig());
  const read = readRouterConfig({ name: state.at("active.hcl"), text });
  return read.ok
    ? succeed(read.config)
    : fail("router_config", renderDiagnostics(read.diagnostics), "apply a corrected configuration");
}

const KERNEL_HINT = "Debian's kernel (linux-image-amd64, linux-image-arm64) has it; or remove the block that needs it";

async function act(env: Env, { title, argv, input, lenient, fleeting }: Step): Promise<Result<void>> {
  const { code, stderr } = await env.exec.run(argv, input === undefined ? {} : { input });
  if (code === 0 || lenient === true) return succeed(undefined);
  // Its coming back is news, and then the same step is due again.
  if (fleeting !== undefined && !(await env.disk.list("/sys/class/net")).includes(fleeting)) return succeed(undefined);
  const feature = missingFeature(argv, stderr);
  if (feature !== undefined) return fail("router_kernel", `${JSON.stringify(title)} failed: ${feature}`, KERNEL_HINT);
  return fail(
    "router_step",
    `${JSON.stringify(title)} failed: ${stderr.trim() || `${argv[0] ?? ""} ended with ${code}`}`,
  );
}

function both(one: Owned, other: Owned): Owned {
  return {
    ...other,
    links: [...new Set([...one.links, ...other.links])],
    addresses: [...new Set([...one.addresses, ...other.addresses])],
    settings: { ...other.settings, ...one.settings },
    ruleset: one.ruleset,
    // Not known to stand: done again.
    shapers: Object.fromEntries(Object.keys({ ...one.shapers, ...other.shapers }).map((device) => [device, ""])),
    tunnels: Object.fromEntries(
      Object.entries({ ...one.tunnels, ...other.tunnels }).map(([device, { peers }]) => [
        device,
        { signature: "", peers: [...new Set([...(one.tunnels[device]?.peers ?? []), ...peers])] },
      ]),
    ),
  };
}
