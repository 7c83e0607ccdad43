import { flag, number, text, textMap } from "#base/language/hcl/decode/readers.ts";
import { freeBlock, nestedBlock, to, type BlockTable, type Reader } from "#base/language/hcl/decode/table.ts";
import { parseSize } from "#base/language/size.ts";

/** Bytes, or text with a unit. */
const size: Reader = (value) => {
  if (typeof value !== "string") return number(value);
  const read = parseSize(value);
  return read.ok ? { value: read.value } : { message: read.error.message, hint: read.error.hint };
};

const capability: BlockTable = {
  name: "capability",
  attributes: { access_mode: to("AccessMode", text), attachment_mode: to("AttachmentMode", text) },
  blocks: {},
};

const constraint: BlockTable = {
  name: "constraint",
  attributes: { attribute: to("LTarget", text), operator: to("Operand", text), value: to("RTarget", text) },
  blocks: {},
};

/** https://developer.hashicorp.com/nomad/docs/other-specifications/volume/host */
export const volumeFile: BlockTable = {
  name: "a volume",
  attributes: {
    id: to("ID", text),
    name: to("Name", text),
    type: to("Type", text),
    namespace: to("Namespace", text),
    plugin_id: to("PluginID", text),
    node_id: to("NodeID", text),
    node_pool: to("NodePool", text),
    host_path: to("HostPath", text),
    capacity: to("CapacityBytes", size),
    capacity_min: to("RequestedCapacityMinBytes", size),
    capacity_max: to("RequestedCapacityMaxBytes", size),
    read_only: to("ReadOnly", flag),
  },
  blocks: {
    capability: nestedBlock("RequestedCapabilities", capability, { many: "list" }),
    constraint: nestedBlock("Constraints", constraint, { many: "list" }),
    parameters: freeBlock("Parameters", textMap),
  },
};

/** What `volume init` writes. */
export const EXAMPLE_VOLUME = `# A host volume, made by a plugin of the node it is on:
#   lares volume create volume.hcl
type = "host"
name = "data"

# "mkdir" makes a folder. "nfs" and "smb" mount a share:
#   plugin_id = "nfs"
#   parameters {
#     server  = "nas.home"
#     path    = "/export/data"
#     options = "vers=4.2"
#   }
plugin_id = "mkdir"

# What a job's volume block may ask for. Others: single-node-single-writer, single-node-reader-only.
capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

# Where: any node that has the plugin, unless something here says more.
# node_pool = "default"
# constraint {
#   attribute = "\${attr.kernel.name}"
#   value     = "linux"
# }

# Who may write there. Tasks with driver = "exec" run as nobody (65534) where they name no user.
parameters {
  mode = "0755"
  # uid = "65534"
}
`;
