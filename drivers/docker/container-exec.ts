import * as v from "valibot";
import { fail, succeed } from "#base/env/errors.ts";
import type { Result } from "#base/env/errors.ts";
import type { Exit } from "#base/env/exec.ts";
import type { ExecRequest, ExecSession } from "../driver.ts";
import type { Engine } from "./engine.ts";
import { createFrameReader } from "./frames.ts";

const CreatedSchema = v.object({ Id: v.string() });
const EndedSchema = v.object({ ExitCode: v.nullish(v.number(), 0) });

/** A command in a running container, over the raw stream the engine switches to. */
export async function execInContainer(
  engine: Engine,
  containerId: string,
  request: ExecRequest,
): Promise<Result<ExecSession>> {
  const body = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: request.tty, Cmd: request.command };
  const made = await engine.call({ method: "POST", path: `/containers/${containerId}/exec`, body });
  const created = v.safeParse(CreatedSchema, made.value);
  if (!made.ok || !created.success)
    return fail("EXEC", `cannot run ${JSON.stringify(request.command[0])}: ${made.message}`);
  const id = created.output.Id;
  const answer = await engine.upgrade({
    method: "POST",
    path: `/exec/${id}/start`,
    body: { Detach: false, Tty: request.tty },
  });
  if (answer.kind === "response") {
    answer.response.abandon();
    return fail("EXEC", `the engine did not open a stream: HTTP ${answer.response.status}`);
  }
  const { stream } = answer;
  const frames = createFrameReader();
  stream.onData(async (data) => {
    if (request.tty) await request.onOutput("stdout", data);
    else for (const frame of frames(data)) await request.onOutput(frame.stream, frame.data);
  });
  const exited = new Promise<Exit>((resolve) => {
    stream.onClose(() => void exitOfExec(engine, id).then(resolve));
  });
  request.signal.addEventListener("abort", () => stream.destroy(), { once: true });
  return succeed({
    write: (data) => stream.write(data).catch(() => {}),
    endInput: () => stream.end(),
    resize: ({ height, width }) =>
      void engine.call({ method: "POST", path: `/exec/${id}/resize?h=${height}&w=${width}` }).catch(() => {}),
    exited,
  });
}

async function exitOfExec(engine: Engine, id: string): Promise<Exit> {
  try {
    const ended = v.safeParse(EndedSchema, (await engine.call({ path: `/exec/${id}/json` })).value);
    return { code: ended.success ? ended.output.ExitCode : 1, signal: 0 };
  } catch {
    return { code: 1, signal: 0 };
  }
}
