/**
 * The one helper a task costs: a POSIX shell (dash: 0.7 MB) that enters the cgroup, runs the task's argv untouched as
 * `"$@"`, and writes how it ended to a file, so that an agent started later learns it. Signals to the process group
 * reach the task; the shell itself only notes them (a handler, unlike "ignore", is not inherited by the task).
 * Arguments: exit file, cgroup folder or empty, then the task's argv.
 */
const SCRIPT = `exit_file=$1 cgroup=$2
shift 2
if [ -n "$cgroup" ]; then
  # A folder above may go with its last task just now.
  { mkdir -p "$cgroup" || mkdir -p "$cgroup" || mkdir -p "$cgroup"; echo $$ >"$cgroup/cgroup.procs"; } 2>/dev/null
fi
trap : HUP INT QUIT TERM USR1 USR2 ALRM CONT WINCH
"$@"
code=$?
echo "$code" >"$exit_file"
exit "$code"`;

export function wrap(argv: readonly string[], files: { readonly exitPath: string; readonly cgroup: string }): string[] {
  return ["/bin/sh", "-c", SCRIPT, "lares-task", files.exitPath, files.cgroup, ...argv];
}

/** The wrapper's file: one line with a shell's `$?`. Undefined while it is not written. */
export function parseExitFile(text: string): number | undefined {
  const found = /^(\d{1,3})\n$/.exec(text);
  return found === null ? undefined : Number(found[1]);
}

/** A shell gives 128 + n for a program that signal n killed: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html#tag_18_08_02 */
export function signalOfCode(code: number): number {
  return code > 128 && code <= 128 + 64 ? code - 128 : 0;
}
