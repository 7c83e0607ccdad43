package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/nomad/api"
)

// accessChecks bootstrap an agent that has access control, and leave its management token with their client.
func accessChecks() []check {
	c := client()
	var limited *api.ACLToken
	return []check{
		{"acl bootstrap", func() error {
			if _, _, err := c.Jobs().List(nil); status(err) != http.StatusForbidden {
				return fmt.Errorf("nobody read jobs: %v", err)
			}
			root, _, err := c.ACLTokens().Bootstrap(nil)
			if err != nil || root.Type != "management" || root.SecretID == "" {
				return fmt.Errorf("made %+v: %v", root, err)
			}
			c.SetSecretID(root.SecretID)
			if _, _, err = c.ACLTokens().Bootstrap(nil); err == nil {
				return errors.New("bootstrapped twice")
			}
			self, _, err := c.ACLTokens().Self(nil)
			return want(err == nil && self.AccessorID == root.AccessorID, "self %+v: %v", self, err)
		}},
		{"acl policies", func() error {
			policy := &api.ACLPolicy{Name: "reader", Description: "reads", Rules: `namespace "default" { policy = "read" }`}
			if _, err := c.ACLPolicies().Upsert(policy, nil); err != nil {
				return err
			}
			found, _, err := c.ACLPolicies().Info("reader", nil)
			if err != nil || found.Rules != policy.Rules || found.ModifyIndex == 0 {
				return fmt.Errorf("read %+v: %v", found, err)
			}
			if _, err = c.ACLPolicies().Upsert(&api.ACLPolicy{Name: "bad", Rules: `namespace "default" { polcy = "read" }`}, nil); status(err) != http.StatusBadRequest {
				return fmt.Errorf("a wrong policy gave %v", err)
			}
			all, _, err := c.ACLPolicies().List(nil)
			return want(err == nil && len(all) == 1, "listed %v: %v", all, err)
		}},
		{"acl roles", func() error {
			role, _, err := c.ACLRoles().Create(&api.ACLRole{Name: "readers", Policies: []*api.ACLRolePolicyLink{{Name: "reader"}}}, nil)
			if err != nil {
				return err
			}
			role.Description = "all who read"
			if role, _, err = c.ACLRoles().Update(role, nil); err != nil {
				return err
			}
			found, _, err := c.ACLRoles().GetByName("readers", nil)
			if err != nil || found.ID != role.ID || found.Description != "all who read" {
				return fmt.Errorf("read %+v: %v", found, err)
			}
			all, _, err := c.ACLRoles().List(nil)
			return want(err == nil && len(all) == 1, "listed %v: %v", all, err)
		}},
		{"acl tokens", func() error {
			made, _, err := c.ACLTokens().Create(&api.ACLToken{
				Name: "ci", Type: "client", Roles: []*api.ACLTokenRoleLink{{Name: "readers"}}, ExpirationTTL: time.Hour,
			}, nil)
			if err != nil || made.ExpirationTime == nil || made.ExpirationTTL != time.Hour {
				return fmt.Errorf("made %+v: %v", made, err)
			}
			limited = made
			theirs := client()
			theirs.SetSecretID(made.SecretID)
			if _, _, err = theirs.Jobs().List(nil); err != nil {
				return err
			}
			if _, _, err = theirs.Jobs().Deregister("none", false, nil); status(err) != http.StatusForbidden {
				return fmt.Errorf("a reader stopped a job: %v", err)
			}
			made.Name = "ci of today"
			if made, _, err = c.ACLTokens().Update(made, nil); err != nil || made.Name != "ci of today" {
				return fmt.Errorf("updated %+v: %v", made, err)
			}
			once, _, err := theirs.ACLTokens().UpsertOneTimeToken(nil)
			if err != nil {
				return err
			}
			same, _, err := client().ACLTokens().ExchangeOneTimeToken(once.OneTimeSecretID, nil)
			return want(err == nil && same.AccessorID == made.AccessorID, "exchanged %+v: %v", same, err)
		}},
		{"acl auth methods and binding rules", func() error {
			method := &api.ACLAuthMethod{
				Name: "hall", Type: "JWT", TokenLocality: "local", MaxTokenTTL: time.Hour,
				Config: &api.ACLAuthMethodConfig{JWKSURL: "http://127.0.0.1:1/keys", BoundAudiences: []string{"lares"}},
			}
			made, _, err := c.ACLAuthMethods().Create(method, nil)
			if err != nil || made.MaxTokenTTL != time.Hour || made.Config.BoundAudiences[0] != "lares" {
				return fmt.Errorf("made %+v: %v", made, err)
			}
			rule, _, err := c.ACLBindingRules().Create(&api.ACLBindingRule{AuthMethod: "hall", BindType: "role", BindName: "readers"}, nil)
			if err != nil {
				return err
			}
			found, _, err := c.ACLBindingRules().Get(rule.ID, nil)
			if err != nil || found.BindName != "readers" {
				return fmt.Errorf("read %+v: %v", found, err)
			}
			if _, err = c.ACLBindingRules().Delete(rule.ID, nil); err != nil {
				return err
			}
			_, err = c.ACLAuthMethods().Delete("hall", nil)
			return err
		}},
		{"acl deletion", func() error {
			if _, err := c.ACLTokens().Delete(limited.AccessorID, nil); err != nil {
				return err
			}
			role, _, err := c.ACLRoles().GetByName("readers", nil)
			if err != nil {
				return err
			}
			if _, err = c.ACLRoles().Delete(role.ID, nil); err != nil {
				return err
			}
			if _, err = c.ACLPolicies().Delete("reader", nil); err != nil {
				return err
			}
			_, _, err = c.ACLTokens().Info(limited.AccessorID, nil)
			return want(status(err) == http.StatusNotFound, "a deleted token: %v", err)
		}},
	}
}

// status is the code with which a request was refused; 0 where it was not.
func status(err error) int {
	var refused api.UnexpectedResponseError
	if errors.As(err, &refused) {
		return refused.StatusCode()
	}
	return 0
}
