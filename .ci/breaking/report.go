package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	width     = 80
	mostTexts = 8
)

func (r *Report) String() string {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	line("%-10s %s, version %s", "Base:", r.base.name, cmp.Or(r.baseVersion, "(none)"))
	line("%-10s %s, version %s", "Revision:", r.revision.name, cmp.Or(r.revisionVersion, "(none)"))

	breaking, compatible := r.merged(true), r.merged(false)
	line("\n%s%s", count(len(breaking), "breaking change"), colon(breaking))
	heading := ""
	for _, m := range breaking {
		if m.heading != heading {
			line("\n%s", wrap("  ", "  ", m.heading))
			heading = m.heading
		}
		line("%s", wrap("    - ", "      ", m.text))
	}

	line("\n%s%s", count(len(compatible), "compatible change"), colon(compatible))
	for i, m := range compatible {
		if i == 0 {
			line("")
		}
		line("%s", wrap("    - ", "      ", m.text))
	}

	texts := r.texts
	if more := len(texts) - mostTexts; more > 0 {
		texts = append(slices.Clone(texts[:mostTexts]), fmt.Sprintf("and %d more", more))
	}
	list(line, texts, "Texts and examples changed; read them, a unit or a rule may be among them:")
	list(line, r.unjudged, "Changed, and no check knows what it means; look for yourself:")

	line("\n%s", wrap("", "", r.judge().text))
	for _, note := range r.notes() {
		line("%s", wrap("", "", "Note: "+note))
	}
	return s.String()
}

func colon(changes []*merged) string {
	if len(changes) == 0 {
		return "."
	}
	return ":"
}

func list(line func(string, ...any), places []string, heading string) {
	if len(places) == 0 {
		return
	}
	line("\n%s\n", heading)
	for _, place := range places {
		line("%s", wrap("    - ", "      ", place))
	}
}

// A merged change is one that several operations share, by a schema or because
// it is about all of them.
type merged struct {
	audience      audience
	text, heading string
	operations    []string
}

func (r *Report) merged(breaking bool) (all []*merged) {
	for _, c := range r.of(breaking) {
		i := slices.IndexFunc(all, func(m *merged) bool { return m.audience == c.audience && m.text == c.text })
		if i < 0 {
			i = len(all)
			all = append(all, &merged{audience: c.audience, text: c.text})
		}
		if c.operation != "" {
			all[i].operations = append(all[i].operations, c.operation)
		}
	}
	for _, m := range all {
		who := enumerate(m.operations)
		if len(m.operations) > 2 && len(m.operations) == r.baseOperations {
			who = "every operation"
		}
		m.heading = m.audience.heading(who)
		switch {
		case who == "":
		case !breaking:
			m.text += " (" + who + ")"
		case m.audience == generated: // one list: its users look for names
			m.text = who + ": " + m.text
		}
	}
	slices.SortStableFunc(all, func(a, b *merged) int {
		return cmp.Or(cmp.Compare(a.audience, b.audience), cmp.Compare(a.heading, b.heading))
	})
	return all
}

// heading names the audience, for people who look for themselves in it.
func (a audience) heading(operations string) string {
	switch {
	case a == generated:
		return "Users of generated code (package gen, and what other tools generate)"
	case operations == "":
		return "Everybody"
	case a == readers && !strings.Contains(operations, " "):
		return fmt.Sprintf("Readers of %s's replies", operations)
	case a == readers:
		return "Readers of the replies of " + operations
	}
	return fmt.Sprintf("Callers of %s (what they send)", operations)
}

func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// wrap breaks a text into lines of a terminal's width.
func wrap(first, others, text string) string {
	var s strings.Builder
	line := first
	empty := true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			s.WriteString(line + "\n")
			line, empty = others, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	s.WriteString(line)
	return s.String()
}
