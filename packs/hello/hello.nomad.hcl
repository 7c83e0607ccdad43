# Two copies of a small web site, reached through the ingress under /hello.
job "hello" {
  group "web" {
    count = 2

    network {
      port "http" { to = 8080 }
    }

    task "httpd" {
      driver = "docker"

      config {
        image = "lares-hello:1"
        ports = ["http"]
      }

      resources {
        cpu    = 50
        memory = 32
      }

      service {
        name = "hello"
        port = "http"
        tags = ["urlprefix-/hello"]

        check {
          type     = "http"
          path     = "/hello/"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
