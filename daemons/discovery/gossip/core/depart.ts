import { fail, succeed, type Result } from "#base/env/errors.ts";
import { MAX_META_BYTES } from "../codec/limits.ts";
import { NO_BYTES } from "../codec/message.ts";
import { takeDead } from "./accuse.ts";
import { takeAlive } from "./alive.ts";
import type { Core } from "./core.ts";
import { isGone } from "./member-table.ts";

/** Says that this node is there: at the start, and whenever it has something new to say of itself. */
export function announceSelf(core: Core, done?: () => void): void {
  const meta = core.consult(() => core.delegate.nodeMeta(MAX_META_BYTES), NO_BYTES);
  core.incarnation += 1;
  takeAlive(
    core,
    {
      kind: "alive",
      node: core.name,
      incarnation: core.incarnation,
      address: core.options.address,
      port: core.options.port,
      meta: meta.length > MAX_META_BYTES ? NO_BYTES : new Uint8Array(meta),
      versions: core.versions,
    },
    done === undefined ? { own: true } : { own: true, done },
  );
  if (meta.length > MAX_META_BYTES) core.drop("own metadata too long");
}

/** Announces this node anew; done when the word is out, or nobody is there to hear it. */
export function updateSelf(core: Core, command: number, timeoutMs: number): void {
  const finish = finishOnce(core, { command, timeoutMs, what: "spreading new metadata" });
  announceSelf(core, finish);
  if (!anybodyElse(core)) finish();
}

/** Says that this node leaves; from now on it does not contradict that it is gone. */
export function depart(core: Core, command: number, timeoutMs: number): void {
  const finish = finishOnce(core, { command, timeoutMs, what: "spreading that this node leaves" });
  const already = core.leaving;
  core.leaving = true;
  const self = core.self;
  if (self !== undefined && !already) {
    const { incarnation, name } = self;
    takeDead(core, { kind: "dead", incarnation, node: name, from: name }, finish);
  }
  if (already || self === undefined || !anybodyElse(core)) finish();
}

function anybodyElse(core: Core): boolean {
  return core.table.all().some((record) => record.name !== core.name && !isGone(record));
}

function finishOnce(
  core: Core,
  { command, timeoutMs, what }: { command: number; timeoutMs: number; what: string },
): () => void {
  let finished = false;
  const finish = (result: Result<undefined>): void => {
    if (finished) return;
    finished = true;
    timer.cancelled = true;
    core.outputs.push({ kind: "done", command, result });
  };
  const timer = core.after(timeoutMs, () => finish(fail("TIMEOUT", `${what} took longer than ${timeoutMs} ms`)));
  return () => finish(succeed(undefined));
}
