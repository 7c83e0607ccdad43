import { cp, mkdir, rm } from "node:fs/promises";
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Exec } from "#base/env/exec.ts";
import { fail, succeed, type Result } from "#base/env/errors.ts";
import { runInside } from "./commands.ts";
import type { Layer, Provisioner } from "./recipe.ts";

/** Where a provisioner's folder lies inside while it runs. */
const INSIDE = "run/lares-provision";

export interface ProvisionOptions {
  readonly exec: Exec;
  /** The layer's own tree; takes what is changed. */
  readonly tree: string;
  /** Trees of the layers below, top first. */
  readonly lowers: readonly string[];
  /** A folder for the mounts, on the tree's file system. */
  readonly work: string;
  /** Makes the layer with a provisioner's programs, which is there while it runs and leaves nothing behind. */
  readonly toolsTree: (layer: Layer) => Promise<Result<string>>;
}

/** Runs a layer's commands, then its provisioners, each as root inside the tree made so far. */
export async function provision(layer: Layer, options: ProvisionOptions): Promise<Result<void>> {
  for (const argv of layer.run) {
    const ran = await inside(argv, options.lowers, options);
    if (!ran.ok) return ran;
  }
  for (const each of layer.provisioners) {
    const ran = await runProvisioner(each, options);
    if (!ran.ok)
      return fail(ran.error.code, `provisioner ${each.kind} of ${each.file}: ${ran.error.message}`, ran.error.hint);
  }
  return succeed(undefined);
}

async function runProvisioner(each: Provisioner, options: ProvisionOptions): Promise<Result<void>> {
  const tools = PROGRAMS[each.kind];
  const below: string[] = [...options.lowers];
  if (tools.length > 0) {
    const made = await options.toolsTree(toolsLayer(each.kind, tools));
    if (!made.ok) return made;
    below.push(made.value);
  }
  const folder = join(options.tree, INSIDE);
  const hadRun = existsSync(join(options.tree, "run"));
  await mkdir(dirname(folder), { recursive: true });
  try {
    await cp(dirname(each.file), folder, { recursive: true });
    return await inside(commandOf(each), below, options);
  } finally {
    await rm(hadRun ? folder : join(options.tree, "run"), { recursive: true, force: true });
  }
}

async function inside(
  argv: readonly string[],
  lowers: readonly string[],
  options: ProvisionOptions,
): Promise<Result<void>> {
  const { exec, tree } = options;
  const [work, mountPoint] = [join(options.work, "work"), join(options.work, "mount")];
  await mkdir(work, { recursive: true });
  await mkdir(mountPoint, { recursive: true });
  const ran = await runInside(argv, { exec, lowers, upper: tree, work, mountPoint });
  await rm(work, { recursive: true, force: true });
  await rm(mountPoint, { recursive: true, force: true });
  return ran;
}

/** What a provisioner needs that the image may not have. A script is run by the image's own shell. */
const PROGRAMS: Readonly<Record<Provisioner["kind"], readonly string[]>> = {
  shell: [],
  "ansible-local": ["ansible-core"],
  "puppet-apply": ["puppet-agent"],
};
/** Packages that others count on, since every Debian has them. */
const ESSENTIAL = ["base-files", "coreutils", "dash", "findutils", "grep", "libc-bin", "sed", "tar", "util-linux"];
const WITHOUT = [
  "adduser",
  "base-passwd",
  "debconf",
  "dpkg",
  "init-system-helpers",
  "passwd",
  "perl-base",
  "ucf",
  "systemd",
];

function toolsLayer(name: string, packages: readonly string[]): Layer {
  const accounts = { "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\n" };
  return {
    name,
    packages: [...ESSENTIAL, ...packages],
    without: WITHOUT,
    directories: ["/tmp", "/root", "/run"].map((path) => ({ path, mode: 0o755, uid: 0, gid: 0 })),
    files: Object.entries(accounts).map(([path, content]) => ({
      path,
      content,
      source: undefined,
      mode: 0o644,
      uid: 0,
      gid: 0,
    })),
    links: [],
    users: [],
    run: [],
    provisioners: [],
    remove: ["/usr/share/doc", "/usr/share/man", "/usr/share/locale"],
  };
}

/** Home and caches lie in the folder that goes away; nothing is asked of a person or of the network by the programs themselves. */
function commandOf({ kind, file, arguments: more, variables }: Provisioner): readonly string[] {
  const at = `/${INSIDE}`;
  const own = [`HOME=${at}`, "USER=root", "LOGNAME=root", "PYTHONDONTWRITEBYTECODE=1", `TMPDIR=${at}`];
  const path = `${at}/${basename(file)}`;
  if (kind === "shell") {
    const settings = Object.entries(variables).map(([key, value]) => `${key}=${value}`);
    return [
      "/bin/sh",
      "-ec",
      'cd "$1"; shift; while [ "$1" != -- ]; do export "$1"; shift; done; shift; exec /bin/sh -e "$@"',
      "sh",
      at,
      ...settings,
      "--",
      path,
      ...more,
    ];
  }
  if (kind === "ansible-local") {
    const settings = ["-i", "localhost,", "-c", "local", "-e", JSON.stringify(variables)];
    return [
      "/usr/bin/env",
      ...own,
      `ANSIBLE_LOCAL_TEMP=${at}/.tmp`,
      `ANSIBLE_REMOTE_TMP=${at}/.tmp`,
      "/usr/bin/ansible-playbook",
      ...settings,
      ...more,
      path,
    ];
  }
  const facts = Object.entries(variables).map(([key, value]) => `FACTER_${key}=${value}`);
  const places = { confdir: "", vardir: "/var", ssldir: "/ssl", publicdir: "/public", logdir: "/log", rundir: "/run" };
  const folders = Object.entries(places).flatMap(([name, folder]) => [`--${name}`, `${at}/.puppet${folder}`]);
  // Nobody of its own is there to own its folders.
  const nobody = ["--user", "root", "--group", "root", "--no-manage_internal_file_permissions"];
  // 2: there were changes, and none failed (https://www.puppet.com/docs/puppet/8/man/apply).
  const checked = 'puppet apply --detailed-exitcodes "$@" || [ $? -eq 2 ]';
  return [
    "/usr/bin/env",
    ...own,
    ...facts,
    "/bin/sh",
    "-c",
    checked,
    "sh",
    ...folders,
    "--modulepath",
    `${at}/modules`,
    ...nobody,
    ...more,
    path,
  ];
}
