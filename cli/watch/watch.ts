import { spawn } from "node:child_process";
import * as v from "valibot";
import { sleep } from "#base/env/clock.ts";
import { messageOf } from "#base/env/errors.ts";
import { valueOf } from "../api/answer.ts";
import { withConsul, type ConsulSession } from "../api/session.ts";
import { watchKind } from "./kinds.ts";

const WAIT_MS = 300_000;
const RETRY_MS = 5000;
const HANDLER_TIMEOUT_MS = 10_000;

/**
 * Without a handler the answer is printed once. A program gets it as JSON on its standard input and its index in
 * `CONSUL_INDEX`; a URL (`-handler-url`) gets it as the body of a POST. Runs until it is interrupted.
 */
export const watch = withConsul(async (session) => {
  const { flags, operands, output, datacenter } = session;
  const { path, query, pick } = watchKind(flags);
  const stale = flags.on("stale") ? true : undefined;
  const read = async (index: number) =>
    session.consul.call({
      path,
      query: { ...query, dc: datacenter, stale },
      schema: v.unknown(),
      ...(index === 0 ? {} : { block: { index, waitMs: WAIT_MS } }),
    });
  const url = flags.value("handler-url");
  if (operands.length === 0 && url === undefined) {
    const found = await read(0);
    const answer = !found.ok && found.error.code === "missing" ? null : valueOf(found);
    output.line(JSON.stringify(pick(answer), undefined, 4));
    return 0;
  }
  let [index, last] = [0, ""];
  for (;;) {
    const found = await read(index);
    if (!found.ok && found.error.code !== "missing") {
      output.error(`cannot read ${path}: ${found.error.message}; trying again`);
      await sleep(session.env.clock, RETRY_MS);
      continue;
    }
    const next = found.ok ? found.value.index : found.error.index;
    const text = JSON.stringify(pick(found.ok ? found.value.value : null));
    // An index that goes back is that of a state that was restored.
    index = next < index ? 0 : next;
    if (text !== last) await handle(session, { text, index: next, url });
    last = text;
    if (next === 0) await sleep(session.env.clock, RETRY_MS);
  }
});

interface Change {
  readonly text: string;
  readonly index: number;
  readonly url: string | undefined;
}

async function handle({ env, operands, flags, output }: ConsulSession, { text, index, url }: Change): Promise<void> {
  try {
    if (url === undefined) return await runHandler(operands, { text, index, shell: flags.value("shell") !== "false" });
    const headers = { "content-type": "application/json", "x-consul-index": String(index) };
    const answer = await env.http.request({ url, method: "POST", headers, body: text, timeoutMs: HANDLER_TIMEOUT_MS });
    answer.abandon();
    if (answer.status >= 300) output.error(`the handler ${url} answered ${answer.status}`);
  } catch (thrown) {
    output.error(`the handler failed: ${messageOf(thrown)}`);
  }
}

function runHandler(
  [program = "", ...rest]: readonly string[],
  { text, index, shell }: { readonly text: string; readonly index: number; readonly shell: boolean },
): Promise<void> {
  const argv = shell && rest.length === 0 ? ["/bin/sh", "-c", program] : [program, ...rest];
  const [file = "", ...words] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, words, {
      env: { ...process.env, CONSUL_INDEX: String(index) },
      stdio: ["pipe", "inherit", "inherit"],
    });
    child.once("error", reject);
    child.once("exit", () => resolve());
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(text);
  });
}
