# What a machine with a cable in it has besides. A machine without a network is no worse for an update.
checks "network" {
  interface "e*" {
    address = true
  }
  command "ip -4 route show default" {
    prints = "^default via "
  }
  port "tcp:4646" {}
  port "tcp:8500" {}
  service "lares-network.service" {
    running = true
  }
  service "lares-time.service" {
    running = true
  }
}
