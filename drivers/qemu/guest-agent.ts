import * as v from "valibot";
import type { Env } from "#base/env/env.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { randomInt } from "#base/env/random.ts";
import { LineTalk, type JsonObject } from "./line-talk.ts";

/** What makes the agent forget a half-said sentence of somebody before (guest-sync-delimited). */
const RESET = Uint8Array.of(0xff);
const LARGEST_MARK = 2 ** 31;
const ErrorSchema = v.looseObject({ error: v.looseObject({ desc: v.string() }) });

/** A talk with the agent that runs inside the guest. */
export interface GuestAgent {
  ask(command: string, given?: JsonObject, timeoutMs?: number): Promise<Result<unknown>>;
  /** Says something that has no answer. */
  tell(command: string, given?: JsonObject): Promise<void>;
  close(): void;
}

const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Finds the agent, if it answers within `timeoutMs` (https://www.qemu.org/docs/master/interop/qemu-ga-ref.html).
 * Failures: `UNREACHABLE`, `NO_AGENT`.
 */
export async function openAgent(env: Env, socketPath: string, timeoutMs: number): Promise<Result<GuestAgent>> {
  const opened = await LineTalk.open(env, socketPath, timeoutMs);
  if (!opened.ok) return opened;
  const talk = opened.value;
  const mark = 1 + randomInt(env.random, LARGEST_MARK - 1);
  await talk.send({ execute: "guest-sync", arguments: { id: mark } }, RESET);
  // Whatever comes before is the answer to somebody else.
  if ((await talk.next((object) => object["return"] === mark, timeoutMs)) === undefined) {
    talk.close();
    return fail("NO_AGENT", "the guest's agent does not answer", "install qemu-guest-agent in the guest");
  }
  let count = 0;
  return succeed({
    async ask(command, given = {}, answerMs = ANSWER_TIMEOUT_MS) {
      const id = `${mark}-${(count += 1)}`;
      await talk.send({ execute: command, arguments: given, id });
      const answer = await talk.next((object) => object["id"] === id, answerMs);
      if (answer === undefined) return fail("NO_AGENT", `the guest's agent does not answer ${command}`);
      const refused = v.safeParse(ErrorSchema, answer);
      return refused.success
        ? fail("AGENT", `the guest's agent refuses ${command}: ${refused.output.error.desc}`)
        : succeed(answer["return"]);
    },
    tell: (command, given = {}) => talk.send({ execute: command, arguments: given }),
    close: () => talk.close(),
  });
}
