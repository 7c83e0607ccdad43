// Installs what is missing before anything else can run: npm packages, then the Debian packages of
// cli/setup/packages.json. Runs on the system's Node (20 or later) without any package.
//
//   node scripts/prepare.mjs GROUP...     groups of packages.json: run, test, guests, bench
//
// Without root the Debian packages are named instead, with the command that installs them, and the rest goes on.
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

prepareNpm();
prepareDebian(process.argv.slice(2));

function prepareNpm() {
  const reason = npmReason();
  if (reason === undefined) return;
  console.error(`lares: npm packages: ${reason}; running npm ci`);
  run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "npm ci failed");
}

/** Why npm has to run, or undefined when every locked package that fits this machine is there. */
function npmReason() {
  const modules = join(root, "node_modules");
  const found = lstatSync(modules, { throwIfNoEntry: false });
  if (found === undefined) return "not installed";
  // A work tree may borrow another's packages; they are not ours to replace.
  if (found.isSymbolicLink()) return undefined;
  const installed = join(modules, ".package-lock.json");
  if (!existsSync(installed)) return "half installed";
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(installed, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || entry.optional) continue;
    if (present[path]?.version !== entry.version)
      return `${path.replace("node_modules/", "")} ${entry.version} is missing`;
  }
  const node = `node_modules/node-linux-${process.arch}`;
  if (present[node]?.version !== wanted[node]?.version) return "the pinned Node is missing";
  return undefined;
}

function prepareDebian(groups) {
  const packages = JSON.parse(readFileSync(join(root, "cli/setup/packages.json"), "utf8"));
  const triplet = process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
  const isThere = (file) => existsSync(file.replace("{triplet}", triplet));
  const missing = groups
    .flatMap((group) => packages[group] ?? fail(`packages.json has no group '${group}'`))
    .filter((entry) => (entry.on === undefined || entry.on === process.arch) && !entry.files.some(isThere));
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.package);
  console.error(
    `lares: missing Debian packages:\n${missing.map((entry) => `  ${entry.package}: ${entry.for}`).join("\n")}`,
  );
  if (process.getuid() !== 0 || !existsSync("/usr/bin/apt-get")) {
    console.error(`lares: install them with:  sudo apt-get install --no-install-recommends ${names.join(" ")}`);
    return;
  }
  console.error("lares: installing them; none of their daemons is started");
  run("sh", [join(root, "cli/setup/install-packages.sh"), ...names], "installing Debian packages failed");
}

function run(program, args, message) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) fail(`${message}${error ? `: ${error.message}` : ` (exit code ${status})`}`);
}

function fail(message) {
  console.error(`lares: ${message}`);
  process.exit(1);
}
