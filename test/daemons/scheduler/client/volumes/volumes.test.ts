import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import * as v from "valibot";
import { succeed } from "#base/env/errors.ts";
import { createEnv } from "#base/platform/create-env.ts";
import { HostVolumeSchema, type HostVolume } from "#base/protocol/host-volume.ts";
import { HostVolumes } from "#daemons/scheduler/client/volumes/host-volumes.ts";
import { mountPlugin, NFS, SMB } from "#daemons/scheduler/client/volumes/mount-plugin.ts";
import { mountedAt, parseMounts } from "#daemons/scheduler/client/volumes/mounted.ts";
import { until } from "../../server/cluster.ts";

/** The node's side of dynamic host volumes: real folders, real programs, real mounts. */
const ONE = "00000000-0000-4000-8000-000000000001";
const TWO = "00000000-0000-4000-8000-000000000002";

/** Says how it was called, grows a file, and deletes what it made; a parameter makes it fail. */
const SCRIPT = `#!/bin/sh
set -eu
env | grep ^DHV_ | sort > "$DHV_PLUGIN_DIR/$1.env"
case "$DHV_OPERATION" in
fingerprint) echo '{"version": "1.2.3"}' ;;
create)
  case "$DHV_PARAMETERS" in *broken*) echo '{"error": "no such pool"}'; exit 3 ;; *garbage*) echo made; exit 0 ;; esac
  mkdir -p "$DHV_VOLUMES_DIR/$DHV_VOLUME_ID"
  echo x >> "$DHV_PLUGIN_DIR/created"
  echo "{\\"path\\": \\"$DHV_VOLUMES_DIR/$DHV_VOLUME_ID\\", \\"bytes\\": $DHV_CAPACITY_MIN_BYTES}" ;;
delete) rm -rf "$DHV_CREATED_PATH" ;;
esac
`;

function volume(fields: Partial<HostVolume>): HostVolume {
  const RequestedCapabilities = [{ AccessMode: "single-node-writer", AttachmentMode: "file-system" }];
  return v.parse(HostVolumeSchema, {
    ID: ONE,
    Name: "data",
    PluginID: "mkdir",
    Revision: 1,
    RequestedCapabilities,
    ...fields,
  });
}

function setUp(t: ExecutionContext) {
  const env = createEnv({ logToStderr: false });
  const dir = mkdtempSync(join(tmpdir(), "lares-volumes-"));
  t.teardown(() => {
    env.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const plugins = join(dir, "plugins");
  mkdirSync(plugins);
  writeFileSync(join(plugins, "grow"), SCRIPT, { mode: 0o755 });
  const open = async (more: { most?: number } = {}) => {
    const state = { changes: 0 };
    const volumes = new HostVolumes({
      env,
      file: join(dir, "host-volumes.json"),
      folders: { plugins, volumes: join(dir, "volumes") },
      most: more.most ?? 0,
      changed: () => void (state.changes += 1),
    });
    await volumes.start();
    t.teardown(() => volumes.close());
    return volumes;
  };
  return { env, dir, plugins, open };
}

test("volumes › a folder is made as asked, found again by the next agent, and goes only when it is to be deleted", async (t) => {
  const { dir, open } = setUp(t);
  const path = join(dir, "volumes", ONE);
  const first = await open();
  first.apply([volume({ Parameters: { mode: "0750", uid: "1000", gid: "1001" } })]);
  await until(() => first.offered()["data"] !== undefined);
  t.like(first.offered()["data"], {
    Path: path,
    ReadOnly: false,
    Dynamic: { ID: ONE, Revision: 1, Namespace: "default" },
  });
  const { mode, uid, gid } = statSync(path);
  t.deepEqual([mode & 0o777, uid, gid], [0o750, 1000, 1001]);
  writeFileSync(join(path, "kept"), "precious");
  first.close();
  const second = await open();
  t.like(second.offered()["data"], { Path: path, Dynamic: { ID: ONE } });
  second.apply([]);
  t.is(readFileSync(join(path, "kept"), "utf8"), "precious", "a list that no longer names it deletes nothing");
  t.truthy(second.offered()["data"]);
  second.apply([volume({ Deleting: true, Revision: 2 })]);
  await until(() => second.news()[ONE] !== undefined);
  t.deepEqual(second.news()[ONE], { State: "deleted", Revision: 2, Message: "" });
  t.false(existsSync(path));
  t.deepEqual(second.offered(), {});
  second.apply([]);
  t.deepEqual(second.news(), {});
});

test("volumes › a program of the plugin folder is told all of a volume, and asked again for a change and at each start", async (t) => {
  const { dir, plugins, open } = setUp(t);
  const first = await open();
  t.is(first.attributes()["plugins.host_volume.grow.version"], "1.2.3");
  const wanted = {
    PluginID: "grow",
    NodeID: "n1",
    NodePool: "edge",
    RequestedCapacityMinBytes: 1000,
    RequestedCapacityMaxBytes: 5000,
    Parameters: { a: "b c" },
  };
  first.apply([volume(wanted)]);
  await until(() => first.offered()["data"] !== undefined);
  t.is(first.offered()["data"]?.Dynamic?.CapacityBytes, 1000);
  const told = readFileSync(join(plugins, "create.env"), "utf8").trim().split("\n");
  t.deepEqual(told, [
    "DHV_CAPACITY_MAX_BYTES=5000",
    "DHV_CAPACITY_MIN_BYTES=1000",
    "DHV_NAMESPACE=default",
    "DHV_NODE_ID=n1",
    "DHV_NODE_POOL=edge",
    "DHV_OPERATION=create",
    'DHV_PARAMETERS={"a":"b c"}',
    `DHV_PLUGIN_DIR=${plugins}`,
    `DHV_VOLUMES_DIR=${join(dir, "volumes")}`,
    `DHV_VOLUME_ID=${ONE}`,
    "DHV_VOLUME_NAME=data",
  ]);
  first.apply([volume({ ...wanted, Revision: 2, RequestedCapacityMinBytes: 3000 })]);
  await until(() => first.offered()["data"]?.Dynamic?.CapacityBytes === 3000);
  first.close();
  const second = await open();
  t.is(second.offered()["data"]?.Dynamic?.Revision, 2);
  t.is(readFileSync(join(plugins, "created"), "utf8"), "x\nx\nx\n", "made, grown, and made again at the start");
  second.apply([volume({ ...wanted, Revision: 3, Deleting: true })]);
  await until(() => second.news()[ONE] !== undefined);
  t.regex(
    readFileSync(join(plugins, "delete.env"), "utf8"),
    new RegExp(`DHV_CREATED_PATH=${join(dir, "volumes", ONE)}\n`),
  );
  t.false(existsSync(join(dir, "volumes", ONE)));
});

test("volumes › what cannot be made says why, once for each time it is asked for, and is not offered", async (t) => {
  const { plugins, open } = setUp(t);
  const volumes = await open({ most: 1 });
  const tried = async (fields: Partial<HostVolume>): Promise<string> => {
    volumes.apply([volume(fields)]);
    await until(() => volumes.news()[fields.ID ?? ONE]?.Revision === fields.Revision);
    t.deepEqual(volumes.offered(), {});
    return volumes.news()[fields.ID ?? ONE]?.Message ?? "";
  };
  t.regex(await tried({ Revision: 1, PluginID: "lvm" }), /no host volume plugin "lvm" here \(there are: mkdir.*grow\)/);
  t.regex(await tried({ Revision: 2, PluginID: "grow", Parameters: { x: "broken" } }), /exit code 3: no such pool/);
  t.regex(await tried({ Revision: 3, PluginID: "grow", Parameters: { x: "garbage" } }), /did not answer with .*: made/);
  t.regex(await tried({ Revision: 4, Parameters: { mod: "7" } }), /unknown parameter "mod": it takes mode, uid, gid/);
  t.regex(await tried({ Revision: 5, Parameters: { mode: "rwx" } }), /mode "rwx" is no mode/);
  t.regex(await tried({ Revision: 6, HostPath: "/no/such/folder" }), /there is no \/no\/such\/folder on this node/);
  t.regex(await tried({ ID: "../../etc", Revision: 7 }), /is no volume id/);
  volumes.apply([volume({ Revision: 8, HostPath: plugins })]);
  await until(() => volumes.offered()["data"] !== undefined);
  volumes.apply([volume({ Revision: 8, HostPath: plugins }), volume({ ID: TWO, Name: "more" })]);
  await until(() => volumes.news()[TWO] !== undefined);
  t.regex(volumes.news()[TWO]?.Message ?? "", /has 1 host volumes, as many as it may/);
  volumes.apply([volume({ Revision: 9, HostPath: plugins, Deleting: true })]);
  await until(() => volumes.news()[ONE]?.State === "deleted");
  t.true(existsSync(join(plugins, "grow")), "what somebody else made stays");
});

test("volumes › plugins are looked for again; what anybody may change, or does not answer, is none", async (t) => {
  const { plugins, open } = setUp(t);
  const volumes = await open();
  t.false(await volumes.refreshPlugins());
  writeFileSync(join(plugins, "open"), SCRIPT, { mode: 0o755 });
  chmodSync(join(plugins, "open"), 0o777);
  writeFileSync(join(plugins, "mute"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
  writeFileSync(join(plugins, "README"), "no program\n", { mode: 0o644 });
  writeFileSync(join(plugins, "late"), SCRIPT, { mode: 0o755 });
  t.true(await volumes.refreshPlugins());
  const names = Object.keys(volumes.attributes()).map((name) => name.split(".")[2]);
  t.deepEqual(
    names.filter((name) => name !== "nfs" && name !== "smb"),
    ["mkdir", "grow", "late"],
  );
  rmSync(join(plugins, "late"));
  t.true(await volumes.refreshPlugins());
});

test("volumes › a mount is made once, with what keeps others' rights out, and unmounted before its folder goes", async (t) => {
  const { env, dir } = setUp(t);
  const kind = {
    ...NFS,
    type: "tmpfs",
    program: "mount",
    source: () => succeed({ device: "lares-volume-test", options: ["size=1m"] }),
  };
  const plugin = mountPlugin(env, kind, dir);
  const path = join(dir, ONE);
  t.teardown(async () => void (await env.exec.run(["umount", "--", path])));
  const made = await plugin.create(volume({ Parameters: { options: "mode=0711" } }));
  t.deepEqual(made, succeed({ path, bytes: 1024 * 1024 }));
  writeFileSync(join(path, "file"), "x");
  t.deepEqual(await plugin.create(volume({})), made, "again: the same");
  t.like(await mountedAt(env.disk, path), { type: "tmpfs", device: "lares-volume-test" });
  const options = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .find((line) => line.includes(path));
  t.regex(options ?? "", /nosuid,nodev/);
  t.true((await plugin.remove(volume({}), path)).ok);
  t.is(await mountedAt(env.disk, path), undefined);
  t.false(existsSync(path));
  t.true((await plugin.remove(volume({}), path)).ok, "what is gone is gone");
  writeFileSync(join(dir, "plain"), "");
  mkdirSync(path);
  writeFileSync(join(path, "somebody's"), "x");
  t.false((await plugin.remove(volume({}), path)).ok, "a folder that is not mounted and holds something stays");
  t.true(existsSync(join(path, "somebody's")));
});

test("volumes › what NFS and SMB are told is looked at before it gets near a program", async (t) => {
  const { env, dir } = setUp(t);
  const said = async (kind: typeof NFS, Parameters: Record<string, string>): Promise<string> => {
    const made = await mountPlugin(env, kind, dir).create(volume({ Parameters }));
    return made.ok ? "" : made.error.message;
  };
  t.regex(await said(NFS, { server: "-o", path: "/x" }), /server "-o" is no name or address/);
  t.regex(await said(NFS, { server: "nas", path: "x" }), /path "x" is no export/);
  t.regex(await said(NFS, { server: "nas", path: "/x", pasword: "y" }), /unknown parameter "pasword"/);
  t.regex(await said(NFS, { server: "nas", path: "/x\n/y" }), /control characters/);
  t.regex(await said(SMB, { server: "nas", share: "" }), /share "" is no share's name/);
  t.regex(
    await said(SMB, { server: "nas", share: "x", credentials: "a,uid=0" }),
    /credentials "a,uid=0" is no absolute path/,
  );
  t.deepEqual(NFS.source({ server: "fd00::1", path: "/srv" }), succeed({ device: "[fd00::1]:/srv", options: [] }));
  t.deepEqual(
    SMB.source({ server: "nas", share: "music/all", credentials: "/etc/nas" }),
    succeed({ device: "//nas/music/all", options: ["credentials=/etc/nas"] }),
  );
});

test("volumes › the list of mounts is read whatever it holds", (t) => {
  const line = "36 35 98:0 / /mnt/a\\040b rw,noatime shared:1 master:2 - ext3 /dev/r\\134t rw,errors=continue";
  t.deepEqual(parseMounts(`${line}\n`), [{ path: "/mnt/a b", type: "ext3", device: "/dev/r\\t" }]);
  fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseMounts(text))));
  t.pass();
});
