# What the tasks of the ingress start has its libraries, and nobody else starts it.
checks "ingress" {
  file "/usr/sbin/haproxy" {
    mode = "0755"
  }
  file "/usr/sbin/keepalived" {
    mode = "0755"
  }
  command "haproxy -v" {
    prints = "HAProxy version"
  }
  command "keepalived --version" {}
}
