// Drives an agent through HashiCorp's own Go client and through Prometheus's service discovery.
// Every check prints one line: "ok NAME" or "FAIL NAME: why".
package main

import (
	"fmt"
	"os"
)

type check struct {
	name string
	run  func() error
}

func main() {
	failed := false
	groups := []func() []check{jobChecks, allocChecks, clusterChecks, discoveryChecks}
	if len(os.Args) > 1 && os.Args[1] == "acl" {
		groups = []func() []check{accessChecks}
	}
	for _, group := range groups {
		for _, c := range group() {
			if err := c.run(); err != nil {
				failed = true
				fmt.Printf("FAIL %s: %v\n", c.name, err)
			} else {
				fmt.Printf("ok %s\n", c.name)
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

func want(ok bool, format string, values ...interface{}) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, values...)
}
