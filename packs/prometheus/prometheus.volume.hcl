# Where the samples stay: lares volume create prometheus.volume.hcl
type      = "host"
name      = "prometheus"
plugin_id = "mkdir"

capability {
  access_mode     = "single-node-writer"
  attachment_mode = "file-system"
}

# The image's user.
parameters {
  uid = "998"
  gid = "998"
}
