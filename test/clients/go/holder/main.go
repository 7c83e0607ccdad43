// Takes a lock again and again, and while it has it acts on a resource with the lock's fencing token.
// CONSUL_HTTP_ADDR is its agent; arguments: the resource's URL, its own name, the check its sessions depend on.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/hashicorp/consul/api"
)

const key = "locks/resource"

func main() {
	c, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		panic(err)
	}
	for {
		if err := turn(c, os.Args[1], os.Args[2], os.Args[3]); err != nil {
			fmt.Println(err)
		}
		// The client sleeps 5 s where it finds a lock free that it just could not get: leave it free long enough.
		time.Sleep(50 * time.Millisecond)
	}
}

func turn(c *api.Client, resource, name, check string) error {
	session, _, err := c.Session().Create(&api.SessionEntry{Name: name, NodeChecks: []string{check}, LockDelay: time.Millisecond}, nil)
	if err != nil {
		return err
	}
	defer c.Session().Destroy(session, nil)
	lock, err := c.LockOpts(&api.LockOptions{Key: key, Session: session, LockWaitTime: time.Second, MonitorRetries: 0})
	if err != nil {
		return err
	}
	lost, err := lock.Lock(nil)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	pair, _, err := c.KV().Get(key, &api.QueryOptions{RequireConsistent: true})
	if err != nil {
		return err
	}
	if pair == nil || pair.Session != session {
		return fmt.Errorf("lost before the token was read")
	}
	token := fmt.Sprintf("name=%s&session=%s&token=%d&at=%d", name, session, pair.LockIndex, pair.ModifyIndex)
	for i := 0; i < 3; i++ {
		select {
		case <-lost:
			return fmt.Errorf("lost")
		default:
		}
		// Whoever is stopped within the first finds out only after the second.
		for _, step := range []string{"first", "second"} {
			answer, err := http.Post(resource+"/?"+token+"&step="+step, "text/plain", nil)
			if err != nil {
				return err
			}
			answer.Body.Close()
		}
	}
	return nil
}
