import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import type { Env } from "#base/env/env.ts";
import { CodedError, messageOf } from "#base/env/errors.ts";
import { INTERNAL, STAND_BY_PATH, StandByAnswerSchema, type StandByAnswer } from "#daemons/cluster/calls.ts";
import type { CallServer } from "#daemons/scheduler/client/link-remote.ts";
import { writeEngineFile, type EtcdEngine } from "../cluster/engine-file.ts";
import { etcdFolder, startOwnMember, type OwnMember, type OwnMemberDeps } from "../cluster/own-member.ts";
import { certifyAddress } from "./renew-now.ts";

const ASK_EVERY_MS = 1000;
const CALL_MS = 5000;
/** After a refusal. */
const REFUSED_MS = 15_000;

export interface StandByDeps extends OwnMemberDeps {
  readonly env: Env;
  readonly nodeName: string;
  readonly call: CallServer;
  /** This server's etcd votes: the agent starts anew, as one that holds the state. */
  readonly takeOver: (member: OwnMember) => void;
}

/**
 * A server that has no state yet: asks those that have until there is room for it, and goes on as it is while its etcd learns
 * what the others know.
 */
export async function standBy(deps: StandByDeps, signal: AbortSignal): Promise<void> {
  const { env, call } = deps;
  let said = "";
  const say = (text: string): void => {
    if (text !== said) env.log.info(text);
    said = text;
  };
  while (!signal.aborted) {
    let pauseMs = ASK_EVERY_MS;
    try {
      const text = await call({ path: STAND_BY_PATH.slice(INTERNAL.length), body: {}, signal, timeoutMs: CALL_MS });
      const answer = v.parse(StandByAnswerSchema, JSON.parse(text));
      if (answer.engine === "etcd") return await takePart(deps, answer, signal);
      if (answer.engine === "external")
        say("the state is in an etcd of its own: name it in state { etcd { endpoints } }");
      else if (answer.wanted > 0)
        say(`this server stands by: the state is with one server until ${answer.wanted} more wait for it`);
      else say("this server stands by: the state is shared when it has stayed for a while and nothing is being placed");
    } catch (thrown) {
      if (signal.aborted) return;
      say(`this server stands by: ${messageOf(thrown)}`);
      pauseMs = isRefusal(thrown) ? REFUSED_MS : ASK_EVERY_MS;
    }
    await sleep(env.clock, pauseMs, signal);
  }
}

async function takePart(
  deps: StandByDeps,
  { token, members }: Extract<StandByAnswer, { engine: "etcd" }>,
  signal: AbortSignal,
): Promise<void> {
  const { env, folder, takeOver } = deps;
  env.log.info("this server takes its part of the state", { members: members.join(" ") });
  // What an earlier member left behind is not what the others know of this one.
  await env.disk.remove(etcdFolder(folder));
  // The others' members check that it has its address.
  await certifyAddress(deps);
  const engine: EtcdEngine = { engine: "etcd", token, members, first: false };
  const member = await startOwnMember(deps, engine);
  if (signal.aborted) return member.stop();
  await writeEngineFile(env.disk, folder.state, engine);
  takeOver(member);
}

/** Nobody changes that within seconds. */
function isRefusal(thrown: unknown): boolean {
  return thrown instanceof CodedError && (thrown.code === "refused" || thrown.code === "no_etcd");
}
