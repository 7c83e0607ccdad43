import * as v from "valibot";
import { text } from "#base/protocol/schema.ts";
import { spaced } from "#daemons/cluster/admission-code.ts";
import { valueOf } from "../api/answer.ts";
import { withNomad } from "../api/session.ts";
import { UsageError, type Invocation } from "../command/command.ts";
import { columns } from "../print/columns.ts";
import { show } from "../print/show.ts";

const AdmissionSchema = v.looseObject({
  NodeID: text,
  Name: text,
  Role: text,
  Address: text,
  Code: text,
  State: text,
  Created: text,
});
const LIST = "/v1/cluster/admissions";

/** Without a code: who asks. The code is taken from the node's own screen, so that it is that node which is let in. */
export const approve = withNomad(async (session) => {
  const { nomad, flags, output } = session;
  const code = codeOf(session);
  if (code === undefined) {
    const all = valueOf(await nomad.call({ path: LIST, schema: v.array(AdmissionSchema) }));
    return show(session, all, () =>
      columns(
        ["Code", "Name", "Role", "Address", "State", "Since"],
        all.map(({ Code, Name, Role, Address, State, Created }) => [spaced(Code), Name, Role, Address, State, Created]),
      ),
    );
  }
  const role = flags.value("role");
  if (role !== undefined && role !== "server" && role !== "client")
    throw new UsageError("-role takes server or client");
  const body = { Approve: true, ...(role === undefined ? {} : { Role: role }) };
  const path = `/v1/cluster/admission/${code}`;
  const decided = valueOf(await nomad.call({ method: "PUT", path, body, schema: AdmissionSchema }));
  if (flags.on("json")) return show(session, decided, () => []);
  output.line(`${decided.Name} (${decided.Address}) is let in as a ${decided.Role}.`);
  return 0;
});

export const refuse = withNomad(async (session) => {
  const { nomad, output } = session;
  const code = codeOf(session);
  if (code === undefined) throw new UsageError("give the code on the node's screen");
  const path = `/v1/cluster/admission/${code}`;
  const body = { Approve: false };
  const decided = valueOf(await nomad.call({ method: "PUT", path, body, schema: AdmissionSchema }));
  output.line(`${decided.Name} (${decided.Address}) is not let in.`);
  return 0;
});

/** In one word or two. */
function codeOf({ operands }: Pick<Invocation, "operands">): string | undefined {
  if (operands.length === 0) return undefined;
  const code = operands.join("").replaceAll(/\s/g, "");
  if (/^\d{6}$/.test(code)) return code;
  throw new UsageError('a code has six digits, as in "123 456"');
}
