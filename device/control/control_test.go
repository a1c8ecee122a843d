package control

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encoderbox/encoderbox/device/status"
)

var operator = Caller{Name: "somebody", Surface: Console, Role: Operator}

// stand is a table with what a test needs of each sort.
func stand(t *testing.T) (*Table, *[]string) {
	t.Helper()
	var done []string
	say := func(_ context.Context, c Call) (Result, error) {
		var all []string
		for k, v := range c.Args {
			all = append(all, k+"="+v)
		}
		slices.Sort(all)
		return Result{Text: strings.Join(all, " ")}, nil
	}
	names := func(*status.Snapshot, Args) []string { return []string{"youtube", "back up"} }
	table := New(nil, func(by Caller, c Command, a Args, err error) { done = append(done, by.Name+" "+c.Name) },
		Command{Name: "destination pause", Help: "End a connection", Role: Operator, Args: []Arg{{Name: "name", Kind: Word, Help: "which", Values: names}, {Name: "for", Kind: Duration, Help: "how long", Optional: true, Min: 1, Max: 3600}}, Run: say},
		Command{Name: "destination retry", Help: "Try it again", Role: Operator, Args: []Arg{{Name: "name", Kind: Text, Help: "which", Values: names}}, Run: say},
		Command{Name: "record mark", Help: "Mark this moment", Role: Operator, Args: []Arg{{Name: "label", Kind: Text, Help: "what", Optional: true}}, Run: say},
		Command{Name: "bitrate", Help: "Bound the bit rate", Role: Operator, Args: []Arg{{Name: "max", Kind: Bitrate, Help: "at most"}, {Name: "mode", Kind: Choice, Choices: []string{"fixed", "adaptive"}, Help: "who decides", Optional: true, Default: "adaptive"}}, Run: say},
		Command{Name: "reset", Help: "Forget all", Role: Admin, Confirm: []Ask{Question("Sure?"), Question("Really?")}, Run: say},
		Command{Name: "fail", Help: "Fail", Role: Viewer, Reads: true, Run: func(context.Context, Call) (Result, error) { return Result{}, errors.New("broken: the disk") }},
	)
	return table, &done
}

func TestALineIsDone(t *testing.T) {
	table, done := stand(t)
	for _, c := range []struct {
		line, want string
		code       Code
	}{
		{"destination pause youtube", "name=youtube", ""},
		{"dest pau youtube 90", "for=1m30s name=youtube", ""},
		{"destination pause for=2m name=youtube", "for=2m name=youtube", ""},
		{`destination retry "back up"`, "name=back up", ""},
		{"record mark the first goal", "label=the first goal", ""},
		{"rec mark", "", ""},
		{"bitrate 2.5M", "max=2.5M mode=adaptive", ""},
		{"bitrate 2.5M FIXED", "max=2.5M mode=fixed", ""},
		{"destination", "", Unknown},
		{"destination p", "", Usage},
		{"destination pause", "", Usage},
		{"destination pause youtube 2h", "", Usage},
		{"destination pause youtube 1m more", "", Usage},
		{"bitrate much", "", Usage},
		{"bitrate 2M faster", "", Usage},
		{"", "", Unknown},
		{"destroy", "", Unknown},
		{"reset", "", Forbidden},
		{"fail", "", Failed},
	} {
		words, _ := Words(c.line)
		r, err := table.Read(words)
		var result Result
		if err == nil {
			result, err = table.Do(t.Context(), operator, r)
		}
		var e *Error
		if c.code != "" && (!errors.As(err, &e) || e.Code != c.code || e.Message == "") {
			t.Errorf("%q: %v, %v; want code %s", c.line, result, err, c.code)
		} else if c.code == "" && (err != nil || result.Text != c.want) {
			t.Errorf("%q: %q, %v; want %q", c.line, result.Text, err, c.want)
		}
	}
	if len(*done) != 8 || (*done)[0] != "somebody destination pause" {
		t.Errorf("told of %q", *done)
	}
}

func TestQuestionsComeOneByOne(t *testing.T) {
	table, done := stand(t)
	admin := Caller{Name: "root", Surface: Socket, Role: Admin}
	for n, want := range []string{"Sure?", "Really?"} {
		_, err := table.Do(t.Context(), admin, Request{Command: "reset", Confirmed: n})
		var e *Error
		if !errors.As(err, &e) || e.Code != Confirm || e.Message != want || len(*done) > 0 {
			t.Errorf("%d answered: %v", n, err)
		}
	}
	if _, err := table.Do(t.Context(), admin, Request{Command: "reset", Confirmed: 2}); err != nil {
		t.Error(err)
	}
}

func TestAnUnknownCommandNamesTheNearest(t *testing.T) {
	table, _ := stand(t)
	_, err := table.Read([]string{"destinatiom", "puase", "x"})
	var e *Error
	if !errors.As(err, &e) || !strings.HasPrefix(e.Hint, "destination pause NAME") {
		t.Errorf("%+v", err)
	}
}

func TestCompletion(t *testing.T) {
	table, _ := stand(t)
	for line, want := range map[string]string{
		"":                       "bitrate destination fail record",
		"d":                      "destination",
		"destination ":           "pause retry",
		"dest p":                 "pause",
		"destination pause ":     `youtube "back up"`,
		"destination pause y":    "youtube",
		"destination pause for=": "",
		"bitrate 2M ":            "fixed adaptive",
		"bitrate 2M mode=a":      "mode=adaptive",
		"nonsense ":              "",
	} {
		words, _ := Words(line)
		if line == "" || strings.HasSuffix(line, " ") {
			words = append(words, "")
		}
		var got []string
		for _, c := range table.Complete(operator, words) {
			if c.Word != "" {
				got = append(got, c.Word)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range []string{"destination pause youtube 90s", `record mark "a b" \`, "bitrate =", "d p '", "x\x00y"} {
		f.Add(s)
	}
	table, _ := stand(&testing.T{})
	f.Fuzz(func(t *testing.T, line string) {
		words, _ := Words(line)
		for _, w := range words {
			if back, open := Words(Quote(w)); open || len(back) != 1 || back[0] != w {
				t.Errorf("%q is quoted as %q, read as %q", w, Quote(w), back)
			}
		}
		table.Complete(operator, words)
		r, err := table.Read(words)
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = table.Do(ctx, operator, r)
	})
}

// Completion tells the values of the live state: those of a command are for whoever may
// have it.
func TestOnlyWhoMayHaveACommandIsToldItsValues(t *testing.T) {
	table, _ := stand(t)
	viewer := Caller{Name: "anybody", Surface: API, Role: Viewer}
	if all := table.Complete(viewer, []string{"destination", "pause", ""}); len(all) > 0 {
		t.Errorf("a viewer is offered %v", all)
	}
	if all := table.Complete(operator, []string{"destination", "pause", ""}); len(all) != 2 {
		t.Errorf("an operator is offered %v", all)
	}
}

// What somebody typed as a secret is not in what is told of a command that was not done.
func TestASecretThatIsRefusedIsNotTold(t *testing.T) {
	var told string
	table := New(nil, func(_ Caller, _ Command, _ Args, err error) { told = err.Error() }, Command{
		Name: "set", Help: "Set a value", Role: Viewer,
		Args: []Arg{{Name: "value", Kind: Text, Help: "what", Secret: true}},
		Run: func(_ context.Context, c Call) (Result, error) {
			return Result{}, Errorf(Usage, "got %q, expected true or false", c.Args.Get("value"))
		},
	})
	_, err := table.Do(t.Context(), operator, Request{Command: "set", Args: map[string]string{"value": "live_key"}})
	if err == nil || !strings.Contains(err.Error(), "live_key") {
		t.Errorf("who typed it reads %v", err)
	}
	if strings.Contains(told, "live_key") || !strings.Contains(told, "expected true or false") {
		t.Errorf("all others read %q", told)
	}
}
