package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// A credential is what a scheme asks for: all that a caller must know of it, and
// what people call it.
type credential struct{ demand, text string }

// kindsOf are the credentials that a scheme takes, by its name in the contract.
func kindsOf(doc *openapi3.T, name string) []credential {
	ref := doc.Components.SecuritySchemes[name]
	if ref == nil || ref.Value == nil {
		return []credential{{name, name}}
	}
	s := *ref.Value
	s.Description, s.BearerFormat, s.Extensions, s.Origin = "", "", nil, nil // for people
	s.Scheme = strings.ToLower(s.Scheme)                                     // neither has a case
	if s.In == openapi3.ParameterInHeader {
		s.Name = strings.ToLower(s.Name)
	}
	words := []string{s.Type, s.Scheme, s.In, ref.Value.Name}
	if s.Flows == nil {
		return []credential{describe(s, words...)}
	}
	var all []credential
	for _, only := range eachFlow(*s.Flows) {
		s.Flows = &only.flows
		all = append(all, describe(s, append(words, only.name)...))
	}
	return all
}

func describe(s openapi3.SecurityScheme, words ...string) credential {
	words = slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == "" })
	text := fmt.Sprintf("`%s`", strings.Join(words, " "))
	content, err := json.Marshal(s)
	if err != nil {
		return credential{text, text}
	}
	return credential{string(content), text}
}

type namedFlow struct {
	name  string
	flows openapi3.OAuthFlows // this one alone
}

func eachFlow(flows openapi3.OAuthFlows) (all []namedFlow) {
	if f := flows.Implicit; f != nil {
		all = append(all, namedFlow{"implicit", openapi3.OAuthFlows{Implicit: forCallers(f)}})
	}
	if f := flows.Password; f != nil {
		all = append(all, namedFlow{"password", openapi3.OAuthFlows{Password: forCallers(f)}})
	}
	if f := flows.ClientCredentials; f != nil {
		all = append(all, namedFlow{"clientCredentials", openapi3.OAuthFlows{ClientCredentials: forCallers(f)}})
	}
	if f := flows.AuthorizationCode; f != nil {
		all = append(all, namedFlow{"authorizationCode", openapi3.OAuthFlows{AuthorizationCode: forCallers(f)}})
	}
	return all
}

// forCallers leaves out the scopes that a flow offers, as those that are needed
// stand in the requirements, and where a token may be renewed.
func forCallers(f *openapi3.OAuthFlow) *openapi3.OAuthFlow {
	return &openapi3.OAuthFlow{AuthorizationURL: f.AuthorizationURL, TokenURL: f.TokenURL}
}
