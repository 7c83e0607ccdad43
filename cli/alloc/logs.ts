import { CodedError, messageOf } from "#base/env/errors.ts";
import type { HttpResponse } from "#base/env/http-client.ts";
import { errorOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError } from "../command/command.ts";
import { chosenAlloc, taskOf } from "./find-alloc.ts";
import { isForPrograms, printed } from "../print/show.ts";

/** Bytes shown by `-tail` and `-f` before what comes, unless `-c` says otherwise; lines are cut from twice as much. */
const TAIL_BYTES = 16 * 1024;
const TAIL_LINES = 10;
/** Far above what one line has. */
const BYTES_PER_LINE = 1024;

/** `ALLOC [TASK]`: what a task wrote. */
export const logs = withNomad(async (session) => {
  const { flags, operands, nomad, output } = session;
  const [first, wanted] = operands;
  if (first === undefined || operands.length > 2)
    throw new UsageError("name an allocation and, if it has several, a task");
  const alloc = await chosenAlloc(session, first);
  const task = taskOf(alloc, flags.value("task") ?? wanted);
  const streams = streamsOf(session);
  const { origin, offset, lines } = startOf(session);
  const follow = flags.on("f");
  const parts = await Promise.all(
    streams.map(async (type) => {
      const opened = await nomad.allocs.logs(alloc.ID, { task, type, follow, origin, offset });
      if (!opened.ok) throw errorOf(opened.error);
      return {
        type,
        text: await copy(opened.value, {
          lines,
          write: isForPrograms({ flags })
            ? undefined
            : (data) => (streams.length > 1 && type === "stderr" ? output.writeError(data) : output.write(data)),
        }),
      };
    }),
  );
  await printed({ flags, output }, Object.fromEntries(parts.map(({ type, text }) => [type, text])));
  return 0;
});

const BOTH = ["stdout", "stderr"] as const;

/** Standard output, unless the flags say otherwise; of what is followed, both. One alone can be piped; two go where they went. */
function streamsOf({ flags }: NomadSession): readonly ("stdout" | "stderr")[] {
  const given = BOTH.filter((stream) => flags.on(stream));
  if (given.length > 0) return given;
  return flags.on("f") ? BOTH : ["stdout"];
}

interface Start {
  readonly origin: "start" | "end";
  /** Bytes back from the end, or on from the start. */
  readonly offset: number;
  /** Of what was there: only the last so many lines. */
  readonly lines: number | undefined;
}

function startOf({ flags }: NomadSession): Start {
  const lines = numberOf(flags.value("n"), "n");
  const bytes = numberOf(flags.value("c"), "c");
  if (bytes !== undefined) return { origin: "end", offset: bytes, lines: undefined };
  if (lines !== undefined) return { origin: "end", offset: Math.max(TAIL_BYTES, lines * BYTES_PER_LINE), lines };
  if (flags.on("tail")) return { origin: "end", offset: TAIL_BYTES, lines: TAIL_LINES };
  return { origin: "start", offset: 0, lines: undefined };
}

function numberOf(text: string | undefined, flag: string): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,12}$/.test(text)) throw new UsageError(`-${flag} takes a whole number, not "${text}"`);
  return Number(text);
}

/** Copies a log as it comes, of its first chunk only the last lines. Gathers it where nobody writes. */
async function copy(
  response: HttpResponse,
  options: { readonly lines: number | undefined; readonly write: ((data: Uint8Array) => void) | undefined },
): Promise<string> {
  const gathered: Uint8Array[] = [];
  const write = options.write ?? ((data: Uint8Array): void => void gathered.push(data));
  try {
    let isFirst = true;
    for await (const part of response.body) {
      if (part.length === 0) continue;
      write(isFirst && options.lines !== undefined ? lastLines(part, options.lines) : part);
      isFirst = false;
    }
  } catch (error) {
    throw new CodedError("unreachable", `the log broke off: ${messageOf(error)}`);
  }
  return Buffer.concat(gathered).toString("utf8");
}

/** From the start of the n-th line from the end. */
export function lastLines(data: Uint8Array, lines: number): Uint8Array {
  const newline = 10;
  let at = data.length - (data.at(-1) === newline ? 1 : 0);
  for (let left = lines; left > 0 && at >= 0; left--) at = at === 0 ? -1 : data.lastIndexOf(newline, at - 1);
  return lines === 0 ? data.subarray(data.length) : data.subarray(at + 1);
}
