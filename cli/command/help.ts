import type { Command } from "./command.ts";

const WIDTH = 28;

/** All commands, or those that start with some words. */
export function listHelp(commands: readonly Command[], version: string, words: readonly string[] = []): string {
  const prefix = words.length === 0 ? "" : `${words.join(" ")} `;
  const shown = commands.filter((command) => command.hidden !== true && `${command.name} `.startsWith(prefix));
  const rows = shown
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((command) => row(command.name, command.summary));
  return [
    `lares ${version}: a small cluster a household or a small company can trust with its network`,
    "",
    `Usage: lares ${prefix}<command> [flags] [operands]`,
    "",
    ...rows,
    "",
    "lares <command> -help says more. Flags take one dash or two.",
  ].join("\n");
}

export function commandHelp(command: Command): string {
  const flags = Object.entries(command.flags).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [
    command.summary,
    "",
    `Usage: lares ${command.name}${flags.length === 0 ? "" : " [flags]"}${command.operands === "" ? "" : ` ${command.operands}`}`,
    ...(flags.length === 0 ? [] : ["", "Flags:", ""]),
    ...flags.map(([name, flag]) =>
      row(`-${name}${flag.kind === "switch" ? "" : `=${flag.value ?? "VALUE"}`}`, flag.summary),
    ),
  ].join("\n");
}

function row(left: string, right: string): string {
  return left.length < WIDTH ? `  ${left.padEnd(WIDTH)} ${right}` : `  ${left}\n  ${" ".repeat(WIDTH)} ${right}`;
}
