import { isAbsolute, join } from "node:path/posix";
import { readConfig } from "../config-shape.ts";
import type { ConfigReader } from "../config-shape.ts";
import type { TaskStart } from "../driver.ts";

/** The allocation's folders under the names tasks know, the group's volumes, and what the task's config adds. */
export function mountsOf(
  task: TaskStart,
  { config, selinuxLabel }: { readonly config: ConfigReader; readonly selinuxLabel: string },
): { readonly Binds: readonly string[]; readonly Mounts: readonly object[] } {
  const { paths } = task;
  const label = selinuxLabel === "" ? "" : `:${selinuxLabel}`;
  const own = [`${paths.allocDir}:/alloc`, `${paths.localDir}:/local`, `${paths.secretsDir}:/secrets`].map(
    (bind) => `${bind}${label}`,
  );
  const volumes = task.mounts.map((mount) => `${mount.hostPath}:${mount.taskPath}${mount.readOnly ? ":ro" : ""}`);
  const written = config.texts("volumes").map((volume) => resolveVolume(volume, paths.taskDir));
  const blocks = [...config.blocks("mount"), ...config.blocks("mounts")];
  return {
    Binds: [...own, ...namesOf(task), ...volumes, ...written],
    Mounts: blocks.map((block) => mountOf(readConfig(block), paths.taskDir)),
  };
}

/** In a network that it shares, a task sees that network's names. */
function namesOf({ network }: TaskStart): readonly string[] {
  if (network === undefined) return [];
  return [`${network.hosts}:/etc/hosts`, `${network.resolvConf}:/etc/resolv.conf`];
}

/** `source:target[:mode]`; a relative source lies in the task's folder, a bare name is a named volume. */
function resolveVolume(volume: string, taskDir: string): string {
  const [source = "", ...rest] = volume.split(":");
  const relative = !isAbsolute(source) && (source.includes("/") || source.startsWith("."));
  return [relative ? join(taskDir, source) : source, ...rest].join(":");
}

function mountOf(mount: ConfigReader, taskDir: string): object {
  const type = mount.text("type") || "volume";
  const source = mount.text("source");
  const option = (name: string): ConfigReader => readConfig(mount.blocks(name)[0] ?? {});
  const volume = option("volume_options");
  const driver = readConfig(volume.blocks("driver_config")[0] ?? {});
  const tmpfs = option("tmpfs_options");
  return {
    Type: type,
    Target: mount.text("target"),
    ReadOnly: mount.flag("readonly", false),
    ...(source === "" ? {} : { Source: type === "bind" && !isAbsolute(source) ? join(taskDir, source) : source }),
    ...(type === "bind"
      ? { BindOptions: { Propagation: option("bind_options").text("propagation") || "rprivate" } }
      : {}),
    ...(type === "volume"
      ? {
          VolumeOptions: {
            NoCopy: volume.flag("no_copy", false),
            Labels: volume.map("labels"),
            ...(driver.text("name") === ""
              ? {}
              : { DriverConfig: { Name: driver.text("name"), Options: driver.map("options") } }),
          },
        }
      : {}),
    ...(type === "tmpfs"
      ? { TmpfsOptions: { SizeBytes: tmpfs.number("size") ?? 0, Mode: tmpfs.number("mode") ?? 0o1777 } }
      : {}),
  };
}
