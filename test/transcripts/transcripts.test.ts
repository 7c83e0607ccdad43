import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import { ScriptedCluster } from "./cluster.ts";
import { perform } from "./commands.ts";
import { changes, Labels, picture } from "./render.ts";

/** `TRANSCRIPTS=write` takes what happens for what is right: then the diff is what to review. */
const WRITES = process.env["TRANSCRIPTS"] === "write";
const FOLDER = new URL("./histories/", import.meta.url);

for (const file of readdirSync(FOLDER).toSorted()) {
  const url = new URL(file, FOLDER);
  const stories = readFileSync(url, "utf8").split(/^(?=# )/m);
  const played: string[] = [];
  for (const story of stories) {
    const title = /^# (.*)/.exec(story)?.[1] ?? "";
    test.serial(`${file.replace(".txt", "")} › ${title}`, async (t) => {
      const now = await play(story);
      played.push(now);
      if (!WRITES) t.is(now, story);
      t.pass();
    });
  }
  test.after(() => {
    if (WRITES && played.length === stories.length) writeFileSync(url, played.join(""));
  });
}

/** The story as it goes: comments and commands as they are, after each command what it changed. */
async function play(story: string): Promise<string> {
  const cluster = new ScriptedCluster();
  const labels = new Labels();
  await cluster.start();
  const seen = (): Map<string, string> => picture(cluster.server, labels, Math.round(cluster.env.clock.nowMs() * 1e6));
  let before = seen();
  const lines: string[] = [];
  for (const line of story.split("\n")) {
    if (!line.startsWith("> ")) {
      if (line.startsWith("#") || line.startsWith("//")) lines.push(line);
      continue;
    }
    const refused = await perform(cluster, labels, line.slice(2));
    const after = seen();
    lines.push(line, ...(refused === undefined ? [] : [`  ${refused}`]), ...changes(before, after));
    before = after;
  }
  cluster.server.stop();
  return `${lines.join("\n")}\n\n`;
}
