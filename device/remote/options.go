package remote

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// options are what stands on the command line.
type options struct {
	address, token  string
	json, yes, help bool
	watch           time.Duration // 0: once
	words           []string      // the command
}

// optionNames are offered in completion.
var optionNames = []string{"--address=", "--token=", "--json", "--yes", "--watch", "--help"}

// parse takes the options out of the arguments, wherever they stand before a --. What
// begins with a dash behind a command and is no option is the command's.
func parse(args []string) (o options, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			o.words = append(o.words, args[i+1:]...)
			return o, nil
		}
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			name = ""
		}
		if name == "address" || name == "token" {
			if !given {
				if i++; i == len(args) {
					return o, fmt.Errorf("%s needs a value", arg)
				}
				value = args[i]
			}
			if name == "address" {
				o.address = value
			} else {
				o.token = value
			}
			continue
		}
		known, err := o.flag(name, value, given)
		switch {
		case err != nil:
			return o, err
		case known:
		case name != "" && len(o.words) == 0:
			return o, fmt.Errorf("option not defined: %s", arg)
		default:
			o.words = append(o.words, arg)
		}
	}
	return o, nil
}

// flag takes an option without a value, or with one behind =.
func (o *options) flag(name, value string, given bool) (known bool, err error) {
	on := true
	if given && name != "watch" {
		if on, err = strconv.ParseBool(value); err != nil {
			on, err = false, fmt.Errorf("-%s is on or left out, not %q", name, value)
		}
	}
	switch name {
	case "json":
		o.json = on
	case "yes", "y":
		o.yes = on
	case "help", "h":
		o.help = on
	case "watch":
		o.watch = watchEvery
		if given {
			o.watch, err = seconds(value)
		}
	default:
		return false, nil
	}
	return true, err
}

func seconds(text string) (time.Duration, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0.1 && n <= 86400) {
		return 0, fmt.Errorf("-watch=%q is not 0.1 to 86400 seconds", text)
	}
	return time.Duration(n * float64(time.Second)), nil
}
