package docs

import (
	"html/template"
	"slices"
	"strings"
)

// page is what the template shows.
type page struct {
	Title, Version   string
	License, Details link
	Servers          []link
	Intro            template.HTML
	Headings         []link // of the intro
	Schemes          []scheme
	Tags             []tag
	Schemas          []schema
}

type link struct{ Text, URL string }

type scheme struct {
	Name, Kind  string
	Description template.HTML
}

type tag struct {
	Name        string
	Description template.HTML
	Operations  []operation
}

type operation struct {
	ID, Method, Path string
	Summary          string
	Description      template.HTML
	Details          link
	Parameters       []member
	Body             *body
	Replies          []body
}

// body is what a request or a reply carries.
type body struct {
	Status      string // of a reply
	Description template.HTML
	Media       string
	Type        template.HTML
	Members     []member
	Examples    []example
}

type example struct{ Name, Summary, JSON string }

type schema struct {
	Name        string
	Description template.HTML
	Type        template.HTML
	Limits      string
	Members     []member
}

// member is a parameter of an operation or a property of a schema.
type member struct {
	Name, In    string
	Required    bool
	Type        template.HTML
	Limits      string
	Example     string
	Description template.HTML
}

// methods are those that a path item may carry.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

func newPage(spec node) (*page, error) {
	info := spec.get("info")
	intro, headings, err := markdownWithHeadings(info.text("description"))
	if err != nil {
		return nil, err
	}
	p := &page{
		Title:    info.text("title"),
		Version:  info.text("version"),
		License:  link{info.get("license").text("name"), info.get("license").text("url")},
		Details:  details(spec),
		Intro:    intro,
		Headings: headings,
	}
	for _, server := range spec.get("servers").items() {
		p.Servers = append(p.Servers, link{server.text("description"), server.text("url")})
	}
	for name, value := range spec.get("components", "securitySchemes").members() {
		s := scheme{Name: name, Kind: strings.TrimSpace(value.text("type") + " " + value.text("scheme"))}
		if s.Description, err = markdown(value.text("description")); err != nil {
			return nil, err
		}
		p.Schemes = append(p.Schemes, s)
	}
	if p.Tags, err = tagsOf(spec); err != nil {
		return nil, err
	}
	for name, value := range spec.get("components", "schemas").members() {
		s := schema{Name: name, Type: typeOf(value), Limits: limitsOf(value)}
		if s.Description, err = markdown(value.text("description")); err != nil {
			return nil, err
		}
		if s.Members, err = membersOf(value); err != nil {
			return nil, err
		}
		p.Schemas = append(p.Schemas, s)
	}
	return p, nil
}

func tagsOf(spec node) ([]tag, error) {
	var tags []tag
	for _, value := range spec.get("tags").items() {
		description, err := markdown(value.text("description"))
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag{Name: value.text("name"), Description: description})
	}
	for path, item := range spec.get("paths").members() {
		for method, value := range item.members() {
			if !slices.Contains(methods, method) {
				continue
			}
			shared := item.get("parameters").items()
			op, err := operationOf(method, path, value, shared)
			if err != nil {
				return nil, err
			}
			for _, name := range value.texts("tags") {
				at := slices.IndexFunc(tags, func(t tag) bool { return t.Name == name })
				if at < 0 {
					tags, at = append(tags, tag{Name: name}), len(tags)
				}
				tags[at].Operations = append(tags[at].Operations, op)
			}
		}
	}
	return tags, nil
}

func operationOf(method, path string, value node, shared []node) (operation, error) {
	op := operation{
		ID: value.text("operationId"), Method: strings.ToUpper(method), Path: path,
		Summary: value.text("summary"), Details: details(value),
	}
	var err error
	if op.Description, err = markdown(value.text("description")); err != nil {
		return op, err
	}
	for _, parameter := range slices.Concat(shared, value.get("parameters").items()) {
		parameter = parameter.resolved()
		m, err := memberOf(parameter.text("name"), parameter.get("schema"), parameter.text("required") == "true")
		if err != nil {
			return op, err
		}
		m.In = parameter.text("in")
		if m.Description, err = markdown(parameter.text("description")); err != nil {
			return op, err
		}
		if value := parameter.get("example"); value.exists() {
			if m.Example, err = value.json(); err != nil {
				return op, err
			}
		}
		op.Parameters = append(op.Parameters, m)
	}
	if request := value.get("requestBody"); request.exists() {
		if op.Body, err = bodyOf(request); err != nil {
			return op, err
		}
	}
	for status, reply := range value.get("responses").members() {
		b, err := bodyOf(reply.resolved())
		if err != nil {
			return op, err
		}
		b.Status = status
		op.Replies = append(op.Replies, *b)
	}
	return op, nil
}

func bodyOf(value node) (*body, error) {
	var b body
	var err error
	if b.Description, err = markdown(value.text("description")); err != nil {
		return nil, err
	}
	for media, content := range value.get("content").members() {
		b.Media = media
		for name, value := range content.members() {
			if name == "schema" {
				b.Type = typeOf(value)
			}
		}
		if b.Members, err = membersOf(content.get("schema")); err != nil {
			return nil, err
		}
		if value := content.get("example"); value.exists() {
			text, err := value.json()
			if err != nil {
				return nil, err
			}
			b.Examples = append(b.Examples, example{Summary: "An example", JSON: text})
		}
		for name, value := range content.get("examples").members() {
			value = value.resolved()
			text, err := value.get("value").json()
			if err != nil {
				return nil, err
			}
			b.Examples = append(b.Examples, example{name, value.text("summary"), text})
		}
	}
	return &b, nil
}

func details(value node) link {
	docs := value.get("externalDocs")
	return link{docs.text("description"), docs.text("url")}
}
