import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";

/** Mounts the layers as one tree in a mount namespace of its own, so that nothing is left mounted whatever happens. */
const SCRIPT = `
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2,workdir=$3" "$4"
mkdir -p "$4/proc" "$4/dev"
mount -t proc proc "$4/proc"
mount --bind /dev "$4/dev"
root=$4
shift 4
exec chroot "$root" "$@"
`;

export interface CommandOptions {
  readonly exec: Exec;
  /** Unpacked lower layers, top first. */
  readonly lowers: readonly string[];
  /** The layer's own tree; takes what the command changes. */
  readonly upper: string;
  readonly work: string;
  readonly mountPoint: string;
}

const COMMAND_TIMEOUT_MS = 900_000;

/** Runs one program as root inside the image made so far. */
export async function runInside(argv: readonly string[], options: CommandOptions): Promise<Result<void>> {
  const lower = options.lowers.length === 0 ? options.mountPoint : options.lowers.join(":");
  const result = await options.exec.run(
    [
      "unshare",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "/bin/sh",
      "-ec",
      SCRIPT,
      "sh",
      lower,
      options.upper,
      options.work,
      options.mountPoint,
      ...argv,
    ],
    {
      timeoutMs: COMMAND_TIMEOUT_MS,
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        DEBIAN_FRONTEND: "noninteractive",
        LC_ALL: "C.UTF-8",
      },
    },
  );
  if (result.code === 0) return succeed(undefined);
  return fail(
    "image_command",
    `${argv.join(" ")} ended with ${result.code}: ${(result.stderr || result.stdout).trim().slice(-500)}`,
    "commands need root, overlayfs and a shell-less program path inside the image",
  );
}
