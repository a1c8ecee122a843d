// Package main is the hardware of a front panel, to be run in the virtual box: a keyboard by
// uinput and lamps by uleds, the kernel's devices with this program in place of contacts and
// diodes. The test has it at the other end:
//
//	devices NAME KEY,KEY… [LAMP…]      such as devices "encoderbox panel" KEY_OK virtual:green:status
//
// It says "ready", then each change of a lamp, "virtual:green:status 255", and takes
// "down KEY_OK", "up KEY_OK" and "press KEY_OK" on its standard input, until that ends.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/holoplot/go-evdev"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "devices:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out *os.File) error {
	if len(args) < 2 {
		return errors.New("a name and keys are needed")
	}
	keys, err := plug(args[0], strings.Split(args[1], ","))
	if err != nil {
		return err
	}
	defer keys.Close()
	var telling sync.WaitGroup
	defer telling.Wait()
	for _, name := range args[2:] {
		lamp, err := light(name)
		if err != nil {
			return err
		}
		defer lamp.Close() // which ends its telling
		telling.Go(func() { tell(out, name, lamp) })
	}
	fmt.Fprintln(out, "ready")
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if err := press(keys, lines.Text()); err != nil {
			return err
		}
	}
	return nil
}

// plug makes a keyboard.
func plug(name string, keys []string) (*evdev.InputDevice, error) {
	var codes []evdev.EvCode
	for _, k := range keys {
		code, known := evdev.KEYFromString[k]
		if !known {
			return nil, fmt.Errorf("the kernel has no key %q", k)
		}
		codes = append(codes, code)
	}
	d, err := evdev.CreateDevice(name, evdev.InputID{BusType: evdev.BUS_HOST}, map[evdev.EvType][]evdev.EvCode{evdev.EV_KEY: codes})
	if err != nil {
		return nil, fmt.Errorf("make the keyboard %q: %w", name, err)
	}
	return d, nil
}

// touch is how long a finger is on a key at the least, and away from it: what comes sooner
// is a contact that bounces.
const touch = 60 * time.Millisecond

// press does what a line says: "down KEY_OK".
func press(keys *evdev.InputDevice, line string) error {
	word, key, _ := strings.Cut(line, " ")
	code, known := evdev.KEYFromString[key]
	if !known {
		return fmt.Errorf("%q: the kernel has no such key", line)
	}
	switch word {
	case "down":
		return set(keys, key, code, 1)
	case "up":
		return set(keys, key, code, 0)
	case "press":
		return errors.Join(set(keys, key, code, 1), set(keys, key, code, 0))
	}
	return fmt.Errorf("%q is nothing to do with a key", line)
}

// set has a key be down (1) or up (0), for a touch.
func set(keys *evdev.InputDevice, key string, code evdev.EvCode, value int32) error {
	for _, e := range []evdev.InputEvent{{Type: evdev.EV_KEY, Code: code, Value: value}, {Type: evdev.EV_SYN, Code: evdev.SYN_REPORT}} {
		if err := keys.WriteOne(&e); err != nil {
			return fmt.Errorf("press %s: %w", key, err)
		}
	}
	time.Sleep(touch)
	return nil
}

// nameSize is LED_MAX_NAME_SIZE of linux/uleds.h.
const nameSize = 64

// light makes a lamp of 256 levels.
func light(name string) (*os.File, error) {
	f, err := os.OpenFile("/dev/uleds", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("make the lamp %s: %w", name, err)
	}
	device := make([]byte, nameSize+4)
	copy(device, name)
	binary.NativeEndian.PutUint32(device[nameSize:], 255)
	if _, err := f.Write(device); err != nil {
		return nil, errors.Join(fmt.Errorf("make the lamp %s: %w", name, err), f.Close())
	}
	return f, nil
}

// tell writes a lamp's level whenever it changes.
func tell(out io.Writer, name string, lamp io.Reader) {
	for level := make([]byte, 4); ; {
		if _, err := io.ReadFull(lamp, level); err != nil {
			return
		}
		fmt.Fprintln(out, name, binary.NativeEndian.Uint32(level))
	}
}
