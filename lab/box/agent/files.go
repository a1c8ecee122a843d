package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// getFile sends a file. Files of proc and sysfs have no length that would be true.
func getFile(w http.ResponseWriter, r *http.Request) {
	f, err := os.Open(r.FormValue("path"))
	if err != nil {
		http.Error(w, "agent: "+err.Error(), http.StatusNotFound)
		return
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		http.Error(w, "agent: "+f.Name()+" is a folder", http.StatusBadRequest)
		return
	}
	if _, err := io.Copy(w, f); err != nil {
		fmt.Fprintln(os.Stderr, "agent: send", f.Name()+":", err)
		panic(http.ErrAbortHandler) // the host must not take a part for the whole
	}
}

func putFile(w http.ResponseWriter, r *http.Request) {
	mode, err := strconv.ParseUint(r.FormValue("mode"), 8, 12)
	if err == nil {
		err = writeFile(r.FormValue("path"), os.FileMode(mode), r.Body)
	}
	if err != nil {
		http.Error(w, "agent: "+err.Error(), http.StatusBadRequest)
	}
}

func writeFile(path string, mode os.FileMode, r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
