import { join } from "node:path/posix";
import * as v from "valibot";
import { textOf } from "#base/env/bytes.ts";
import type { Env } from "#base/env/env.ts";
import { fail, messageOf, succeed, type Result } from "#base/env/errors.ts";
import type { OpenSqlFile } from "#base/env/sql.ts";
import { parseSettings } from "../../settings/read-settings.ts";
import type { Settings } from "../../settings/settings.ts";
import { importAdGuard } from "./adguard.ts";
import { GRAVITY_SCHEMA, readGravity } from "./gravity.ts";
import { Imported } from "./imported.ts";
import { importVersion5 } from "./version-5.ts";
import { readTarGz } from "./tar.ts";
import { takeConfig } from "./take-config.ts";
import { readToml } from "./toml.ts";
import { readZip, type ArchiveFile } from "./zip.ts";

export interface ImportDeps {
  readonly env: Pick<Env, "disk" | "random">;
  readonly openSql: OpenSqlFile;
  /** For a database while it is read. */
  readonly folder: string;
}

export interface ImportResult {
  readonly settings: Settings;
  /** What did not come along, in words. */
  readonly left: readonly string[];
  /** Names of files in the archive that were read. */
  readonly files: readonly string[];
}

/** Parts of a Teleporter archive; what is not named is taken. */
export interface ImportParts {
  readonly config?: boolean | undefined;
  readonly gravity?: boolean | undefined;
}

/** Our own settings as a whole; an archive that has them needs nothing else. */
export const OWN_FILE = "lares/settings.json";

/** Any archive or file, told apart by how it begins. */
export async function importSettings(
  deps: ImportDeps,
  given: { readonly bytes: Uint8Array; readonly onto: Settings; readonly parts?: ImportParts },
): Promise<Result<ImportResult>> {
  const { bytes, onto, parts = {} } = given;
  const imported = new Imported(onto);
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b;
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  let files: readonly ArchiveFile[] = [];
  if (!isZip && !isGzip) {
    const read = importAdGuard(textOf(bytes), imported);
    if (!read.ok) return read;
  } else {
    const unpacked = isZip ? readZip(bytes) : readTarGz(bytes);
    if (!unpacked.ok) return unpacked;
    files = unpacked.value;
    const read = isZip ? await importVersion6(deps, files, { imported, parts }) : importVersion5(files, imported);
    if (!read.ok) return read;
  }
  const checked = parseSettings(imported.settings, "what was imported");
  if (!checked.ok) return checked;
  return succeed({ settings: checked.value, left: imported.left, files: files.map(({ name }) => name) });
}

async function importVersion6(
  deps: ImportDeps,
  files: readonly ArchiveFile[],
  { imported, parts }: { readonly imported: Imported; readonly parts: ImportParts },
): Promise<Result<undefined>> {
  const find = (end: string): Uint8Array | undefined => files.find(({ name }) => name.endsWith(end))?.bytes;
  const own = find(OWN_FILE);
  const isWhole = parts.config !== false && parts.gravity !== false;
  if (own !== undefined && isWhole) return takeOwn(own, imported);
  const config = find("pihole.toml");
  const gravity = find("gravity.db");
  if (config === undefined && gravity === undefined)
    return fail(
      "bad_archive",
      "the archive holds neither pihole.toml nor gravity.db",
      "make it with Pi-hole's Teleporter",
    );
  if (config !== undefined && parts.config !== false) {
    const tree = readToml(textOf(config));
    if (!tree.ok) return tree;
    takeConfig(tree.value, "", imported);
  }
  if (gravity !== undefined && parts.gravity !== false) return takeGravity(deps, gravity, imported);
  return succeed(undefined);
}

const OwnSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.unknown()));

/** Where this server listens and who may log in stays as it is here. */
function takeOwn(bytes: Uint8Array, imported: Imported): Result<undefined> {
  const raw = v.safeParse(OwnSchema, textOf(bytes));
  if (!raw.success) return fail("bad_archive", `${OWN_FILE} is damaged`);
  const { listen, api } = imported.settings;
  const parsed = parseSettings({ ...raw.output, listen, api }, OWN_FILE);
  if (!parsed.ok) return parsed;
  imported.settings = parsed.value;
  return succeed(undefined);
}

async function takeGravity(
  { env, openSql, folder }: ImportDeps,
  bytes: Uint8Array,
  imported: Imported,
): Promise<Result<undefined>> {
  const path = join(folder, `import-${env.random.uuid()}.db`);
  try {
    await env.disk.replace(path, bytes, { mode: 0o600, durable: false });
    const file = await openSql({ path, schema: GRAVITY_SCHEMA });
    try {
      await readGravity(file, imported);
    } finally {
      await file.close();
    }
    return succeed(undefined);
  } catch (thrown) {
    return fail("bad_archive", `gravity.db cannot be read: ${messageOf(thrown)}`);
  } finally {
    for (const tail of ["", "-wal", "-shm", ".broken"]) await env.disk.remove(`${path}${tail}`);
  }
}
