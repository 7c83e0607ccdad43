import test from "ava";
import { lintBuild } from "#os-image/firmware/recipe/lint.ts";
import { readBuild } from "#os-image/firmware/recipe/read-system.ts";
import { build, read, recipe, root } from "./own-recipe.ts";

test("mistakes in the recipe are told with their place", (t) => {
  const wrong = readBuild(
    recipe,
    read({ "lares.os.hcl": (text) => text.replace('flavour "docker"', 'flavor "docker"') }),
    {
      target: "amd64",
      flavour: "minimal",
    },
  );
  t.false(wrong.ok);
  if (!wrong.ok) t.regex(wrong.error.message, /lares\.os\.hcl:\d+[\s\S]*flavor[\s\S]*flavour/);
  const absent = readBuild(recipe, read(), { target: "sparc", flavour: "minimal" });
  t.false(absent.ok);
  if (!absent.ok) t.regex(absent.error.hint ?? "", /amd64/);
  const tiny = readBuild(recipe, read({ "lares.os.hcl": (text) => text.replace("slot   = 512", "slot = 5") }), {
    target: "amd64",
    flavour: "minimal",
  });
  t.false(tiny.ok);
});

/** What a role runs: one that can, and three that cannot. */
const RUNS = `  run = [["true"]]
  provisioner "shell" {
    file      = "../files/links.sh"
    variables = { ON = architecture }
  }
  provisioner "ansible-local" { file = "../files/links.sh" }
  provisioner "puppet-apply" { file = "../site/gone.pp" }`;

test("lint finds units and users that contradict each other", (t) => {
  const codes = (change: (text: string) => string): readonly string[] =>
    lintBuild(build("minimal", { "agent.role.hcl": change })).map((finding) => finding.code);
  t.true(
    codes((text) => text.replace('mask   = ["etcd.service"]', 'mask = ["lares.service"]')).includes("os_unit_both"),
  );
  t.true(
    codes((text) => text.replace("../files/lares-first.service", "../files/gone.service")).includes("os_no_source"),
  );
  t.true(codes((text) => text.replace("enable =", 'default = "x.target"\n  enable =')).includes("os_default"));
  t.true(codes((text) => text.replace('"etcd.service"', '"etcd"')).includes("os_bad_unit"));
});

test("a role's provisioners are read with their place, and lint tells what cannot run", (t) => {
  const at = (text: string): string => text.replace(/^ {2}packages/m, (found) => `${RUNS}\n${found}`);
  const { roles } = build("minimal", { "agent.role.hcl": at }, "arm64");
  t.deepEqual(
    roles.flatMap(({ provisioners }) => provisioners.map(({ kind, file, variables }) => ({ kind, file, variables }))),
    [
      { kind: "shell", file: `${root}os-image/firmware/files/links.sh`, variables: { ON: "arm64" } },
      { kind: "ansible-local", file: `${root}os-image/firmware/files/links.sh`, variables: {} },
      { kind: "puppet-apply", file: `${root}os-image/firmware/site/gone.pp`, variables: {} },
    ],
  );
  const found = lintBuild(build("minimal", { "agent.role.hcl": at })).map(
    ({ severity, where, code, message }) => `${severity} ${where} ${code} ${message.replace(root, "")}`,
  );
  t.is(found.length, 3, found.join("\n"));
  t.regex(
    found[0] ?? "",
    /^error role agent image_provisioner provisioner "ansible-local": .*links\.sh is no (YAML|list)/,
  );
  t.is(
    found[1],
    'error role agent image_provisioner provisioner "puppet-apply": os-image/firmware/site/gone.pp is not there',
  );
  t.is(found[2], 'error role agent image_bad_run run ["true"] must start with the absolute path of a program');
  t.throws(() => build("minimal", { "agent.role.hcl": (text) => at(text).replace("puppet-apply", "chef") }), {
    message: /agent\.role\.hcl.*"shell", "ansible-local" or "puppet-apply"/s,
  });
});
