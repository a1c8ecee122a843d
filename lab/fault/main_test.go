package fault_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/encoderbox/encoderbox/lab/peer"
)

var docs = flag.String("docs", "", "a document: the table of faults in it is replaced")

// sideBySide is how many cells run at once unless -parallel says otherwise: they
// mostly wait.
const sideBySide = "32"

var certOptions = peer.CertOptions{}

func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", sideBySide); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}
