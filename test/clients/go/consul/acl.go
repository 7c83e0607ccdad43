package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/consul/api"
)

const anonymousAccessor = "00000000-0000-0000-0000-000000000002"

// accessChecks bootstrap an agent that has access control; later ones use its management token.
func accessChecks(nobody *api.Client) []check {
	root := nobody
	var readers *api.ACLPolicy
	var limited *api.ACLToken
	as := func(secret string) *api.Client {
		config := api.DefaultConfig()
		config.Token = secret
		c, err := api.NewClient(config)
		if err != nil {
			panic(err)
		}
		return c
	}
	return []check{
		{"acl bootstrap", func() error {
			if _, _, err := nobody.KV().Get("app/a", nil); err == nil || !strings.Contains(err.Error(), "403") {
				return fmt.Errorf("nobody read a key: %v", err)
			}
			token, _, err := nobody.ACL().Bootstrap()
			if err != nil || token.SecretID == "" || len(token.Policies) != 1 || token.Policies[0].Name != "global-management" {
				return fmt.Errorf("made %+v: %v", token, err)
			}
			root = as(token.SecretID)
			if _, _, err = nobody.ACL().Bootstrap(); err == nil || !strings.Contains(err.Error(), "no longer allowed") {
				return fmt.Errorf("bootstrapped twice: %v", err)
			}
			self, _, err := root.ACL().TokenReadSelf(nil)
			return want(err == nil && self.AccessorID == token.AccessorID, "self %+v: %v", self, err)
		}},
		{"acl policies", func() error {
			rules := "key_prefix \"app/\" { policy = \"read\" }\nnode_prefix \"\" { policy = \"read\" }\nagent \"x\" { policy = \"read\" }\noperator = \"read\""
			made, _, err := root.ACL().PolicyCreate(&api.ACLPolicy{Name: "readers", Description: "reads", Rules: rules}, nil)
			if err != nil {
				return err
			}
			readers = made
			made.Description = "reads what apps know"
			if _, _, err = root.ACL().PolicyUpdate(made, nil); err != nil {
				return err
			}
			found, _, err := root.ACL().PolicyRead(made.ID, nil)
			if err != nil || found.Rules != rules || found.Description != "reads what apps know" {
				return fmt.Errorf("read %+v: %v", found, err)
			}
			if found, _, err = root.ACL().PolicyReadByName("readers", nil); err != nil || found.ID != made.ID {
				return fmt.Errorf("read by name %+v: %v", found, err)
			}
			if _, _, err = root.ACL().PolicyCreate(&api.ACLPolicy{Name: "bad", Rules: `key "a" { polcy = "read" }`}, nil); err == nil {
				return errors.New("a wrong policy was taken")
			}
			all, _, err := root.ACL().PolicyList(nil)
			return want(err == nil && len(all) == 2, "listed %v: %v", all, err)
		}},
		{"acl tokens and roles", func() error {
			role, _, err := root.ACL().RoleCreate(&api.ACLRole{Name: "web", Policies: []*api.ACLRolePolicyLink{{ID: readers.ID}}, ServiceIdentities: []*api.ACLServiceIdentity{{ServiceName: "web"}}}, nil)
			if err != nil || len(role.ServiceIdentities) != 1 {
				return fmt.Errorf("made %+v: %v", role, err)
			}
			if role, _, err = root.ACL().RoleReadByName("web", nil); err != nil || role == nil {
				return fmt.Errorf("no role: %v", err)
			}
			limited, _, err = root.ACL().TokenCreate(&api.ACLToken{Description: "web", SecretID: "8c9e2b0a-17d4-4bb0-9d2e-0d9a2e5a7c11", Roles: []*api.ACLTokenRoleLink{{Name: "web"}}, NodeIdentities: []*api.ACLNodeIdentity{{NodeName: "printer", Datacenter: "dc1"}}}, nil)
			if err != nil || limited.SecretID != "8c9e2b0a-17d4-4bb0-9d2e-0d9a2e5a7c11" || len(limited.NodeIdentities) != 1 {
				return fmt.Errorf("made %+v: %v", limited, err)
			}
			if _, err = root.KV().Put(&api.KVPair{Key: "app/a", Value: []byte("1")}, nil); err != nil {
				return err
			}
			mine := as(limited.SecretID)
			pair, _, err := mine.KV().Get("app/a", nil)
			if err != nil || pair == nil {
				return fmt.Errorf("read %v: %v", pair, err)
			}
			if _, err = mine.KV().Put(&api.KVPair{Key: "app/a", Value: []byte("2")}, nil); err == nil {
				return errors.New("wrote a key that may only be read")
			}
			if err = mine.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "web"}); err != nil {
				return fmt.Errorf("its service identity: %v", err)
			}
			if err = mine.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "db"}); err == nil {
				return errors.New("registered a service that is not its own")
			}
			_, err = mine.Catalog().Register(&api.CatalogRegistration{Node: "printer", Address: "10.0.0.7"}, nil)
			return err
		}},
		{"acl tokens: change, clone, list, delete", func() error {
			limited.Description = "web servers"
			limited.Roles = nil
			changed, _, err := root.ACL().TokenUpdate(limited, nil)
			if err != nil || len(changed.Roles) != 0 || changed.Description != "web servers" {
				return fmt.Errorf("changed %+v: %v", changed, err)
			}
			if _, _, err = as(limited.SecretID).KV().Get("app/a", nil); err == nil {
				return errors.New("still reads what its role allowed")
			}
			twin, _, err := root.ACL().TokenClone(limited.AccessorID, "twin", nil)
			if err != nil || twin.SecretID == limited.SecretID || len(twin.NodeIdentities) != 1 || twin.Description != "twin" {
				return fmt.Errorf("cloned %+v: %v", twin, err)
			}
			all, _, err := root.ACL().TokenList(nil)
			if err != nil || len(all) != 3 {
				return fmt.Errorf("listed %v: %v", all, err)
			}
			if _, err = root.ACL().TokenDelete(twin.AccessorID, nil); err != nil {
				return err
			}
			_, _, err = root.ACL().TokenRead(twin.AccessorID, nil)
			return want(err != nil && strings.Contains(err.Error(), "ACL not found"), "read a deleted token: %v", err)
		}},
		{"acl anonymous token", func() error {
			token := &api.ACLToken{AccessorID: anonymousAccessor, Description: "everybody", Policies: []*api.ACLTokenPolicyLink{{Name: "readers"}}}
			if _, _, err := root.ACL().TokenUpdate(token, nil); err != nil {
				return err
			}
			pair, _, err := nobody.KV().Get("app/a", nil)
			if err != nil || pair == nil {
				return fmt.Errorf("read %v: %v", pair, err)
			}
			_, err = root.ACL().TokenDelete(anonymousAccessor, nil)
			return want(err != nil, "deleted the anonymous token")
		}},
		{"acl logins and replication", func() error {
			if _, err := as(limited.SecretID).ACL().Logout(nil); err == nil {
				return errors.New("a token that no login made was given up")
			}
			methods, _, err := root.ACL().AuthMethodList(nil)
			if err != nil || len(methods) != 0 {
				return fmt.Errorf("methods %v: %v", methods, err)
			}
			if _, _, err = root.ACL().Login(&api.ACLLoginParams{AuthMethod: "none", BearerToken: "x"}, nil); err == nil {
				return errors.New("logged in by a method that is not there")
			}
			state, _, err := root.ACL().Replication(nil)
			return want(err == nil && !state.Enabled, "replication %+v: %v", state, err)
		}},
		{"acl roles and policies: delete", func() error {
			role, _, err := root.ACL().RoleReadByName("web", nil)
			if err != nil {
				return err
			}
			if _, err = root.ACL().RoleDelete(role.ID, nil); err != nil {
				return err
			}
			if _, err = root.ACL().PolicyDelete(readers.ID, nil); err != nil {
				return err
			}
			_, err = root.ACL().PolicyDelete("00000000-0000-0000-0000-000000000001", nil)
			return want(err != nil, "deleted the builtin policy")
		}},
	}
}
