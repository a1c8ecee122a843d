// Package main is encoderd as it is, but that it writes a CPU and a heap
// profile of itself: the product has no port for that. For make bench's
// -profile. The environment says where (PROFILE_DIR), after how long
// (PROFILE_AFTER), and over how long (PROFILE_FOR).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"github.com/encoderbox/encoderbox/device"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "profiled:", err)
		os.Exit(1)
	}
}

func run() error {
	config := flag.String("config", "", "configuration file")
	flag.Parse()
	after, err := time.ParseDuration(os.Getenv("PROFILE_AFTER"))
	if err != nil {
		return fmt.Errorf("PROFILE_AFTER: %w", err)
	}
	length, err := time.ParseDuration(os.Getenv("PROFILE_FOR"))
	if err != nil {
		return fmt.Errorf("PROFILE_FOR: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var (
		profiler sync.WaitGroup
		failed   error
	)
	profiler.Go(func() { failed = profile(ctx, os.Getenv("PROFILE_DIR"), after, length) })
	err = device.Run(ctx, device.Options{ConfigFile: *config, Version: "profiled", Stdout: os.Stdout, Stderr: os.Stderr})
	stop()
	profiler.Wait()
	return errors.Join(err, failed)
}

// profile writes cpu.pprof and heap.pprof into dir, unless ctx ends before.
func profile(ctx context.Context, dir string, after, length time.Duration) error {
	select {
	case <-time.After(after):
	case <-ctx.Done():
		return nil
	}
	f, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return err
	}
	defer f.Close()
	var before, end runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
	pprof.StopCPUProfile()
	runtime.ReadMemStats(&end)
	return errors.Join(writeHeap(filepath.Join(dir, "heap.pprof")), writeMemory(filepath.Join(dir, "memory.txt"), &before, &end))
}

func writeHeap(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return pprof.Lookup("heap").WriteTo(f, 0)
}

// writeMemory says what the collector did in between.
func writeMemory(name string, a, b *runtime.MemStats) error {
	const mb = 1 << 20
	text := fmt.Sprintf("collections %d\nallocated %.1f MB in %d objects\nheap in use %.1f MB, idle %.1f MB, released %.1f MB\nstacks %.1f MB, other %.1f MB\npauses %v\n",
		b.NumGC-a.NumGC, float64(b.TotalAlloc-a.TotalAlloc)/mb, b.Mallocs-a.Mallocs,
		float64(b.HeapInuse)/mb, float64(b.HeapIdle)/mb, float64(b.HeapReleased)/mb,
		float64(b.StackSys)/mb, float64(b.MSpanSys+b.MCacheSys+b.GCSys+b.OtherSys+b.BuckHashSys)/mb,
		time.Duration(b.PauseTotalNs-a.PauseTotalNs))
	return os.WriteFile(name, []byte(text), 0o644)
}
