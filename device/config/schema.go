package config

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// field is one key of a table, as the struct tags declare it.
type field struct {
	key                        string
	index                      int
	typ                        reflect.Type
	def, derived, min, max     string
	enum                       []string
	kinds                      []string // of destinations that have the key; none: all
	check, unit, help          string
	required, isTable, isNamed bool // isNamed: a table of tables, keyed by name
	number                     bool // a number is a notation too, beside a text
	secret                     bool
	// short: a value in place of the table is this key of it.
	short         string
	was           string // the key's name in older versions
	noun, example string
}

var (
	textType      = reflect.TypeFor[encoding.TextUnmarshaler]()
	concealedType = reflect.TypeFor[concealed]()
)

// fieldsOf lists the keys of a table's type.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		f := field{
			key: sf.Tag.Get("toml"), index: i, typ: sf.Type,
			def: sf.Tag.Get("default"), derived: sf.Tag.Get("derived"),
			min: sf.Tag.Get("min"), max: sf.Tag.Get("max"),
			check: sf.Tag.Get("check"), unit: sf.Tag.Get("unit"), help: sf.Tag.Get("help"),
			short: sf.Tag.Get("short"), was: sf.Tag.Get("was"),
			required: sf.Tag.Get("required") == "true",
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, "|")
		}
		if k := sf.Tag.Get("for"); k != "" {
			f.kinds = strings.Split(k, ",")
		}
		f.isNamed = sf.Type.Kind() == reflect.Map
		f.isTable = sf.Type.Kind() == reflect.Struct && !reflect.PointerTo(sf.Type).Implements(textType)
		f.secret = sf.Type.Implements(concealedType)
		f.describe()
		fields = append(fields, f)
	}
	return fields
}

// describe fills in how errors and the reference call a value of the type.
func (f *field) describe() {
	switch reflect.Zero(f.typ).Interface().(type) {
	case Duration:
		f.noun, f.example = "a duration", `"2s" or "500ms"`
	case Bitrate:
		f.noun, f.example, f.number = "a bit rate", `"2.5M" or "800k"`, true
	case Size:
		f.noun, f.example, f.number = "a size", `"8MiB" or "512KiB"`, true
	case FrameRate:
		f.noun, f.example, f.number = "a frame rate", `"30", "29.97" or "30000/1001"`, true
	case Window:
		f.noun, f.example, f.number = "a number of segments or a duration", `6 or "30s"`, true
	case Secret:
		f.noun = "a text in quotes"
	case SecretURL:
		f.noun, f.example = "a URL in quotes", `"rtmp://host/app/key"`
	case bool:
		f.noun = "true or false"
	case int:
		f.noun, f.number = "a whole number", true
	default:
		f.noun = "a text in quotes"
	}
}

// expected says which values the key takes.
func (f *field) expected() string {
	if len(f.enum) > 0 {
		quoted := make([]string, len(f.enum))
		for i, e := range f.enum {
			quoted[i] = strconv.Quote(e)
		}
		last := len(quoted) - 1
		return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
	}
	s := f.noun
	if f.check == "even" {
		s = "an even number"
	}
	if f.min != "" {
		s += " from " + f.min + " to " + f.max
	}
	if f.example != "" {
		s += ", such as " + f.example
	}
	return s
}

// set reads a node into v, a settable value of the field's type. Its error is
// a whole message.
func (f *field) set(v reflect.Value, n *node) error {
	found := n.describe()
	if f.secret && n.kind != tableNode && n.kind != arrayNode {
		found = "a value that is not shown"
	}
	refuse := func() error { return fmt.Errorf("got %s, expected %s", found, f.expected()) }
	if n.kind != f.nodeKind() && (n.kind != numberNode || !f.number) {
		return refuse()
	}
	if err := setText(v, n.text); err != nil {
		return refuse()
	}
	if f.secret && strings.Contains(n.text, Mask) {
		return fmt.Errorf("holds the placeholder %s instead of the secret: write the whole value", Mask)
	}
	if len(f.enum) > 0 {
		for _, e := range f.enum {
			if n.text == e {
				return nil
			}
		}
		if s := suggest(n.text, f.enum); s != "" {
			return fmt.Errorf("%w; did you mean %q?", refuse(), s)
		}
		return refuse()
	}
	if f.min != "" && (magnitude(v) < f.bound(f.min) || magnitude(v) > f.bound(f.max)) {
		return refuse()
	}
	if f.check == "even" && v.Int()%2 != 0 {
		return refuse()
	}
	if f.check == "listen" {
		return checkListen(n.text)
	}
	return nil
}

// nodeKind is the kind of value that the key is normally written with.
func (f *field) nodeKind() nodeKind {
	switch f.typ.Kind() {
	case reflect.Bool:
		return boolNode
	case reflect.Int:
		if !reflect.PointerTo(f.typ).Implements(textType) {
			return numberNode
		}
	}
	return stringNode
}

// bound is a limit's magnitude. The schema's own texts are right: a test reads
// every one.
func (f *field) bound(text string) float64 {
	v := reflect.New(f.typ).Elem()
	if err := setText(v, text); err != nil {
		panic(fmt.Sprintf("config: schema of %s: %q: %v", f.key, text, err))
	}
	return magnitude(v)
}

// magnitude is what ranges compare: the number of a numeric type.
func magnitude(v reflect.Value) float64 {
	if r, ok := v.Interface().(FrameRate); ok {
		if r == (FrameRate{}) {
			return 0
		}
		return r.Rational().Float()
	}
	return float64(v.Int())
}

// setText reads a leaf from its text.
func setText(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return err
	case reflect.Int:
		i, err := strconv.ParseInt(text, 10, 32)
		v.SetInt(i)
		return err
	}
	v.SetString(text)
	return nil
}

// leafNode is a leaf as a node. With reveal, secrets are themselves.
func (f *field) leafNode(v reflect.Value, reveal bool) *node {
	x := v.Interface()
	if c, ok := x.(concealed); ok && reveal {
		return leaf(stringNode, c.reveal())
	}
	if w, ok := x.(Window); ok && w.Segments > 0 {
		return leaf(numberNode, w.String())
	}
	return leaf(f.nodeKind(), fmt.Sprint(x))
}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// suggest is the candidate that was probably meant, or "".
func suggest(got string, candidates []string) string {
	best, bestDistance := "", 1+max(1, len(got)/3)
	for _, c := range candidates {
		if d := distance(strings.ToLower(got), c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, change or swap with
// their neighbour to make b of a.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
