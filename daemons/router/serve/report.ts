import * as v from "valibot";
import { list, text, texts, textMap } from "#base/protocol/schema.ts";
import { leftMs } from "../apply/machine-time.ts";
import type { Machine } from "../apply/machine.ts";
import type { Outcome } from "../apply/reconcile.ts";
import type { Status } from "../apply/state-folder.ts";
import { lanDevice, wanDevice, wireguardDevice } from "../config/devices.ts";
import { serviceKey, UNKNOWN_LINE } from "../plan/facts.ts";
import { activeLine, lineAddresses } from "../plan/uplinks.ts";

/** What is in force on a router, and how it fares; told to the cluster, and shown by `lares router status`. */
export const ReportSchema = v.object({
  lines: list(
    v.object({ name: text, device: text, type: text, state: text, addresses: texts, prefix: text, gateway: text }),
  ),
  networks: list(v.object({ name: text, device: text, zone: text, addresses: texts })),
  forwards: list(v.object({ name: text, ports: texts, to: text, targets: texts })),
  programs: textMap,
  problems: texts,
  /** Steps that would make the machine what the plan says. */
  differs: texts,
  /** When a change is taken back unless it is confirmed, by the wall clock; null: none waits. */
  confirmUntilMs: v.nullish(v.number(), null),
});
export type Report = v.InferOutput<typeof ReportSchema>;

export function composeReport(outcome: Outcome, told: Status, confirmUntilMs: number | null): Report {
  return {
    lines: lineRows(outcome),
    networks: networkRows(outcome),
    forwards: forwardRows(outcome),
    programs: told.programs,
    problems: [...told.problems, ...outcome.desired.notes.map(({ message }) => message)],
    differs: outcome.change.steps.map(({ title }) => title),
    confirmUntilMs,
  };
}

/** To the second, so that it stays the same while the change waits. */
export async function confirmUntil({ env, state }: Machine): Promise<number | null> {
  const pending = await state.readPending();
  return pending === undefined ? null : Math.round((env.clock.nowMs() + (await leftMs(env, pending))) / 1000) * 1000;
}

/** What changes, what runs, and what could not be done as asked. */
export function planLines({ change, desired }: Outcome): readonly string[] {
  const steps = change.steps.length === 0 ? ["Nothing changes."] : change.steps.map(({ title }) => title);
  const programs = desired.programs.map(({ name }) => name).join(", ");
  return [
    ...steps,
    ...(programs === "" ? [] : [`The running router keeps these programs up: ${programs}`]),
    ...desired.notes.map(({ message, hint }) => `note: ${message}${hint === undefined ? "" : ` (${hint})`}`),
  ];
}

function lineRows({ config, facts }: Outcome): Report["lines"] {
  const used = activeLine(config, facts)?.name;
  return config.wans.map((wan) => {
    const addresses = [...lineAddresses(wan, facts)];
    const { healthy, connected, prefix, gateway } = facts.lines[wan.name] ?? UNKNOWN_LINE;
    const other = addresses.length === 0 ? "no address" : healthy ? "ready" : "down";
    const state = !connected ? "no cable" : wan.name === used ? (healthy ? "in use" : "in use, down") : other;
    return {
      name: wan.name,
      device: wanDevice(wan),
      type: wan.kind,
      state,
      addresses,
      prefix: wan.prefix || prefix,
      gateway: wan.gateways[0] ?? gateway,
    };
  });
}

function networkRows({ config, desired }: Outcome): Report["networks"] {
  const all = [
    ...config.lans.map((each) => ({ name: each.name, device: lanDevice(each), zone: each.zone })),
    ...config.wireguards.map((each) => ({ name: each.name, device: wireguardDevice(each), zone: each.zone })),
  ];
  return all.map((each) => ({
    ...each,
    addresses: desired.addresses.filter(({ device }) => device === each.device).map(({ address }) => address),
  }));
}

function forwardRows({ config, facts }: Outcome): Report["forwards"] {
  return config.forwards.map((each) => {
    const instances = facts.services[serviceKey(each)] ?? [];
    return {
      name: each.name,
      ports: each.ports.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)),
      to: each.to === "" ? each.service : each.to,
      targets: each.to === "" ? instances.map(({ address, port }) => `${address}:${port}`) : [each.to],
    };
  });
}
