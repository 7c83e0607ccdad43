import { isAbsolute, join, normalize, resolve } from "node:path/posix";
import { textOf } from "#base/env/bytes.ts";
import type { Disk } from "#base/env/disk.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import { compileTemplate, type CompiledTemplate } from "#base/client/templates/compile.ts";
import type { TemplateHost } from "#base/client/templates/functions/host-functions.ts";
import type { Destination } from "#base/client/templates/output/destination.ts";
import type { Template } from "#base/protocol/task.ts";
import type { TaskPaths } from "#drivers/driver.ts";
import { interpolate, type Lookup } from "../alloc/interpolate.ts";

export interface BlockSurroundings {
  readonly disk: Disk;
  readonly paths: Pick<TaskPaths, "allocDir" | "localDir" | "secretsDir" | "taskDir">;
  /** The folder of the whole allocation: nothing outside of it is read or written. */
  readonly allocRoot: string;
  readonly lookup: Lookup;
  readonly host: Omit<TemplateHost, "write">;
  readonly namespace: string;
  readonly denylist: readonly string[];
  readonly sandboxed: boolean;
}

export interface TemplateBlock {
  readonly template: Template;
  readonly compiled: CompiledTemplate;
  readonly destination: Destination;
}

/** A template block ready to be rendered; what cannot be is said with its place. */
export async function readBlock(template: Template, around: BlockSurroundings): Promise<Result<TemplateBlock>> {
  const destination = placeOf(template.DestPath, "destination", around);
  if (!destination.ok) return destination;
  const text = await sourceOf(template, around);
  if (!text.ok) return text;
  const compiled = compileTemplate({
    name: template.EmbeddedTmpl === "" ? template.SourcePath : template.DestPath,
    text: text.value,
    leftDelim: template.LeftDelim,
    rightDelim: template.RightDelim,
    errorOnMissingKey: template.ErrMissingKey,
    denylist: around.denylist,
    destination: destination.value,
    namespace: around.namespace,
    host: around.host,
    resolvePath: (path) => resolve(around.paths.taskDir, path),
  });
  if (!compiled.ok) return compiled;
  return succeed({
    template,
    compiled: compiled.value,
    destination: {
      path: destination.value,
      perms: template.Perms === "" ? 0o644 : Number.parseInt(template.Perms, 8),
      uid: owner(template.Uid),
      gid: owner(template.Gid),
      backup: false,
      createDirs: true,
      // After a power cut nothing of the task runs any more, and its folders are made anew.
      durable: false,
      within: around.sandboxed ? around.allocRoot : undefined,
    },
  });
}

async function sourceOf({ EmbeddedTmpl, SourcePath }: Template, around: BlockSurroundings): Promise<Result<string>> {
  if (EmbeddedTmpl !== "" || SourcePath === "") return succeed(EmbeddedTmpl);
  const path = placeOf(SourcePath, "source", around);
  if (!path.ok) return path;
  try {
    const disk = around.sandboxed ? around.disk.confine(around.allocRoot) : around.disk;
    const bytes = await disk.read(path.value);
    return bytes === undefined
      ? fail("template_source", `the template source ${JSON.stringify(SourcePath)} does not exist`)
      : succeed(textOf(bytes));
  } catch (thrown) {
    return fail(
      "template_source",
      `the template source ${JSON.stringify(SourcePath)} cannot be read: ${messageOf(thrown)}`,
    );
  }
}

/** Where a path of a job is on this machine: relative ones begin in the task's folder, `/local`, `/secrets` and `/alloc` are its own. */
function placeOf(written: string, what: string, around: BlockSurroundings): Result<string> {
  const { paths, allocRoot, lookup, sandboxed, host } = around;
  const path = normalize(interpolate(written, lookup));
  const inside = path.startsWith(`${allocRoot}/`)
    ? path
    : isAbsolute(path)
      ? ownFolder(path, paths)
      : join(paths.taskDir, path);
  const place = resolve(inside);
  if (!sandboxed) return succeed(place);
  if (place.startsWith(`${allocRoot}/`) && host.isAllowed(place)) return succeed(place);
  return fail(
    "template_escapes",
    `the template's ${what} ${JSON.stringify(written)} escapes the allocation's folder`,
    'for example "local/file" or "secrets/file"',
  );
}

function ownFolder(path: string, paths: BlockSurroundings["paths"]): string {
  const own = [
    ["/local", paths.localDir],
    ["/secrets", paths.secretsDir],
    ["/alloc", paths.allocDir],
  ] as const;
  for (const [seen, real] of own)
    if (path === seen || path.startsWith(`${seen}/`)) return real + path.slice(seen.length);
  return path;
}

function owner(number: number | null): number | undefined {
  return number === null || number < 0 ? undefined : number;
}
