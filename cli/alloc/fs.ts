import * as v from "valibot";
import { segment } from "#base/client/api-caller.ts";
import { flag, integer, text } from "#base/protocol/schema.ts";
import { errorOf, valueOf } from "../api/answer.ts";
import { withNomad, type NomadSession } from "../api/session.ts";
import { UsageError, type FlagValues } from "../command/command.ts";
import { bytes } from "../print/bytes.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";
import { localTime } from "../print/time.ts";
import { chosenAlloc } from "./find-alloc.ts";
import { lastLines } from "./logs.ts";

/** https://developer.hashicorp.com/nomad/api-docs/client#list-files */
const FileSchema = v.object({ Name: text, IsDir: flag, Size: integer, FileMode: text, ModTime: text });
type File = v.InferOutput<typeof FileSchema>;
const TAIL_BYTES = 16 * 1024;
/** Far above what one line has. */
const BYTES_PER_LINE = 1024;

/** `ALLOC [PATH]`: a folder is listed, a file printed. */
export const fs = withNomad(async (session) => {
  const { nomad, operands, flags } = session;
  const [first, path = "/"] = operands;
  if (first === undefined || operands.length > 2) throw new UsageError("name an allocation and, if wanted, a path");
  const part = { bytes: wholeNumber(flags, "c"), lines: wholeNumber(flags, "n") };
  const alloc = await chosenAlloc(session, first);
  const at = (verb: string): string => `/v1/client/fs/${verb}/${segment(alloc.ID)}`;
  const file = valueOf(await nomad.call({ path: at("stat"), query: { path }, schema: FileSchema }));
  if (flags.on("stat")) return show(session, file, () => lines([file], session));
  if (!file.IsDir) return print(session, { ...part, id: alloc.ID, path, size: file.Size });
  const files = valueOf(await nomad.call({ path: at("ls"), query: { path }, schema: v.array(FileSchema) }));
  return show(session, files, () => lines(files, session));
});

function lines(files: readonly File[], { flags }: NomadSession): string[] {
  const rows = files.map((file) => [
    file.FileMode,
    flags.on("H") ? String(file.Size) : bytes(file.Size),
    localTime(Date.parse(file.ModTime) * 1e6),
    file.IsDir ? `${file.Name}/` : file.Name,
  ]);
  return columns(["Mode", "Size", "Modified Time", "Name"], rows);
}

interface Part {
  readonly id: string;
  readonly path: string;
  readonly size: number;
  /** Only the last so many bytes, or lines. */
  readonly bytes: number | undefined;
  readonly lines: number | undefined;
}

async function print({ nomad, flags, output }: NomadSession, part: Part): Promise<number> {
  const { id, path, size, bytes: count, lines: lineCount } = part;
  const isTail = flags.on("tail") || flags.on("f") || count !== undefined || lineCount !== undefined;
  const back = count ?? Math.max(TAIL_BYTES, (lineCount ?? 0) * BYTES_PER_LINE);
  const offset = isTail ? Math.max(0, size - back) : 0;
  const answer = await nomad.stream({
    path: `/v1/client/fs/readat/${segment(id)}`,
    query: { path, offset, limit: Math.max(1, size - offset) },
  });
  if (!answer.ok) throw errorOf(answer.error);
  if (lineCount === undefined) for await (const chunk of answer.value.body) output.write(chunk);
  else output.write(lastLines(Buffer.concat(await Array.fromAsync(answer.value.body)), lineCount));
  if (flags.on("f")) await follow({ nomad, output }, { id, path, offset: size });
  return 0;
}

function wholeNumber(flags: FlagValues, name: string): number | undefined {
  const given = flags.value(name);
  if (given === undefined) return undefined;
  if (!/^\d{1,12}$/.test(given)) throw new UsageError(`-${name} takes a whole number, not "${given}"`);
  return Number(given);
}

const FrameSchema = v.object({ Data: text });

/** Frames of what is appended; https://developer.hashicorp.com/nomad/api-docs/client#stream-file */
async function follow(
  { nomad, output }: Pick<NomadSession, "nomad" | "output">,
  { id, path, offset }: { readonly id: string; readonly path: string; readonly offset: number },
): Promise<void> {
  const answer = await nomad.stream({
    path: `/v1/client/fs/stream/${segment(id)}`,
    query: { path, offset, follow: true },
  });
  if (!answer.ok) throw errorOf(answer.error);
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer.value.body) {
    rest += decoder.decode(chunk, { stream: true });
    const parts = rest.split(/(?<=\})\s*(?=\{|$)/);
    rest = parts.at(-1)?.endsWith("}") === true ? "" : (parts.pop() ?? "");
    for (const part of parts.filter((one) => one !== "")) {
      const frame = v.safeParse(v.pipe(v.string(), v.parseJson(), FrameSchema), part);
      if (frame.success && frame.output.Data !== "") output.write(Buffer.from(frame.output.Data, "base64"));
    }
  }
}
