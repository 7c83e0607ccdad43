package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/consul/api"
)

func queryChecks(c *api.Client) []check {
	queries := c.PreparedQuery()
	return []check{{"prepared queries", func() error {
		definition := &api.PreparedQueryDefinition{
			Name:    "find-web",
			Service: api.ServiceQuery{Service: "web", OnlyPassing: true, Tags: []string{"blue", "!green"}},
			DNS:     api.QueryDNSOptions{TTL: "10s"},
		}
		id, _, err := queries.Create(definition, nil)
		if err != nil {
			return err
		}
		read, _, err := queries.Get(id, nil)
		if err != nil || len(read) != 1 || read[0].Name != "find-web" || read[0].DNS.TTL != "10s" {
			return fmt.Errorf("read %+v: %v", read, err)
		}
		answer, _, err := queries.Execute("find-web", nil)
		if err != nil || answer.Service != "web" || len(answer.Nodes) != 1 || answer.Datacenter != "dc1" {
			return fmt.Errorf("found %+v: %v", answer, err)
		}
		definition.ID = id
		definition.Service.Tags = []string{"green"}
		if _, err = queries.Update(definition, nil); err != nil {
			return err
		}
		if answer, _, err = queries.Execute(id, nil); err != nil || len(answer.Nodes) != 0 {
			return fmt.Errorf("found %+v: %v", answer, err)
		}
		if all, _, err := queries.List(nil); err != nil || len(all) != 1 {
			return fmt.Errorf("listed %v: %v", all, err)
		}
		if _, err = queries.Delete(id, nil); err != nil {
			return err
		}
		_, _, err = queries.Execute(id, nil)
		var status api.StatusError
		return want(errors.As(err, &status) && status.Code == 404, "after deletion: %v", err)
	}}}
}

func clusterChecks(c *api.Client) []check {
	return []check{
		{"status", func() error {
			leader, err := c.Status().Leader()
			if err != nil {
				return err
			}
			peers, err := c.Status().Peers()
			return want(err == nil && leader != "" && len(peers) == 1, "%s of %v: %v", leader, peers, err)
		}},
		{"coordinates", func() error {
			if _, _, err := c.Coordinate().Nodes(nil); err != nil {
				return err
			}
			_, err := c.Coordinate().Datacenters()
			return err
		}},
		{"events", func() error {
			id, _, err := c.Event().Fire(&api.UserEvent{Name: "deploy", Payload: []byte("v2")}, nil)
			if err != nil || id == "" {
				return fmt.Errorf("fired %q: %v", id, err)
			}
			return until("the event is listed", func() (bool, error) {
				all, meta, err := c.Event().List("deploy", nil)
				if err != nil || len(all) == 0 {
					return false, err
				}
				last := all[len(all)-1]
				return last.ID == id && string(last.Payload) == "v2" && meta.LastIndex == c.Event().IDToIndex(id), nil
			})
		}},
		{"another datacenter", func() error {
			_, _, err := c.KV().Get("a", &api.QueryOptions{Datacenter: "elsewhere"})
			return want(err != nil, "a key of a datacenter that is not there was read")
		}},
		{"operator", func() error { return operator(c.Operator()) }},
		{"snapshot", func() error {
			pair := &api.KVPair{Key: "snap/kept", Value: []byte("yes")}
			if _, err := c.KV().Put(pair, nil); err != nil {
				return err
			}
			saved, _, err := c.Snapshot().Save(nil)
			if err != nil {
				return err
			}
			whole, err := io.ReadAll(saved)
			if err = first(err, saved.Close()); err != nil {
				return err
			}
			if _, err = c.KV().Delete("snap/kept", nil); err != nil {
				return err
			}
			if err = c.Snapshot().Restore(nil, bytes.NewReader(whole)); err != nil {
				return err
			}
			return until("the key is back", func() (bool, error) {
				back, _, err := c.KV().Get("snap/kept", nil)
				return back != nil, err
			})
		}},
	}
}

func operator(o *api.Operator) error {
	raft, err := o.RaftGetConfiguration(nil)
	if err != nil || len(raft.Servers) != 1 || !raft.Servers[0].Leader {
		return fmt.Errorf("raft %+v: %v", raft, err)
	}
	pilot, err := o.AutopilotGetConfiguration(nil)
	if err != nil || pilot.MaxTrailingLogs != 250 || !pilot.CleanupDeadServers {
		return fmt.Errorf("autopilot %+v: %v", pilot, err)
	}
	pilot.MaxTrailingLogs = 300
	if ok, err := o.AutopilotCASConfiguration(pilot, nil); err != nil || !ok {
		return fmt.Errorf("set %v: %v", ok, err)
	}
	if ok, err := o.AutopilotCASConfiguration(pilot, nil); err != nil || ok {
		return fmt.Errorf("an old index was taken: %v", err)
	}
	if health, err := o.AutopilotServerHealth(nil); err != nil || !health.Healthy || !health.Servers[0].Voter {
		return fmt.Errorf("health %+v: %v", health, err)
	}
	state, err := o.AutopilotState(nil)
	if err != nil || state.Leader != raft.Servers[0].ID || state.Servers[state.Leader].Status != api.AutopilotServerLeader {
		return fmt.Errorf("state %+v: %v", state, err)
	}
	usage, _, err := o.Usage(nil)
	return want(err == nil && usage.Usage["dc1"].Services > 1, "usage %+v: %v", usage, err)
}
