package sim

import (
	"fmt"
	"net/http"
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
