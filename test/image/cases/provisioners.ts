import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildImage } from "#os-image/oci/build.ts";
import { lintImage } from "#os-image/oci/lint.ts";
import { readImage } from "#os-image/oci/read-recipe.ts";
import type { Case, Stage } from "../case.ts";

export const provisionerCases: readonly Case[] = [
  { name: "provision a layer by a playbook of Ansible", run: ansible },
  { name: "provision a layer by a manifest of Puppet", run: puppet },
];

const PLAYBOOK = `- hosts: localhost
  tasks:
    - name: settings
      ansible.builtin.copy:
        content: "{{ greeting }} from Ansible\\n"
        dest: /etc/greeting
        mode: "0640"
    - name: a line
      ansible.builtin.lineinfile:
        path: /etc/hosts
        line: 192.0.2.1 router
        create: true
`;
const MANIFEST = `file { '/etc/greeting': ensure => file, content => "\${greeting} from Puppet\\n", mode => '0640' }
file { '/etc/hosts': ensure => file, content => "192.0.2.1 router\\n" }
`;

async function ansible(stage: Stage): Promise<void> {
  await provisioned(stage, {
    kind: "ansible-local",
    file: "site.yml",
    text: PLAYBOOK,
    greeting: "hello from Ansible\n",
  });
}

async function puppet(stage: Stage): Promise<void> {
  await provisioned(stage, { kind: "puppet-apply", file: "site.pp", text: MANIFEST, greeting: "hello from Puppet\n" });
}

interface Provisioned {
  readonly kind: string;
  readonly file: string;
  readonly text: string;
  readonly greeting: string;
}

async function provisioned({ bench, say }: Stage, { kind, file, text, greeting }: Provisioned): Promise<void> {
  const folder = join(bench.folder, kind);
  mkdirSync(join(folder, "site"), { recursive: true });
  writeFileSync(join(folder, "site", file), text);
  const block = `provisioner "${kind}" {\n  file = "site/${file}"\n  variables = { greeting = "hello" }\n}\n`;
  writeFileSync(
    join(folder, "x.image.hcl"),
    'image "x" {\n  tags = ["x:1"]\n  layers = ["x"]\n  config {\n    cmd = ["/bin/true"]\n  }\n}\n',
  );
  writeFileSync(
    join(folder, "x.layer.hcl"),
    `layer "x" {\n  packages = ["coreutils"]\n  without = ["perl-base"]\n  directory "/etc" {}\n  ${block}}\n`,
  );
  const read = (path: string): string | undefined => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
  const image = readImage(join(folder, "x.image.hcl"), { read, layerFolders: [], architecture: "amd64" });
  if (!image.ok) throw new Error(image.error.message);
  assert.deepEqual(
    lintImage(image.value).filter(({ severity }) => severity === "error"),
    [],
  );
  const cacheDir = join(bench.folder, "provisioners");
  const options = { exec: bench.env.exec, cacheDir, target: join(folder, "x.tar"), compress: false, privileged: true };
  const built = await buildImage(image.value, { ...options, onProgress: say });
  if (!built.ok) throw new Error(built.error.message);
  const inside = await bench.env.exec.run(["tar", "-tvf", layerTar(cacheDir, built.value.layers)]);
  const names = inside.stdout.split("\n");
  assert.ok(
    names.some((line) => /^-rw-r-----.* \.\/etc\/greeting$/.test(line)),
    inside.stdout.slice(0, 2000),
  );
  assert.ok(
    !names.some((line) => /ansible|puppet|lares-provision|\.pyc/.test(line)),
    "the provisioner's own programs and traces stay out",
  );
  const taken = await bench.env.exec.run([
    "tar",
    "-xOf",
    layerTar(cacheDir, built.value.layers),
    "./etc/greeting",
    "./etc/hosts",
  ]);
  assert.equal(taken.stdout, `${greeting}192.0.2.1 router\n`);
}

function layerTar(cacheDir: string, layers: readonly { readonly diffId: string }[]): string {
  const keys = readdirSync(join(cacheDir, "layers"));
  const found = keys.find((key) =>
    readFileSync(join(cacheDir, "layers", key, "layer.json"), "utf8").includes(layers[0]?.diffId ?? "none"),
  );
  return join(cacheDir, "layers", found ?? "none", "layer.tar");
}
