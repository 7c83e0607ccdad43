import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import * as v from "valibot";
import { testAgent, until, type TestAgent } from "../agent.ts";
import { soak } from "./soak.ts";

/**
 * What a node keeps: host volumes through the command line, made by a program, used by a job, there after a crash, and gone
 * when deleted; and its tasks, whatever is killed.
 */
let agent: TestAgent;

const QUOTA = `#!/bin/sh
set -eu
case "$1" in
fingerprint) echo '{"version": "0.1.0"}' ;;
create)
  [ "$DHV_CAPACITY_MIN_BYTES" -le 1000000 ] || { echo '{"error": "the pool has 1 MB"}'; exit 1; }
  mkdir -p "$DHV_VOLUMES_DIR/$DHV_VOLUME_NAME"
  echo "$DHV_CAPACITY_MIN_BYTES" > "$DHV_VOLUMES_DIR/$DHV_VOLUME_NAME/.quota"
  echo "{\\"path\\": \\"$DHV_VOLUMES_DIR/$DHV_VOLUME_NAME\\", \\"bytes\\": $DHV_CAPACITY_MIN_BYTES}" ;;
delete) rm -r "$DHV_CREATED_PATH" ;;
esac
`;

const VolumeSchema = v.object({
  ID: v.string(),
  Name: v.string(),
  State: v.string(),
  HostPath: v.string(),
  CapacityBytes: v.number(),
  PluginID: v.string(),
});

test.before(async (t) => {
  t.timeout(60_000);
  agent = await testAgent({
    prepare: (dir) => {
      mkdirSync(join(dir, "data/host_volume_plugins"), { recursive: true });
      writeFileSync(join(dir, "data/host_volume_plugins/quota"), QUOTA, { mode: 0o755 });
    },
  });
  await until("the node is registered", async () => /ready/.test((await agent.lares("node", "status")).stdout));
});

test.after.always(async () => {
  await agent.stop();
  await agent.remove();
});

function file(name: string, text: string): string {
  const path = join(agent.dir, name);
  writeFileSync(path, text);
  return path;
}

async function say(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await agent.lares(...words);
  if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout;
}

async function volumeOf(name: string): Promise<v.InferOutput<typeof VolumeSchema>> {
  return v.parse(VolumeSchema, JSON.parse(await say("volume", "status", "-json", name)));
}

const QUOTA_VOLUME = (more: string): string => `
type = "host"
name = "data"
plugin_id = "quota"
${more}
capability {
  access_mode = "single-node-single-writer"
  attachment_mode = "file-system"
}
`;

const WRITER = (lines: string): string => `
job "writer" {
  group "g" {
    volume "v" {
      type = "host"
      source = "data"
      sticky = true
      access_mode = "single-node-single-writer"
      attachment_mode = "file-system"
    }
    restart { attempts = 0 }
    task "t" {
      driver = "raw_exec"
      volume_mount {
        volume = "v"
        destination = "/unused"
      }
      config {
        command = "/bin/sh"
        args = ["-c", ${JSON.stringify(lines)}]
      }
      resources {
        cpu = 20
        memory = 20
      }
    }
  }
}
`;

test.serial(
  "a volume is made by a program, grown, used, survives a crash of the agent, and goes with its files",
  async (t) => {
    t.timeout(120_000);
    const spec = file("volume.hcl", QUOTA_VOLUME('capacity_min = "10KB"'));
    t.regex(
      await say("volume", "create", spec),
      /^Created host volume data with ID [0-9a-f-]{36} on node [0-9a-f]{8}: ready\n/,
    );
    const made = await volumeOf("data");
    t.like(made, {
      State: "ready",
      CapacityBytes: 10_000,
      PluginID: "quota",
      HostPath: join(agent.dir, "data/host_volumes/data"),
    });
    const again = await agent.lares("volume", "create", spec);
    t.is(again.code, 1);
    t.regex(again.stderr, /no node can have this volume: 1 × with a volume "data" already/);
    const grown = file("grown.hcl", QUOTA_VOLUME(`id = "${made.ID}"\ncapacity_min = "20KB"`));
    t.regex(await say("volume", "create", grown), /^Changed host volume data/);
    t.is((await volumeOf("data")).CapacityBytes, 20_000);
    t.is(readFileSync(join(made.HostPath, ".quota"), "utf8"), "20000\n");
    const large = file("large.hcl", QUOTA_VOLUME(`id = "${made.ID}"\ncapacity_min = "2MB"`));
    const refused = await agent.lares("volume", "create", large);
    t.regex(refused.stderr, /could not change the volume: create failed with exit code 1: the pool has 1 MB/);
    t.is((await volumeOf("data")).CapacityBytes, 20_000);
    await say("volume", "create", grown);
    const job = file("writer.nomad.hcl", WRITER(`echo "$NOMAD_ALLOC_ID" >> ${made.HostPath}/log; sleep 1000`));
    await say("job", "run", "-detach", job);
    await until("the task writes", () => existsSync(join(made.HostPath, "log")));
    // What a task does is there before its node has reported that it runs.
    await until("the volume says who uses it", async () =>
      /Allocation +Job +Status\n[0-9a-f]{8} +writer +running/.test(await say("volume", "status", "data")),
    );
    t.regex(await say("volume", "claim", "list"), /writer +g +data/);
    const inUse = await agent.lares("volume", "delete", "data");
    t.regex(inUse.stderr, /is in use by allocations/);

    await agent.kill();
    await agent.start();
    await until("the volume is back", async () => (await volumeOf("data")).State === "ready");
    await say("job", "stop", "-purge", "writer");
    await until("nobody uses it", async () => !/Allocation/.test(await say("volume", "status", "data")));
    t.regex(await say("volume", "delete", "data"), /Successfully deleted volume data/);
    t.false(existsSync(made.HostPath));
    t.is(await say("volume", "status"), "No host volumes\n");
  },
);

test.serial(
  "what exists is registered and stays when it is deregistered; CSI and mistakes are told in words",
  async (t) => {
    t.timeout(60_000);
    const path = join(agent.dir, "music");
    mkdirSync(path);
    writeFileSync(join(path, "song"), "la");
    const node = v.parse(v.array(v.object({ ID: v.string() })), await agent.get("/v1/nodes"))[0]?.ID ?? "";
    const spec = file(
      "music.hcl",
      `type = "host"\nname = "music"\nnode_id = "${node}"\nhost_path = "${path}"\ncapacity = "1GiB"\n`,
    );
    t.regex(await say("volume", "register", spec), /^Registered host volume music/);
    t.like(await volumeOf("music"), { State: "ready", HostPath: path, CapacityBytes: 1024 ** 3 });
    const detail = v.parse(
      v.object({ HostVolumes: v.record(v.string(), v.unknown()) }),
      await agent.get(`/v1/node/${node}`),
    );
    t.like(detail.HostVolumes["music"], { Name: "music", Path: path, ReadOnly: false });
    await say("volume", "delete", "music");
    t.true(existsSync(join(path, "song")));
    const csi = await agent.lares("volume", "create", file("csi.hcl", 'type = "csi"\nname = "x"\n'));
    t.regex(csi.stderr, /CSI volumes are not served: make a host volume/);
    const unknown = await agent.lares("volume", "create", file("bad.hcl", 'type = "host"\nnam = "x"\n'));
    t.regex(unknown.stderr, /nam/);
    const example = join(agent.dir, "example.hcl");
    await say("volume", "init", example);
    t.regex(await say("volume", "create", example), /^Created host volume data/);
    await say("volume", "delete", "data");
  },
);

/** The short one; `node bench/soak.ts` is the long one. */
test.serial(
  "tasks and the agent are killed at random: one process for each allocation, and nothing left behind",
  async (t) => {
    t.timeout(240_000);
    const say = (line: string): void => t.log(line);
    const done = await soak({
      rawExec: 40,
      exec: 4,
      docker: 0,
      bridged: 0,
      rounds: 4,
      seed: 3,
      settleMs: 100_000,
      say,
    });
    t.deepEqual(done.problems, []);
    t.true(done.agentKills > 0 && done.taskKills > 0);
  },
);
