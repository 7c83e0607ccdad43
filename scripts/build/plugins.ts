import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";
import { laresVersion, root } from "./place.ts";
import { sourceRevision } from "./revision.ts";

/** Of package.json only the version travels, and with it the commit that was built. */
export const bundledVersion: Plugin = {
  name: "version",
  setup(build) {
    build.onLoad({ filter: /\/package\.json$/ }, ({ path }) =>
      path === `${root}/package.json`
        ? { contents: JSON.stringify({ version: laresVersion, revision: sourceRevision(root) }), loader: "json" }
        : { contents: readFileSync(path), loader: "json" },
    );
  },
};

/** serialport looks for its prebuilt binding in folders that a bundle does not have; ours comes from the embedded files. */
export const bundledAddons: Plugin = {
  name: "addons",
  setup(build) {
    build.onResolve({ filter: /^node-gyp-build$/ }, () => ({ path: "serialport", namespace: "addon" }));
    build.onLoad({ filter: /.*/, namespace: "addon" }, ({ path }) => ({
      contents: `
        import { loadNativeAddon } from "./base/platform/embedded/native-addon.ts";
        export default () => loadNativeAddon(${JSON.stringify(path)});`,
      resolveDir: root,
      loader: "ts",
    }));
  },
};

/** Regular expressions of packages with characters beyond ASCII, which esbuild leaves as they are; in all their code an escape means the same. */
export const asciiPackages: Plugin = {
  name: "ascii",
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/systeminformation\/.*\.js$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll(
        /[\u0080-\uffff]/g,
        (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`,
      ),
      loader: "js",
    }));
  },
};
