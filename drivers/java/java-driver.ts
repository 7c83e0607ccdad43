import type { Env } from "#base/env/env.ts";
import type { ConfigReader, ConfigShape } from "../config-shape.ts";
import type { Driver } from "../driver.ts";
import { createIsolatedDriver, type IsolatedKind } from "../exec/exec-driver.ts";
import { readExecOptions, type ExecOptions } from "../exec/plugin-options.ts";
import { askProgram } from "../process/program-version.ts";

/** https://developer.hashicorp.com/nomad/docs/job-declare/task-driver/java */
const SHAPE: ConfigShape = {
  class: { kind: "text" },
  class_path: { kind: "text" },
  jar_path: { kind: "text" },
  jvm_options: { kind: "texts" },
  args: { kind: "texts" },
};

export function createJavaDriver(env: Env, options: ExecOptions = readExecOptions({})): Driver {
  const ask = askProgram(env, ["java", "-version"]);
  const kind: IsolatedKind = {
    name: "java",
    shape: SHAPE,
    argv,
    problem: (config) =>
      config.text("jar_path") === "" && config.text("class") === ""
        ? {
            message: "java config needs jar_path or class",
            hint: 'jar_path = "local/app.jar", or class = "Main" with a class_path',
          }
        : undefined,
    async fingerprint() {
      const said = await ask();
      return said === undefined
        ? { missing: "needs a Java runtime (Debian's default-jre-headless)" }
        : { attributes: versionOf(said.stderr) };
    },
  };
  return createIsolatedDriver(env, kind, options);
}

function argv(config: ConfigReader): readonly string[] {
  const [jar, classPath] = [config.text("jar_path"), config.text("class_path")];
  return [
    "java",
    ...config.texts("jvm_options"),
    ...(classPath === "" ? [] : ["-cp", classPath]),
    ...(jar === "" ? [config.text("class")] : ["-jar", jar]),
    ...config.texts("args"),
  ];
}

/** Three lines: `openjdk version "17.0.9" 2023-10-17`, the runtime, the virtual machine. */
export function versionOf(text: string): Readonly<Record<string, string>> {
  const [first = "", runtime = "", machine = ""] = text.split("\n").filter((line) => !line.startsWith("Picked up "));
  return {
    "driver.java.version": /"([^"]+)"/.exec(first)?.[1] ?? "",
    "driver.java.runtime": runtime.trim(),
    "driver.java.vm": machine.trim(),
  };
}
