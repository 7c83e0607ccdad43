import { CodedError } from "#base/env/errors.ts";
import { openTapDevice, type TapDevice } from "#base/platform/tap-device.ts";
import { UsageError, type RunCommand } from "../command/command.ts";

const LOOK_EVERY_MS = 1;
/** Frames on their way in one direction; more are lost, as in a full queue of a router. */
const MAX_WAITING = 5000;
/** Frames taken in one look. */
const MAX_AT_ONCE = 500;

interface Waiting {
  readonly dueMs: number;
  readonly frame: Uint8Array;
}

/** `NAME NAME`: makes two network devices and carries frames between them, later and not all. Runs until it is ended. */
export const relay: RunCommand = async ({ operands, flags, output }) => {
  const [first, second] = operands;
  if (first === undefined || second === undefined) throw new UsageError("name two devices");
  const delayMs = Number(flags.value("delay") ?? "0");
  const lossPercent = Number(flags.value("loss") ?? "0");
  const ends = [await openTapDevice(first), await openTapDevice(second)] as const;
  const [one, other] = ends;
  if (one === undefined || other === undefined)
    throw new CodedError("lab", "this machine gives no network devices to programs", "it takes root and /dev/net/tun");
  const there: Waiting[] = [];
  const back: Waiting[] = [];
  const timer = setInterval(() => {
    take(one, there, { delayMs, lossPercent });
    take(other, back, { delayMs, lossPercent });
    give(other, there);
    give(one, back);
  }, LOOK_EVERY_MS);
  output.line("ready");
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  clearInterval(timer);
  one.close();
  other.close();
  return 0;
};

function take(
  from: TapDevice,
  into: Waiting[],
  { delayMs, lossPercent }: { readonly delayMs: number; readonly lossPercent: number },
): void {
  const dueMs = performance.now() + delayMs;
  for (let taken = 0; taken < MAX_AT_ONCE; taken += 1) {
    const frame = from.receive();
    if (frame === undefined) return;
    if (into.length < MAX_WAITING && Math.random() * 100 >= lossPercent) into.push({ dueMs, frame });
  }
}

function give(to: TapDevice, waiting: Waiting[]): void {
  const nowMs = performance.now();
  const due = waiting.findIndex(({ dueMs }) => dueMs > nowMs);
  for (const { frame } of waiting.splice(0, due < 0 ? waiting.length : due)) to.send(frame);
}
