package encoderd

import (
	"flag"
	"fmt"
	"os"
)

// Tests are those of a package that runs the daemon.
type Tests struct {
	Binary, Control *string // told where encoderd and encoderctl are; nil: not built
	// SideBySide is how many run at once unless -parallel says otherwise; as many as go
	// test takes when 0.
	SideBySide int
}

// Run is what TestMain has to do: it builds the programs, in a folder that is gone
// afterwards, and runs the tests of m. It returns the code to exit with.
func (t Tests) Run(m interface{ Run() int }) (code int) {
	dir, err := os.MkdirTemp("", "encoderd-tests-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // in the temporary files anyway
		err = t.prepare(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func (t Tests) prepare(dir string) (err error) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if t.SideBySide > 0 && !given {
		if err := flag.Set("test.parallel", fmt.Sprint(t.SideBySide)); err != nil {
			return err
		}
	}
	if t.Binary != nil {
		if *t.Binary, err = Build(dir); err != nil {
			return err
		}
	}
	if t.Control != nil {
		*t.Control, err = BuildControl(dir)
	}
	return err
}
