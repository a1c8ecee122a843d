package preset

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/encoderbox/encoderbox/device/config"
)

// Disk is what a Store needs of a file system.
type Disk interface {
	config.Disk // its ReadFile may refuse what is longer than MaxSize
	// List are the names in a folder, in any order; none where there is no folder.
	List(dir string) ([]string, error)
	// MakeFolder makes a folder that its owner alone can read, if it is not there.
	MakeFolder(dir string) error
}

// Store keeps the presets of a box. It is safe for concurrent use.
type Store struct {
	disk   Disk
	makers string
	folder func() (string, error)

	mu  sync.Mutex // orders what is read and written; guards the field below
	own string     // folder's answer
}

// NewStore keeps presets in the folder that own answers, asked until it does, once, so
// that a change of the configuration cannot hide them; makers is the maker's, which need
// not be there. disk is nil for the machine's.
func NewStore(disk Disk, own func() (string, error), makers string) *Store {
	if disk == nil {
		disk = OS{}
	}
	return &Store{disk: disk, folder: own, makers: makers}
}

// List are the presets by name; one of the box's own hides the maker's of its name. What
// is no preset is in it with its Err. The error says which folder could not be read; the
// other's are there all the same.
func (s *Store) List() ([]Preset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]Preset{}
	var wrong error
	if s.makers != "" {
		wrong = s.collect(s.makers, true, all)
	}
	dir, err := s.path()
	if err == nil {
		err = s.collect(dir, false, all)
	}
	list := slices.SortedFunc(maps.Values(all), func(a, b Preset) int { return strings.Compare(a.Name, b.Name) })
	return list, errors.Join(wrong, err)
}

// collect reads the presets of a folder, the first MaxKept of them.
func (s *Store) collect(dir string, makers bool, all map[string]Preset) error {
	names, err := s.names(dir)
	if err != nil {
		return fmt.Errorf("presets: read folder %s: %w", dir, err)
	}
	for _, file := range names[:min(len(names), MaxKept)] {
		p := s.read(filepath.Join(dir, file))
		p.Makers = makers
		all[p.Name] = p
	}
	return nil
}

// names are the files of a folder that would be presets, sorted.
func (s *Store) names(dir string) ([]string, error) {
	names, err := s.disk.List(dir)
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") || filepath.Ext(n) != Extension })
	slices.Sort(names)
	return names, err
}

// read reads a file that is to be a preset.
func (s *Store) read(file string) Preset {
	p := Preset{Name: strings.TrimSuffix(filepath.Base(file), Extension), File: file}
	if p.Err = CheckName(p.Name); p.Err != nil {
		return p
	}
	doc, err := s.disk.ReadFile(file)
	if err == nil {
		err = Check(doc)
	}
	if err != nil {
		p.Err = fmt.Errorf("preset %s: %s: %w", p.Name, file, err)
		return p
	}
	p.Doc, p.Note = doc, noteOf(doc)
	return p
}

// Read is one preset. The error is ErrNotFound, or why the file is none.
func (s *Store) Read(name string) (Preset, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(name)
}

func (s *Store) find(name string) (Preset, error) {
	if err := CheckName(name); err != nil {
		return Preset{}, err
	}
	dir, err := s.path()
	for _, folder := range []string{dir, s.makers} {
		if folder == "" {
			continue
		}
		p := s.read(filepath.Join(folder, name+Extension))
		p.Makers = folder == s.makers
		if !errors.Is(p.Err, fs.ErrNotExist) {
			return p, p.Err
		}
	}
	return Preset{}, errors.Join(fmt.Errorf("preset %s: %w", name, ErrNotFound), err)
}

// Save keeps a document under a name, in place of what the box had there. At every
// moment, also after a power cut, the whole old or the whole new one is there.
func (s *Store) Save(name string, doc []byte) error {
	if err := errors.Join(CheckName(name), Check(doc)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.ready()
	if err != nil {
		return err
	}
	names, err := s.names(dir)
	if err != nil {
		return fmt.Errorf("preset %s: save: %w", name, err)
	}
	file := name + Extension
	if !slices.Contains(names, file) && len(names) >= MaxKept {
		return fmt.Errorf("preset %s: save: %w", name, ErrFull)
	}
	if old, err := s.disk.ReadFile(filepath.Join(dir, file)); err == nil && bytes.Equal(old, doc) {
		return nil
	}
	if err := config.WriteFile(s.disk, filepath.Join(dir, file), doc); err != nil {
		return fmt.Errorf("preset %s: %w", name, err)
	}
	return s.sweep(dir)
}

// ready is the box's own folder, made where it is not there.
func (s *Store) ready() (string, error) {
	dir, err := s.path()
	if err != nil {
		return "", err
	}
	if err := s.disk.MakeFolder(dir); err != nil {
		return "", fmt.Errorf("presets: make folder: %w", err)
	}
	if err := s.disk.SyncFolder(filepath.Dir(dir)); err != nil { // it may be new
		return "", fmt.Errorf("presets: make folder: %w", err)
	}
	return dir, nil
}

// sweep removes what power cuts left half written: it may hold secrets.
func (s *Store) sweep(dir string) error {
	names, err := s.disk.List(dir)
	for _, n := range names {
		if strings.HasPrefix(n, ".") {
			err = errors.Join(err, s.disk.Remove(filepath.Join(dir, n)))
		}
	}
	if err != nil {
		return fmt.Errorf("presets: tidy folder: %w", err)
	}
	return nil
}

// Remove forgets a preset of the box's own. The error is ErrNotFound or ErrMakers.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.find(name)
	switch {
	case p.Makers:
		return fmt.Errorf("preset %s: %w", name, ErrMakers)
	case p.File == "":
		return err
	}
	dir := filepath.Dir(p.File)
	if err := errors.Join(s.disk.Remove(p.File), s.disk.SyncFolder(dir)); err != nil {
		return fmt.Errorf("preset %s: remove: %w", name, err)
	}
	return s.sweep(dir)
}

// Forget removes all that is the box's own: for a box that goes to other people.
func (s *Store) Forget() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.path()
	if err != nil {
		return err
	}
	names, err := s.disk.List(dir)
	for _, n := range names {
		err = errors.Join(err, s.disk.Remove(filepath.Join(dir, n)))
	}
	if len(names) > 0 {
		err = errors.Join(err, s.disk.SyncFolder(dir))
	}
	if err != nil {
		return fmt.Errorf("presets: forget: %w", err)
	}
	return nil
}

// appliedFile keeps the name of the preset that was applied last.
const appliedFile = "applied"

// Applied is the preset that was applied last, "" for none that is known.
func (s *Store) Applied() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.path()
	if err != nil {
		return ""
	}
	name, err := s.disk.ReadFile(filepath.Join(dir, appliedFile))
	if err != nil || CheckName(string(name)) != nil {
		return ""
	}
	return string(name)
}

// SetApplied keeps the name of the preset that was applied.
func (s *Store) SetApplied(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, err := s.ready()
	if err != nil {
		return err
	}
	return config.WriteFile(s.disk, filepath.Join(dir, appliedFile), []byte(name))
}

// path is the box's own folder. It is called with mu held.
func (s *Store) path() (string, error) {
	if s.own == "" {
		dir, err := s.folder()
		if err != nil {
			return "", fmt.Errorf("presets: %w", err)
		}
		s.own = filepath.Join(dir, "presets")
	}
	return s.own, nil
}
