import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CodedError, messageOf, succeed } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { openSqlFile } from "#base/platform/sql-file.ts";
import { importSettings as importFrom } from "#daemons/dns/http/archive/import-settings.ts";
import { readSettings } from "#daemons/dns/settings/read-settings.ts";
import { defaultSettings } from "#daemons/dns/settings/settings.ts";
import { UsageError, type RunCommand } from "../command/command.ts";

/** Settings from somebody else's; what did not come along is said on standard error. */
export const importSettings: RunCommand = async ({ flags, operands, output }) => {
  const [path, ...more] = operands;
  if (path === undefined || more.length > 0) throw new UsageError("name one file");
  const base = flags.value("onto");
  const onto =
    base === undefined ? succeed(defaultSettings()) : readSettings({ name: base, text: await readFile(base, "utf8") });
  if (!onto.ok) throw new CodedError(onto.error.code, onto.error.message, onto.error.hint);
  const folder = await mkdtemp(join(tmpdir(), "lares-dns-import-"));
  const env = createEnv();
  try {
    const bytes = await readFile(path).catch((thrown: unknown) => {
      const hint = "name an archive of Pi-hole's Teleporter, or AdGuardHome.yaml";
      throw new CodedError("dns_import", `cannot read ${JSON.stringify(path)}: ${messageOf(thrown)}`, hint);
    });
    const read = await importFrom({ env, openSql: openSqlFile, folder }, { bytes, onto: onto.value });
    if (!read.ok) throw new CodedError(read.error.code, `${path}: ${read.error.message}`, read.error.hint);
    const { settings, left } = read.value;
    const text = JSON.stringify(flags.on("json") ? { settings, left } : settings, undefined, 2);
    const file = flags.value("output");
    if (file === undefined) output.line(text);
    else await writeFile(file, `${text}\n`, { mode: 0o600 });
    const { lists, rules, clients, groups } = settings;
    output.error(`${lists.length} lists, ${rules.length} rules, ${groups.length} groups, ${clients.length} clients`);
    for (const one of left) output.error(`did not come along: ${one}`);
    return 0;
  } finally {
    env.close();
    await rm(folder, { recursive: true, force: true });
  }
};
