# Where database, uploads, themes and keys stay: lares volume create wordpress.volume.hcl
type      = "host"
name      = "wordpress"
plugin_id = "mkdir"

capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}
