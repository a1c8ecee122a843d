package hardware

import (
	"io/fs"
	"strings"
)

// deviceTreeCompatible lists what the boot loader says the board is, most
// specific first (Devicetree Specification §2.3.1); nil without a device tree.
func deviceTreeCompatible(root fs.FS) []string {
	text, err := fs.ReadFile(root, "proc/device-tree/compatible")
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == 0 })
}
