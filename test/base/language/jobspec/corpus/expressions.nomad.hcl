# Values: variables, locals, loops, functions, and what is left for the node.
variable "image" {
  type        = string
  default     = "nginx"
  description = "without its tag"
  validation {
    condition     = length(var.image) > 2
    error_message = "too short"
  }
}
variable "ports" {
  type    = map(object({ to = number, label = optional(string, "none") }))
  default = { http = { to = 80 }, https = { to = 443, label = "tls" } }
}
variable "token" {
  type      = string
  default   = "s3cret"
  sensitive = true
  nullable  = false
}
variables {
  replicas = 2
  zones    = ["a", "b", "a"]
}
locals {
  full  = "${var.image}:${local.tag}"
  tag   = "1.27"
  zones = distinct(var.zones)
}

job "values" {
  type = "system"
  meta = {
    zones    = join(",", [for index, zone in local.zones : "${index}-${upper(zone)}"])
    chosen   = var.replicas > 1 ? "many" : "one"
    nested   = jsonencode({ for name, port in var.ports : name => port.label })
    deferred = "${node.unique.name}/${attr.kernel.name}"
    literal  = "$${NOT_NOW} %%{ if }"
    loop     = "%{ for zone in local.zones }<${zone}>%{ endfor }"
    hash     = sha256(var.token)
    sum      = 1 + 2 * 3 - (4 / 2) % 5
    splat    = join(" ", values(var.ports)[*].label)
    missing  = try(var.ports.ftp.to, "none")
    can      = can(var.ports.ftp)
    date     = formatdate("YYYY-MM-DD", timeadd("2026-01-31T00:00:00Z", "24h"))
    net      = cidrsubnet("10.0.0.0/8", 8, 3)
  }
  group "g" {
    network {
      dynamic "port" {
        for_each = var.ports
        iterator = each
        labels   = [each.key]
        content {
          to = each.value.to
        }
      }
    }
    dynamic "task" {
      for_each = local.zones
      labels   = ["t-${task.value}"]
      content {
        driver = "docker"
        config {
          image = local.full
          args  = ["-zone", task.value, "${NOMAD_ALLOC_INDEX}"]
        }
        env {
          HEREDOC = <<EOF
  two spaces, ${task.key}
EOF
        }
      }
    }
  }
}
