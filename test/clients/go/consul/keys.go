package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/consul/api"
)

func keyChecks(c *api.Client) []check {
	kv := c.KV()
	return []check{
		{"kv put, get, flags, delete", func() error {
			value := []byte{0, 255, 10, 65}
			if _, err := kv.Put(&api.KVPair{Key: "go/a b/ü", Value: value, Flags: math.MaxUint64}, nil); err != nil {
				return err
			}
			pair, meta, err := kv.Get("go/a b/ü", nil)
			if err != nil || pair == nil {
				return fmt.Errorf("read %v: %v", pair, err)
			}
			if !bytes.Equal(pair.Value, value) || pair.Flags != math.MaxUint64 || meta.LastIndex != pair.ModifyIndex || !meta.KnownLeader {
				return fmt.Errorf("read %+v with %+v", pair, meta)
			}
			if _, err = kv.Delete("go/a b/ü", nil); err != nil {
				return err
			}
			pair, _, err = kv.Get("go/a b/ü", nil)
			return want(pair == nil && err == nil, "after deletion: %v: %v", pair, err)
		}},
		{"kv check-and-set", func() error {
			made, _, err := kv.CAS(&api.KVPair{Key: "go/cas", Value: []byte("1")}, nil)
			if err != nil || !made {
				return fmt.Errorf("made %v: %v", made, err)
			}
			again, _, err := kv.CAS(&api.KVPair{Key: "go/cas", Value: []byte("2")}, nil)
			if err != nil || again {
				return fmt.Errorf("made twice: %v", err)
			}
			pair, _, err := kv.Get("go/cas", nil)
			if err != nil {
				return err
			}
			pair.Value = []byte("3")
			if ok, _, err := kv.CAS(pair, nil); err != nil || !ok {
				return fmt.Errorf("changed %v: %v", ok, err)
			}
			if ok, _, err := kv.DeleteCAS(pair, nil); err != nil || ok {
				return fmt.Errorf("an old index deleted: %v", err)
			}
			pair, _, err = kv.Get("go/cas", nil)
			if err != nil {
				return err
			}
			ok, _, err := kv.DeleteCAS(pair, nil)
			return want(ok && err == nil, "deleted %v: %v", ok, err)
		}},
		{"kv keys and trees", func() error {
			for _, key := range []string{"tree/a", "tree/b/c", "tree/b/d"} {
				if _, err := kv.Put(&api.KVPair{Key: key, Value: []byte(key)}, nil); err != nil {
					return err
				}
			}
			keys, _, err := kv.Keys("tree/", "/", nil)
			if err != nil || len(keys) != 2 || keys[1] != "tree/b/" {
				return fmt.Errorf("keys %v: %v", keys, err)
			}
			pairs, meta, err := kv.List("tree/b", nil)
			if err != nil || len(pairs) != 2 || string(pairs[1].Value) != "tree/b/d" {
				return fmt.Errorf("pairs %v: %v", pairs, err)
			}
			if _, err = kv.DeleteTree("tree/", nil); err != nil {
				return err
			}
			none, after, err := kv.List("tree/b", nil)
			return want(len(none) == 0 && err == nil && after.LastIndex > meta.LastIndex, "%v at %d: %v", none, after.LastIndex, err)
		}},
		{"kv blocking", func() error { return blocking(c) }},
		{"kv refusals", func() error {
			_, err := kv.Put(&api.KVPair{Key: "/slash"}, nil)
			if err == nil {
				return errors.New("a key that starts with a slash was taken")
			}
			_, err = kv.Put(&api.KVPair{Key: "go/large", Value: make([]byte, 512*1024+1)}, nil)
			var status api.StatusError
			return want(errors.As(err, &status) && status.Code == 413, "a value too large gave %v", err)
		}},
		{"transactions", func() error { return transactions(c) }},
	}
}

func blocking(c *api.Client) error {
	kv := c.KV()
	_, meta, err := kv.Get("go/wait", nil)
	if err != nil {
		return err
	}
	// Nothing happens: the same index comes back when the time is over.
	_, same, err := kv.Get("go/wait", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 50 * time.Millisecond})
	if err != nil || same.LastIndex != meta.LastIndex {
		return fmt.Errorf("the index went from %d to %d: %v", meta.LastIndex, same.LastIndex, err)
	}
	type answer struct {
		pair *api.KVPair
		meta *api.QueryMeta
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		pair, meta, err := kv.Get("go/wait", &api.QueryOptions{WaitIndex: meta.LastIndex, WaitTime: 30 * time.Second})
		answers <- answer{pair, meta, err}
	}()
	if _, err = kv.Put(&api.KVPair{Key: "go/wait", Value: []byte("now")}, nil); err != nil {
		return err
	}
	got := <-answers
	if got.err != nil || got.pair == nil || got.meta.LastIndex <= meta.LastIndex {
		return fmt.Errorf("woke with %v %v: %v", got.pair, got.meta, got.err)
	}
	_, err = kv.Delete("go/wait", nil)
	return err
}

func transactions(c *api.Client) error {
	ok, answer, _, err := c.KV().Txn(api.KVTxnOps{
		{Verb: api.KVSet, Key: "txn/a", Value: []byte("1"), Flags: math.MaxUint64},
		{Verb: api.KVCheckNotExists, Key: "txn/b"},
		{Verb: api.KVGetTree, Key: "txn/"},
	}, nil)
	if err != nil || !ok || len(answer.Results) != 2 || answer.Results[1].Flags != math.MaxUint64 {
		return fmt.Errorf("%v %+v: %v", ok, answer, err)
	}
	ok, answer, _, err = c.KV().Txn(api.KVTxnOps{
		{Verb: api.KVSet, Key: "txn/a", Value: []byte("2")},
		{Verb: api.KVCheckIndex, Key: "txn/a", Index: 1},
	}, nil)
	if err != nil || ok || len(answer.Errors) != 1 || answer.Errors[0].OpIndex != 1 {
		return fmt.Errorf("a transaction that has to fail: %v %+v: %v", ok, answer, err)
	}
	done, results, _, err := c.Txn().Txn(api.TxnOps{
		{Node: &api.NodeTxnOp{Verb: api.NodeSet, Node: api.Node{Node: "txn-node", Address: "192.0.2.7"}}},
		{Service: &api.ServiceTxnOp{Verb: api.ServiceSet, Node: "txn-node", Service: api.AgentService{ID: "s1", Service: "txn-service", Port: 80}}},
		{Check: &api.CheckTxnOp{Verb: api.CheckSet, Check: api.HealthCheck{Node: "txn-node", CheckID: "c1", Name: "c", Status: "passing", ServiceID: "s1"}}},
		{KV: &api.KVTxnOp{Verb: api.KVDelete, Key: "txn/a"}},
	}, nil)
	if err != nil || !done || len(results.Results) != 3 {
		return fmt.Errorf("%v %+v: %v", done, results, err)
	}
	entries, _, err := c.Health().Service("txn-service", "", true, nil)
	if err != nil || len(entries) != 1 || entries[0].Node.Address != "192.0.2.7" {
		return fmt.Errorf("found %v: %v", entries, err)
	}
	done, results, _, err = c.Txn().Txn(api.TxnOps{
		{Node: &api.NodeTxnOp{Verb: api.NodeDelete, Node: api.Node{Node: "txn-node"}}},
	}, nil)
	return want(err == nil && done, "%v %+v: %v", done, results, err)
}
