package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

func lockChecks(c *api.Client) []check {
	return []check{
		{"sessions", func() error { return sessions(c) }},
		{"lock", func() error { return lock(c) }},
		{"lock lost with its session", func() error {
			held, err := c.LockOpts(&api.LockOptions{Key: "locks/lost", SessionTTL: "10s", LockDelay: time.Millisecond})
			if err != nil {
				return err
			}
			lost, err := held.Lock(nil)
			if err != nil {
				return err
			}
			pair, _, err := c.KV().Get("locks/lost", nil)
			if err != nil {
				return err
			}
			if _, err = c.Session().Destroy(pair.Session, nil); err != nil {
				return err
			}
			select {
			case <-lost:
				return nil
			case <-time.After(30 * time.Second):
				return errors.New("the holder was not told")
			}
		}},
		{"lock over another's key", func() error {
			if _, err := c.KV().Put(&api.KVPair{Key: "locks/other", Flags: 7}, nil); err != nil {
				return err
			}
			made, err := c.LockKey("locks/other")
			if err != nil {
				return err
			}
			_, err = made.Lock(nil)
			return want(err == api.ErrLockConflict, "said %v", err)
		}},
		{"semaphore", func() error { return semaphore(c) }},
	}
}

func sessions(c *api.Client) error {
	id, _, err := c.Session().Create(&api.SessionEntry{Name: "mine", TTL: "10s", Behavior: api.SessionBehaviorDelete, LockDelay: time.Second}, nil)
	if err != nil {
		return err
	}
	entry, _, err := c.Session().Info(id, nil)
	if err != nil || entry == nil || entry.Name != "mine" || entry.TTL != "10s" || entry.LockDelay != time.Second {
		return fmt.Errorf("read %+v: %v", entry, err)
	}
	if renewed, _, err := c.Session().Renew(id, nil); err != nil || renewed == nil || renewed.ID != id {
		return fmt.Errorf("renewed %+v: %v", renewed, err)
	}
	listed, _, err := c.Session().List(nil)
	if err != nil || len(listed) != 1 {
		return fmt.Errorf("listed %v: %v", listed, err)
	}
	if of, _, err := c.Session().Node(entry.Node, nil); err != nil || len(of) != 1 {
		return fmt.Errorf("of its node: %v: %v", of, err)
	}
	pair := &api.KVPair{Key: "locks/raw", Value: []byte("x"), Session: id}
	if ok, _, err := c.KV().Acquire(pair, nil); err != nil || !ok {
		return fmt.Errorf("acquired %v: %v", ok, err)
	}
	got, _, err := c.KV().Get("locks/raw", nil)
	if err != nil || got.Session != id || got.LockIndex != 1 {
		return fmt.Errorf("read %+v: %v", got, err)
	}
	if ok, _, err := c.KV().Release(pair, nil); err != nil || !ok {
		return fmt.Errorf("released %v: %v", ok, err)
	}
	if _, _, err = c.KV().Acquire(pair, nil); err != nil {
		return err
	}
	if _, err = c.Session().Destroy(id, nil); err != nil {
		return err
	}
	// Its behaviour is to delete what it holds.
	if got, _, err = c.KV().Get("locks/raw", nil); got != nil || err != nil {
		return fmt.Errorf("its key stayed: %+v: %v", got, err)
	}
	gone, _, err := c.Session().Renew(id, nil)
	if gone != nil || err != nil {
		return fmt.Errorf("renewed when gone: %+v: %v", gone, err)
	}
	pair.Session = "not-a-session"
	_, _, err = c.KV().Acquire(pair, nil)
	if err == nil {
		return errors.New("a session that is none acquired")
	}
	id, _, err = c.Session().CreateNoChecks(nil, nil)
	if err != nil {
		return err
	}
	if entry, _, err = c.Session().Info(id, nil); err != nil || len(entry.NodeChecks) != 0 {
		return fmt.Errorf("without checks: %+v: %v", entry, err)
	}
	_, err = c.Session().Destroy(id, nil)
	return err
}

func lock(c *api.Client) error {
	one, err := c.LockOpts(&api.LockOptions{Key: "locks/one", Value: []byte("first"), SessionTTL: "10s"})
	if err != nil {
		return err
	}
	two, err := c.LockOpts(&api.LockOptions{Key: "locks/one", Value: []byte("second"), SessionTTL: "10s"})
	if err != nil {
		return err
	}
	lost, err := one.Lock(nil)
	if err != nil || lost == nil {
		return fmt.Errorf("not held: %v", err)
	}
	try, err := c.LockOpts(&api.LockOptions{Key: "locks/one", SessionTTL: "10s", LockTryOnce: true, LockWaitTime: 50 * time.Millisecond})
	if err != nil {
		return err
	}
	if held, err := try.Lock(nil); held != nil || err != nil {
		return fmt.Errorf("held twice: %v", err)
	}
	second := make(chan error, 1)
	go func() {
		held, err := two.Lock(nil)
		if err == nil && held == nil {
			err = errors.New("not held")
		}
		second <- err
	}()
	if err = one.Destroy(); err != api.ErrLockHeld {
		return fmt.Errorf("a held lock was destroyed: %v", err)
	}
	if err = one.Unlock(); err != nil {
		return err
	}
	if err = <-second; err != nil {
		return err
	}
	if err = one.Destroy(); err != api.ErrLockInUse {
		return fmt.Errorf("destroyed while another holds it: %v", err)
	}
	return first(two.Unlock(), two.Destroy())
}

func semaphore(c *api.Client) error {
	made := func(wait time.Duration) *api.Semaphore {
		s, err := c.SemaphoreOpts(&api.SemaphoreOptions{Prefix: "locks/two", Limit: 2, SessionTTL: "10s", SemaphoreTryOnce: wait > 0, SemaphoreWaitTime: wait})
		if err != nil {
			panic(err)
		}
		return s
	}
	one, two, three := made(0), made(0), made(50*time.Millisecond)
	for _, each := range []*api.Semaphore{one, two} {
		if held, err := each.Acquire(nil); err != nil || held == nil {
			return fmt.Errorf("not held: %v", err)
		}
	}
	if held, err := three.Acquire(nil); held != nil || err != nil {
		return fmt.Errorf("a third holds it: %v", err)
	}
	if err := one.Release(); err != nil {
		return err
	}
	if held, err := made(0).Acquire(nil); held == nil || err != nil {
		return fmt.Errorf("not held after a release: %v", err)
	}
	if err := two.Destroy(); err != api.ErrSemaphoreHeld {
		return fmt.Errorf("destroyed while held: %v", err)
	}
	return two.Release()
}
