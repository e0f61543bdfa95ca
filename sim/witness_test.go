package sim

import (
	"net/http"
	"testing"
	"time"

	"proxycheck/probe"
	"proxycheck/probe/wusp"
)

// A witness that is reached late tells of the whole run all the same: nothing that
// arrived is taken for something that did not.
func TestWitnessReachedLate(t *testing.T) {
	t.Parallel()
	const late = 1500 * time.Millisecond // more than a question reaches back beyond the run
	questions := 0
	n := brokenNet(t, front(under(wusp.WitnessPath), func(w http.ResponseWriter, r *http.Request, honest http.Handler) {
		if questions++; questions == 1 { // one after another
			time.Sleep(late)
		}
		honest.ServeHTTP(w, r)
	}))
	r := beside(n, probe.BodyCut).Run(t.Context())
	for _, result := range r.Results {
		o := result.Observation
		if o == nil || o.Witness == nil || o.Witness.Closest == nil {
			t.Errorf("nothing is said to have arrived of %s: %q", result.Step.ID(), r.Untold)
		}
	}
	if r.Untold != "" || questions != 2 {
		t.Errorf("asked %d times: %q", questions, r.Untold)
	}
}
