// Command cmd checks transport streams: go run ./lab/tscheck/cmd [-rate N] FILE…
// It prints what it found and exits with 1 when a rule is broken.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/encoderbox/encoderbox/lab/tscheck"
)

func main() {
	constant := flag.Bool("constant", false, "ask for a constant bit rate")
	rate := flag.Int("rate", 0, "ask for this constant bit rate, in bits per second")
	flag.Parse()
	code := 0
	for _, name := range flag.Args() {
		if err := check(name, tscheck.Options{Constant: *constant, Rate: *rate}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func check(name string, o tscheck.Options) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := tscheck.Check(f, o)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("%s: %d packets, %.1f %% null, %v at %.0f bit/s, %d breaks; PCR at most every %v, off by %v at most; PAT %v, PMT %v; decoded %v to %v after arrival\n",
		name, r.Packets, r.NullShare()*100, r.Duration, r.Rate, r.Breaks, r.MaxPCR, r.PCRError, r.MaxPAT, r.MaxPMT, r.MinDelay, r.MaxDelay)
	for _, f := range r.Findings {
		fmt.Println(f)
	}
	if r.Total > 0 {
		return fmt.Errorf("%s: %d findings", name, r.Total)
	}
	return nil
}
