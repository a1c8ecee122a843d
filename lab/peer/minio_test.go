package peer

import (
	"os"
	"strings"
	"testing"
)

func TestMinIOIsThePinnedOne(t *testing.T) {
	mod, err := os.ReadFile("minio/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "github.com/minio/minio "+minioVersion+" ") {
		t.Errorf("lab/peer/minio/go.mod does not ask for %s", minioVersion)
	}
}

func TestMinIO(t *testing.T) {
	m := StartMinIO(t)
	keys, err := m.Keys(t.Context(), "")
	if err != nil || len(keys) != 0 {
		t.Errorf("%q, %v", keys, err)
	}
}
