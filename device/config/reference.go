package config

import (
	"fmt"
	"reflect"
	"strings"
)

//go:generate go run ./gen -o ../../docs/configuration.md

// Reference is the reference of all keys as Markdown, made from the schema.
func Reference() []byte {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made from device/config by "go generate ./device/config": edit the struct tags there, not this file. -->

The configuration is one TOML file. ` + "`encoderd -config FILE`" + ` reads it, ` + "`encoderd -check FILE`" + ` only checks it. Unknown keys, wrong types and values out of range are refused, all at once, each with file, line, column, key and what was expected:

` + "```" + `
bench.toml:7:1: streams.main.video.bitrate: got "9G", expected a bit rate from 64k to 100M, such as "2.5M" or "800k"
bench.toml:9:1: streams.main.video.gpo: unknown key; did you mean "gop"?
` + "```" + `

After an edit, SIGHUP applies the file; only what changed restarts. ` + "`GET /api/v1/config`" + ` shows every value that holds, secrets as ` + "`***`" + `; ` + "`PATCH /api/v1/config`" + ` takes a JSON merge patch (RFC 7386) on it: null sets a key back to its default and removes a stream or a destination, and a secret sent back as it is shown stays what it is. A change by the API is written into the file with its comments kept where possible; the version before is kept as FILE` + PreviousSuffix + `.

## Changing it on a running box

On the serial console, with ` + "`encoderctl`" + ` and by the API, everybody edits a candidate of their own; nothing holds before it is committed. Who has one is told by his name, the surface, and the session: a terminal of the box's, a connection of a program's, or what the header ` + "`Encoderbox-Session`" + ` of a request to the API says:

| Command | What it does |
|---|---|
| ` + "`config set PATH VALUE`, `config delete PATH`" + ` | change the candidate; ` + "`config set streams.main.video.gop 1s`" + ` |
| ` + "`show config [PATH]`, `config diff`, `config validate`" + ` | what it is, what it changes, what is wrong with it; secrets are concealed |
| ` + "`config commit`" + ` | has it run and saves it |
| ` + "`config commit confirmed [60s]`" + ` | has it run; unless ` + "`config confirm`" + ` follows in time (10s to 1h), the configuration before runs again, also when the box restarts meanwhile, and what was tried is the candidate again, to be mended. ` + "`config revert`" + ` does not wait |
| ` + "`config versions`, `config rollback N`" + ` | the last ten configurations that were saved; takes one into the candidate, or ` + "`config rollback factory`" + ` the factory's. ` + "`system factory-reset`" + ` runs that at once, and forgets all others |
| ` + "`config usb`, `config load FILE`" + ` | tells of ` + "`encoderbox.toml`" + ` on USB sticks, with what it would change; takes a file into the candidate; secrets that stand there as ` + "`***`" + ` stay what they are, and with ` + "`version=`" + ` of ` + "`config export`" + ` it is refused where something changed meanwhile. Nothing is taken by itself |

While a change waits for its confirmation, other changes are refused. Who commits over somebody else's change of the same keys is told which; changes of other keys are kept. Versions are files that hold the secrets too, for the daemon's user alone: ` + "`versions/`" + ` in the folder ` + "`storage.state`" + ` that the daemon started with.

## Notations

| Notation | Written | Means |
|---|---|---|
| duration | ` + "`\"2s\"`, `\"500ms\"`, `\"1m30s\"`" + ` | units h, m, s, ms |
| bits per second | ` + "`\"2.5M\"`, `\"2500k\"`, `\"2.5 Mb/s\"`, `2500000`" + ` | decimal: k is 1000, M is 1000000 |
| bytes | ` + "`\"8MiB\"`, `\"512KiB\"`, `\"8MB\"`, `8388608`" + ` | KiB is 1024, kB is 1000 |
| frames per second | ` + "`\"30\"`, `\"30000/1001\"`, `29.97`" + ` | 23.976, 29.97, 59.94 and 119.88 are the exact 1000/1001 rates |

NAME is a name you choose: 1 to 32 of a-z, 0-9 and -, not starting with -. At least one stream is needed; ` + "`[streams.main]`" + ` alone is one, with the test pattern.
`)
	referenceTable(&b, "", "", reflect.TypeFor[Config]())
	return []byte(b.String())
}

// referenceTable writes the keys of a table, then of those under it.
func referenceTable(b *strings.Builder, path, help string, t reflect.Type) {
	var rows strings.Builder
	fields := fieldsOf(t)
	for _, f := range fields {
		if !f.isTable && !f.isNamed {
			fmt.Fprintf(&rows, "| `%s` | %s | %s | %s | %s |\n", f.key, f.unitText(), f.defaultText(), f.rangeText(), f.kindsText()+f.help)
		}
	}
	if path != "" {
		fmt.Fprintf(b, "\n## [%s]\n\n%s\n", path, help)
	}
	if rows.Len() > 0 {
		b.WriteString("\n| Key | Value | Default | Range | |\n|---|---|---|---|---|\n" + rows.String())
	}
	for _, f := range fields {
		switch {
		case f.isTable:
			referenceTable(b, join(path, f.key), f.help, f.typ)
		case f.isNamed:
			referenceTable(b, join(path, f.key)+".NAME", f.help, f.typ.Elem())
		}
	}
}

// kindsText says which destinations have the key.
func (f *field) kindsText() string {
	switch {
	case len(f.kinds) == 0:
		return ""
	case f.kinds[0] == classPackets:
		return "All but hls, dash and s3. "
	}
	list := kindList(f.kinds)
	return "For " + list + ". "
}

func (f *field) unitText() string {
	switch {
	case f.unit != "":
		return f.unit
	case f.typ.Kind() == reflect.Bool:
		return "true, false"
	}
	return "text"
}

func (f *field) defaultText() string {
	switch {
	case f.required:
		return "required"
	case f.derived != "":
		return f.derived
	case f.def == "":
		return "none"
	}
	v := reflect.New(f.typ).Elem()
	if err := setText(v, f.def); err != nil {
		return f.def
	}
	return "`" + tomlValue(f.leafNode(v, true)) + "`"
}

func (f *field) rangeText() string {
	switch {
	case len(f.enum) > 0:
		return "`" + strings.Join(f.enum, "`, `") + "`"
	case f.min != "":
		return f.min + " … " + f.max
	}
	return ""
}
