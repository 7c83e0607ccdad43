job "redis-cache" {
  group "cache" {
    count = 2
    network {
      port "db" { static = 6379 }
    }
    task "redis" {
      driver = "docker"
      config {
        image = "redis:latest"
        ports = ["db"]
      }
      service {
        name = "fun-redis"
        port = "db"
        check {
          type     = "tcp"
          interval = "10s"
          timeout  = "2s"
        }
      }
    }
  }
}
