package sim_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A closed net leaves nothing behind, whatever was broken in it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
