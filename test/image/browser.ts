import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";

const START_MS = 120_000;
const ANSWER_MS = 60_000;
const PageSchema = v.array(v.object({ type: v.string(), webSocketDebuggerUrl: v.string() }));
const ReplySchema = v.object({
  id: v.optional(v.number()),
  result: v.optional(
    v.object({
      result: v.optional(v.object({ value: v.optional(v.unknown()) })),
      exceptionDetails: v.optional(v.unknown()),
    }),
  ),
});

/** A window of Chromium without a screen, by its own protocol (https://chromedevtools.github.io/devtools-protocol/). */
export class Browser {
  readonly #chromium: ChildProcess;
  readonly #profile: string;
  readonly #socket: WebSocket;
  #orders = 0;

  private constructor(chromium: ChildProcess, { profile, socket }: { profile: string; socket: WebSocket }) {
    this.#chromium = chromium;
    this.#profile = profile;
    this.#socket = socket;
  }

  static async open(url: string): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), "lares-browser-"));
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    const chromium = spawn("chromium", [...flags, "--remote-debugging-port=0", `--user-data-dir=${profile}`, url], {
      stdio: "ignore",
    });
    try {
      const deadline = performance.now() + START_MS;
      const told = join(profile, "DevToolsActivePort");
      for (;;) {
        if (performance.now() > deadline || chromium.exitCode !== null) throw new Error("chromium did not start");
        const [port = ""] = existsSync(told) ? readFileSync(told, "utf8").split("\n") : [];
        const page = port === "" ? undefined : await pageOf(port);
        if (page !== undefined) return new Browser(chromium, { profile, socket: await connected(page) });
        await wait(200);
      }
    } catch (error) {
      chromium.kill("SIGKILL");
      rmSync(profile, { recursive: true, force: true });
      throw error;
    }
  }

  /** What an expression is worth on the page. */
  async ask(expression: string): Promise<unknown> {
    const id = ++this.#orders;
    const reply = new Promise<v.InferOutput<typeof ReplySchema>>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the browser does not answer: ${expression}`)), ANSWER_MS);
      const hear = ({ data }: MessageEvent): void => {
        const message = v.parse(ReplySchema, JSON.parse(String(data)));
        if (message.id !== id) return;
        clearTimeout(timer);
        this.#socket.removeEventListener("message", hear);
        resolve(message);
      };
      this.#socket.addEventListener("message", hear);
    });
    const params = { expression, returnByValue: true, awaitPromise: true };
    this.#socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params }));
    const { result } = await reply;
    if (result?.exceptionDetails !== undefined)
      throw new Error(`${expression}: ${JSON.stringify(result.exceptionDetails)}`);
    return result?.result?.value;
  }

  /** Everything a person would read; nothing while a page is loaded. */
  async text(): Promise<string> {
    return String(await this.ask('document.body?.innerText ?? ""'));
  }

  /** Types into a field, as a person does who sees it, and sends its form. */
  async submit(field: string, text: string): Promise<void> {
    const visible = `document.querySelector(${JSON.stringify(field)})?.checkVisibility() === true`;
    if ((await this.ask(visible)) !== true) throw new Error(`${field} is not to be seen`);
    await this.ask(
      `(() => { const f = document.querySelector(${JSON.stringify(field)}); f.value = ${JSON.stringify(text)}; f.form.querySelector("button").click(); })()`,
    );
  }

  async close(): Promise<void> {
    this.#socket.close();
    if (this.#chromium.exitCode === null && this.#chromium.signalCode === null) {
      const gone = once(this.#chromium, "exit");
      this.#chromium.kill("SIGTERM");
      await gone;
    }
    // Its children let go of the folder a moment later.
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}

async function pageOf(port: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`, { signal: AbortSignal.timeout(5000) });
    const pages = v.parse(PageSchema, await answer.json());
    return pages.find(({ type }) => type === "page")?.webSocketDebuggerUrl;
  } catch {
    return undefined;
  }
}

async function connected(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`cannot speak to the browser at ${url}`)));
  });
  return socket;
}
