package sim

import (
	"fmt"
	"net/http"
	"slices"
)

// ForTests are faults that show nothing of their own: what they show, another
// fault shows too.
var ForTests = map[string]*Fault{
	"exe-altered": {Name: "exe-altered", Break: response(file(".exe"), changeByte(100))},
	"exe-reset":   {Name: "exe-reset", Break: takeOver(file(".exe"), hangUp)},
	"range-clamped": {Name: "range-clamped", Break: request(where(having("Range"), func(r *http.Request) {
		var from, to int64
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 && to-from >= 128<<10 {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, from+128<<10-1))
		}
	}))},
}

// ActsAt is the one part of a net at which a fault acts, or "" when there are more.
func ActsAt(f *Fault) string {
	n, err := assemble("", []*Fault{f})
	if err != nil {
		return ""
	}
	parts := slices.Compact(slices.Sorted(slices.Values(n.touched[f.Name])))
	if len(parts) != 1 {
		return ""
	}
	return string(parts[0])
}
