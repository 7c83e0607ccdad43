# Configuration of the Lares agent: one node by itself, reachable from this machine only.
# All files of this folder are read in the order of their names and merged.

data_dir  = "/var/lib/lares"
bind_addr = "127.0.0.1"

server {
  enabled          = true
  bootstrap_expect = 1
}

client {
  enabled = true
}
