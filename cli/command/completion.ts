import type { Command } from "./command.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The words that may come next, after the words typed so far (the last of them still being typed, perhaps empty). */
export function completions(commands: readonly Command[], words: readonly string[]): readonly string[] {
  const typing = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const path = before.filter((word) => !word.startsWith("-"));
  const shown = commands.filter((command) => command.hidden !== true);
  const exact = shown.find(
    (command) => path.join(" ") === command.name || path.join(" ").startsWith(`${command.name} `),
  );
  if (typing.startsWith("-") && exact !== undefined) {
    return [...Object.keys(exact.flags), "help"]
      .map((name) => `-${name}`)
      .filter((flag) => flag.startsWith(typing.replace(/^--/, "-")));
  }
  const prefix = path.length === 0 ? "" : `${path.join(" ")} `;
  const next = shown
    .filter((command) => command.name.startsWith(prefix))
    .map((command) => command.name.slice(prefix.length).split(" ")[0] ?? "");
  return [...new Set(next)].filter((word) => word !== "" && word.startsWith(typing)).toSorted();
}

/** A script for the shell to source; it asks this program for the words, so it never ages. */
export function completionScript(shell: (typeof SHELLS)[number]): string {
  switch (shell) {
    case "bash":
      return `_lares() {
    local IFS=$'\\n'
    COMPREPLY=($("\${COMP_WORDS[0]}" completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}"))
    [ \${#COMPREPLY[@]} -gt 0 ] || compopt -o default
}
complete -F _lares lares
`;
    case "zsh":
      return `#compdef lares
_lares() {
    local -a words_found
    words_found=("\${(@f)$("\${words[1]}" completion words -- "\${(@)words[2,CURRENT]}")}")
    if [[ -n "\${words_found[1]}" ]]; then compadd -a words_found; else _files; fi
}
compdef _lares lares
`;
    case "fish":
      return `complete -c lares -f -a '(lares completion words -- (commandline -opc)[2..-1] (commandline -ct))'
`;
  }
}
