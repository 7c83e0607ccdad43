import { CONSUL_FLAGS, NOMAD_FLAGS } from "#cli/api/flags.ts";
import type { Command, Flag } from "#cli/command/command.ts";

const FAMILIES = [
  { name: "scheduler flags", flags: NOMAD_FLAGS },
  { name: "discovery flags", flags: CONSUL_FLAGS },
] as const;

const BEGIN = "<!-- begin: written by scripts/docs-cli.ts from the commands' rows -->";
const END = "<!-- end -->";

/** The manual with its reference section as the rows say it now. Throws when it has no such section. */
export function withReference(manual: string, commands: readonly Command[]): string {
  const [begin, end] = [manual.indexOf(BEGIN), manual.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the manual has no section between ${BEGIN} and ${END}`);
  return `${manual.slice(0, begin)}${BEGIN}\n\n${reference(commands)}\n${manual.slice(end)}`;
}

function reference(commands: readonly Command[]): string {
  const shown = commands.filter(({ hidden }) => hidden !== true).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const nouns = [...new Set(shown.map(({ name }) => name.split(" ")[0] ?? ""))];
  const families = FAMILIES.map(({ name, flags }) => `### ${capital(name)}\n\n${table(Object.entries(flags))}\n`);
  const sections = nouns.map((noun) => {
    const own = shown.filter(({ name }) => name.split(" ")[0] === noun);
    return `### ${noun}\n\n${own.map(entry).join("\n")}`;
  });
  return [...families, ...sections].join("\n");
}

function entry({ name, operands, summary, flags }: Command): string {
  const families = FAMILIES.filter((family) => Object.keys(family.flags).every((flag) => Object.hasOwn(flags, flag)));
  // A command may mean something else by the name of a family's flag.
  const shared = new Map<string, Flag>(families.flatMap((family) => Object.entries(family.flags)));
  const own = Object.entries(flags).filter(([name, { kind }]) => shared.get(name)?.kind !== kind);
  const takes = families.map((family) => `[${family.name}](#${family.name.replace(" ", "-")})`).join(", ");
  return [
    `\`lares ${`${name} ${operands}`.trim()}\`\\\n${summary}.${takes === "" ? "" : ` Takes the ${takes}.`}\n`,
    ...(own.length === 0 ? [] : [`${table(own)}\n`]),
  ].join("\n");
}

function table(flags: readonly (readonly [string, Flag])[]): string {
  const rows = flags.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, flag]) => row(name, flag));
  return ["| flag | what it does |", "|---|---|", ...rows].join("\n");
}

function row(name: string, { kind, value, summary }: Flag): string {
  const call = kind === "switch" ? `-${name}` : `-${name}=${value ?? "VALUE"}`;
  return `| \`${cell(call)}\`${kind === "values" ? ", may be repeated" : ""} | ${cell(summary)} |`;
}

function cell(text: string): string {
  return text.replaceAll("|", String.raw`\|`);
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
