# Where the measurements stay: lares volume create smokeping.volume.hcl
type      = "host"
name      = "smokeping"
plugin_id = "mkdir"

capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}
