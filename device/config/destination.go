package config

import (
	"slices"
	"strconv"
	"strings"
)

// DefaultDestination is a destination as an empty table configures it, but for
// its URL.
func DefaultDestination() Destination {
	root := newTable()
	root.put("streams", newTable()).put("main", newTable()).put("destinations", newTable()).put("main", newTable())
	c, _ := build("", root)
	return c.Streams["main"].Destinations["main"]
}

// Options are the options of the destination's kind, by name. What the URL
// gives itself (srt://…?latency=80) is left to it.
func (dest Destination) Options() map[string]string {
	options := map[string]string{}
	switch dest.URL.Scheme() {
	case "srt":
	case "http", "https":
		options["store"], options["store_share"] = dest.Store, strconv.Itoa(dest.StoreShare)
		options["delete_old"] = strconv.FormatBool(dest.DeleteOld)
		if !dest.Authorization.IsZero() {
			options["authorization"] = dest.Authorization.Reveal()
		}
		return options
	default:
		return options
	}
	if !dest.inURL("latency") {
		options["latency"] = dest.Latency.String()
	}
	if !dest.Passphrase.IsZero() {
		options["passphrase"] = dest.Passphrase.Reveal()
	}
	return options
}

// inURL says that the URL's query has the option.
func (dest Destination) inURL(option string) bool {
	u, err := dest.URL.URL()
	return err == nil && u.Query().Has(option)
}

// conceal masks the destination's secrets in a text that others wrote.
func (dest Destination) conceal(text string) string {
	secrets := []string{dest.URL.Reveal(), dest.Passphrase.Reveal(), dest.Authorization.Reveal()}
	if u, err := dest.URL.URL(); err == nil {
		secrets = append(secrets, u.RequestURI(), u.RawQuery, u.Fragment)
		if p, ok := u.User.Password(); ok {
			secrets = append(secrets, p)
		}
		for _, values := range u.Query() {
			secrets = append(secrets, values...)
		}
		if i := strings.LastIndexByte(u.Path, '/'); i > 0 {
			secrets = append(secrets, u.Path[i+1:])
		}
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) > 2 {
			text = strings.ReplaceAll(text, s, Mask)
		}
	}
	return strings.ReplaceAll(text, "\n", " ")
}
