import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import { fail, messageOf, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";

/** What one message of a client means. https://developer.hashicorp.com/nomad/api-docs/client#exec-allocation */
export type ExecInput =
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "size"; readonly height: number; readonly width: number }
  /** Only says that somebody is there. */
  | { readonly kind: "heartbeat" };

const side = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const InputSchema = v.object({
  stdin: v.nullish(v.object({ data: v.nullish(v.string(), ""), close: v.nullish(v.boolean(), false) })),
  tty_size: v.nullish(v.object({ height: side, width: side })),
});

/** `{"stdin":{"data":BASE64}}`, `{"stdin":{"close":true}}`, `{"tty_size":{"height":ROWS,"width":COLUMNS}}`, `{}`. One may hold several. */
export function parseExecInput(message: Uint8Array): Result<readonly ExecInput[]> {
  let value: unknown;
  try {
    value = JSON.parse(textOf(message));
  } catch (thrown) {
    return fail("BAD_FRAME", `not a JSON object: ${messageOf(thrown)}`);
  }
  const parsed = v.safeParse(InputSchema, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return fail("BAD_FRAME", `${v.getDotPath(issue) ?? "the frame"}: ${issue.message}`);
  }
  const { stdin, tty_size: size } = parsed.output;
  const inputs: ExecInput[] = [];
  if (size !== null && size !== undefined) inputs.push({ kind: "size", ...size });
  if (stdin !== null && stdin !== undefined) {
    const data = bytesOf(stdin.data);
    if (data === undefined) return fail("BAD_FRAME", "stdin.data: expected base64 (RFC 4648 section 4)");
    if (data.length > 0) inputs.push({ kind: "data", data });
    if (stdin.close) inputs.push({ kind: "end" });
  }
  return succeed(inputs.length === 0 ? [{ kind: "heartbeat" }] : inputs);
}

function bytesOf(base64: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    return undefined;
  }
}

export const HEARTBEAT = "{}";

export function outputFrame(stream: "stdout" | "stderr", data: Uint8Array): string {
  return JSON.stringify({ [stream]: { data: data.toBase64() } });
}

export function closedFrame(stream: "stdout" | "stderr"): string {
  return JSON.stringify({ [stream]: { close: true } });
}

/** A command that a signal ended has, as in a shell, the code 128 and the signal's number. */
export function exitFrame({ code, signal }: Exit): string {
  return JSON.stringify({ exited: true, result: { exit_code: signal === 0 ? code : 128 + signal } });
}

const HandshakeSchema = v.object({ version: v.nullish(v.number(), 1), auth_token: v.nullish(v.string(), "") });

/** The first message of a browser, which cannot send headers: `{"version":1,"auth_token":"…"}`. */
export function parseHandshake(message: Uint8Array): Result<string> {
  try {
    const parsed = v.safeParse(HandshakeSchema, JSON.parse(textOf(message)));
    if (parsed.success && parsed.output.version === 1) return succeed(parsed.output.auth_token);
  } catch {
    // Told below.
  }
  return fail("BAD_HANDSHAKE", 'expected {"version":1,"auth_token":"…"} as the first message');
}
