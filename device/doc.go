// Package device is the product: it turns a configuration into running
// components and keeps the one status that every surface shows.
package device
