package docs

import (
	"html/template"
	"slices"
	"strings"

	"github.com/cimg-go/cimg/internal/contract"
)

// page is what the template shows. Texts are Markdown.
type page struct {
	Title, Version, OpenAPI string
	License, Details        link
	Servers                 []link
	Intro                   string
	Headings                []link // of the intro
	Schemes                 []scheme
	Groups                  []group
	Schemas                 []schema
}

type link struct{ Text, URL string }

type scheme struct{ Name, Kind, Description string }

// group is the operations of a tag.
type group struct {
	Name, Description string
	Operations        []operation
}

type operation struct {
	ID, Method, Path     string
	Summary, Description string
	Deprecated           bool
	Details              link
	Parameters           []member
	Body                 *body
	Replies              []body
}

// body is what a request or a reply carries.
type body struct {
	Status      string // of a reply
	Description string
	Content     []content
}

type content struct {
	Media    string
	Type     template.HTML
	Members  []member
	Examples []example
}

type example struct {
	Summary string
	Value   contract.Node
	URL     string // of one that stands elsewhere
}

type schema struct {
	member
	Members []member
}

// member is a parameter of an operation or a property of a schema.
type member struct {
	Name, In    string
	Required    bool
	Type        template.HTML
	Limits      string
	Example     string
	Description string
}

// methods are those that a path may have.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// intro is the place of the text at the top.
const intro = "about"

func newPage(spec contract.Node) *page {
	info := spec.Get("info")
	p := &page{
		Title:    textOf(info, "title"),
		Version:  textOf(info, "version"),
		OpenAPI:  textOf(spec, "openapi"),
		License:  link{textOf(info, "license", "name"), textOf(info, "license", "url")},
		Details:  details(spec),
		Intro:    textOf(info, "description"),
		Headings: headings(intro, textOf(info, "description")),
		Groups:   groupsOf(spec),
	}
	for _, server := range spec.Get("servers").Items() {
		p.Servers = append(p.Servers, link{textOf(server, "description"), textOf(server, "url")})
	}
	for name, value := range spec.Get("components", "securitySchemes").Members() {
		value = value.Resolved()
		kind := strings.Join(strings.Fields(textOf(value, "type")+" "+textOf(value, "scheme")+" "+textOf(value, "in")+" "+textOf(value, "name")), " ")
		p.Schemes = append(p.Schemes, scheme{name, kind, textOf(value, "description")})
	}
	for name, value := range spec.Get("components", "schemas").Members() {
		p.Schemas = append(p.Schemas, schema{memberOf(name, value), membersOf(value)})
	}
	return p
}

// textOf is what a scalar says, "" if it is not there.
func textOf(n contract.Node, path ...string) string { return n.Get(path...).Value() }

func details(n contract.Node) link {
	return link{textOf(n, "externalDocs", "description"), textOf(n, "externalDocs", "url")}
}

func groupsOf(spec contract.Node) []group {
	var groups []group
	for _, tag := range spec.Get("tags").Items() {
		groups = append(groups, group{Name: textOf(tag, "name"), Description: textOf(tag, "description")})
	}
	for path, item := range spec.Get("paths").Members() {
		for method, value := range item.Members() {
			if !slices.Contains(methods, method) {
				continue
			}
			// Under its first tag alone: to stand there twice, it would need two names.
			name := "other"
			if tags := value.Get("tags").Items(); len(tags) > 0 {
				name = tags[0].Value()
			}
			at := slices.IndexFunc(groups, func(g group) bool { return g.Name == name })
			if at < 0 {
				groups, at = append(groups, group{Name: name}), len(groups)
			}
			groups[at].Operations = append(groups[at].Operations, operationOf(method, path, value, item.Get("parameters").Items()))
		}
	}
	return groups
}

func operationOf(method, path string, value contract.Node, shared []contract.Node) operation {
	op := operation{
		ID: textOf(value, "operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: textOf(value, "summary"), Description: textOf(value, "description"),
		Deprecated: textOf(value, "deprecated") == "true", Details: details(value),
		Parameters: parametersOf(append(shared, value.Get("parameters").Items()...)),
	}
	if request := value.Get("requestBody"); request.Exists() {
		b := bodyOf(request, true)
		op.Body = &b
	}
	for status, reply := range value.Get("responses").Members() {
		if !strings.HasPrefix(status, "x-") {
			b := bodyOf(reply.Resolved(), false)
			b.Status = status
			op.Replies = append(op.Replies, b)
		}
	}
	return op
}

func parametersOf(all []contract.Node) []member {
	var members []member
	for _, parameter := range all {
		parameter = parameter.Resolved()
		m := memberOf(textOf(parameter, "name"), parameter.Member("schema"))
		m.In, m.Required = textOf(parameter, "in"), textOf(parameter, "required") == "true"
		m.Description = textOf(parameter, "description")
		if value := parameter.Get("example"); value.Exists() {
			m.Example = inline(value)
		}
		// An operation's own stands for the one of its path.
		members = slices.DeleteFunc(members, func(other member) bool { return other.Name == m.Name && other.In == m.In })
		members = append(members, m)
	}
	return members
}

// bodyOf is what a body holds. Of a request, all members stand there, whatever
// schemas they are in; of a reply, those of a schema that has no name to link to.
func bodyOf(value contract.Node, isRequest bool) body {
	b := body{Description: textOf(value, "description")}
	for media, value := range value.Get("content").Members() {
		c := content{Media: media, Type: typeOf(value.Member("schema"))}
		if isRequest || value.Member("schema").Ref() == "" {
			c.Members = membersBelow(value.Get("schema"))
		}
		if value := value.Get("example"); value.Exists() {
			c.Examples = append(c.Examples, example{Summary: "An example", Value: value})
		}
		for name, value := range value.Get("examples").Members() {
			value = value.Resolved()
			summary := textOf(value, "summary")
			if summary == "" {
				summary = name
			}
			c.Examples = append(c.Examples, example{summary, value.Get("value"), textOf(value, "externalValue")})
		}
		b.Content = append(b.Content, c)
	}
	return b
}
