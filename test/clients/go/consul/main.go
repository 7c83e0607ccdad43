// Drives an agent through HashiCorp's own Go client for Consul and its watches, and through Prometheus's discovery.
// Every check prints one line: "ok NAME" or "FAIL NAME: why".
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/consul/api"
)

type check struct {
	name string
	run  func() error
}

func main() {
	failed := false
	c := client()
	groups := []func(*api.Client) []check{keyChecks, lockChecks, agentChecks, catalogChecks, queryChecks, clusterChecks, watchChecks, prometheusChecks}
	if len(os.Args) > 1 && os.Args[1] == "acl" {
		groups = []func(*api.Client) []check{accessChecks}
	}
	for _, group := range groups {
		for _, each := range group(c) {
			if err := each.run(); err != nil {
				failed = true
				fmt.Printf("FAIL %s: %v\n", each.name, err)
			} else {
				fmt.Printf("ok %s\n", each.name)
			}
		}
	}
	if failed {
		os.Exit(1)
	}
}

// client finds its agent in CONSUL_HTTP_ADDR.
func client() *api.Client {
	c, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		panic(err)
	}
	return c
}

func want(ok bool, format string, values ...interface{}) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, values...)
}

// first is the first error of several.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// until waits for what has to come about, and for nothing longer.
func until(what string, holds func() (bool, error)) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		ok, err := holds()
		if ok && err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s did not come about: %v", what, err)
		}
		time.Sleep(30 * time.Millisecond)
	}
}
